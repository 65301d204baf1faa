// A change of the gateway that a passkey signs: its bytes are shown, read back, and only then signed.

import { post } from "./api.js";
import { decode, hex, sha256, unbase64url } from "./bytes.js";
import { el } from "./dom.js";
import { jcs } from "./jcs.js";
import { boundDigest, sign } from "./passkey.js";
import { readText, written } from "./values.js";

const OTHER = "The gateway asked this device to sign something else. Nothing was signed.";

/** Asks for a change; throws unless what would be signed is this very change, for this person. */
export async function beginChange(kind, asked, person) {
  const begun = await post("/api/v1/changes/begin", { kind, asked });
  const bytes = unbase64url(begun.payload);
  const text = decode(bytes);
  const payload = JSON.parse(text);
  const right = payload.type === "secondsig/administration" && payload.version === 1 && payload.kind === kind &&
    payload.person === person && jcs(payload.asked) === jcs(asked) && begun.options.rpId === payload.rp_id &&
    boundDigest(begun.options.challenge) === hex(await sha256(bytes));
  if (!right) throw new Error(OTHER);
  return { ...begun, payload, text };
}

/** Shows in `place` what would be signed: the sentence, and every byte of it. */
export function showChange(place, { payload, text }) {
  place.replaceChildren(
    el("p", { class: "lead", "data-says": "" }, written(payload.says)),
    el("details", { open: true }, el("summary", {}, "What your passkey signs, byte for byte"),
      el("pre", { class: "whole", tabindex: "0", role: "region", "aria-label": "Raw payload" }, el("code", { "data-bytes": "" }, written(text)))));
}

/** Signs what `place` shows, if it still shows exactly that, and has it done. */
export async function finishChange(place, { challenge_id, options, payload, text }) {
  const [says, shown] = [place.querySelector("[data-says]"), place.querySelector("[data-bytes]")];
  const same = says && shown && says.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
    readText(says) === payload.says && readText(shown) === text;
  if (!same) throw new Error("This page does not show what would be signed. Nothing was signed.");
  return post("/api/v1/changes/finish", { challenge_id, credential: await sign(options) });
}
