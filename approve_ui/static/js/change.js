// A change of the gateway itself: shown whole, read back, compared with the bytes to be signed, then signed.

import { post } from "./api.js";
import { decode, encode, ends, hex, sha256, unbase64url } from "./bytes.js";
import { el } from "./dom.js";
import { jcs } from "./jcs.js";
import { boundDigest, sign } from "./passkey.js";
import { leaves } from "./payload.js";
import { leaf, written } from "./values.js";
import { Mismatch, readBack } from "./verify.js";

/** What would be signed for `kind`; throws a Mismatch unless it is just what was `asked`, by this person, here. */
export async function beginChange(kind, asked, person) {
  const { challenge_id, payload: encoded, options } = await post("/api/v1/changes/begin", { kind, asked });
  const bytes = unbase64url(encoded);
  const digest = hex(await sha256(bytes));
  const payload = JSON.parse(decode(bytes));
  const right = boundDigest(options.challenge) === digest && payload.type === "secondsig/administration" &&
    payload.version === 1 && payload.kind === kind && payload.person === person && jcs(payload.asked) === jcs(asked) &&
    options.rpId === payload.rp_id && (location.hostname === payload.rp_id || location.hostname.endsWith(`.${payload.rp_id}`));
  if (!right) throw new Mismatch("the gateway asks to sign something else", digest, "");
  return { challenge_id, options, payload, digest };
}

/** Every field of the change: its sentence first, and then all that is signed. */
export function changeSheet({ payload, digest }) {
  const rows = [...leaves(payload)].filter(([path]) => path[0] !== "says").map(([path, value]) =>
    el("div", {}, el("dt", {}, written(path.join(" › "))), el("dd", {}, leaf(path, value, { class: "mono" }))));
  return el("div", {},
    el("p", { class: "lead" }, leaf(["says"], payload.says)),
    el("h3", {}, "Everything you sign ", el("small", { class: "quiet digest" }, ends(digest))),
    el("dl", { class: "fields" }, ...rows));
}

/** Signs what `sheet` shows, and nothing else. */
export async function finishChange(opened, sheet) {
  if (hex(await sha256(encode(jcs(readBack(sheet))))) !== opened.digest) throw new Mismatch("the page shows something else", opened.digest, "");
  const credential = await sign(opened.options);
  return post("/api/v1/changes/finish", { challenge_id: opened.challenge_id, credential });
}
