// The dialog of a change of the gateway itself: its bytes are checked and shown, and the passkey signs just these.

import { post } from "./api.js";
import { decode, ends, hex, sha256, unbase64url } from "./bytes.js";
import { el, icon, one } from "./dom.js";
import { jcs } from "./jcs.js";
import { boundDigest, sign, whyNotSigned } from "./passkey.js";
import { readText, written } from "./values.js";

const TYPE = "secondsig/administration";

/** Shows what would change and has it signed; answers what the gateway says, or null if the person went back. */
export async function askToSign(kind, asked, person) {
  const begun = await post("/api/v1/changes/begin", { kind, asked });
  const { payload, bytes, digest } = await open(begun, { kind, asked, person });
  const dialog = show(payload, bytes, digest);
  document.body.append(dialog);
  try {
    return await decide(dialog, begun, () => check(dialog, payload, bytes));
  } finally {
    dialog.close(); // so that the keyboard is again where it came from
    dialog.remove();
  }
}

async function open({ payload: encoded, options }, { kind, asked, person }) {
  const bytes = unbase64url(encoded);
  const digest = hex(await sha256(bytes));
  const payload = JSON.parse(decode(bytes));
  const right = payload.type === TYPE && payload.version === 1 && payload.kind === kind && payload.person === person &&
    jcs(payload.asked) === jcs(asked) && payload.rp_id === options.rpId && boundDigest(options.challenge) === digest;
  if (!right) throw new Error("The gateway asked this device to sign something else. Nothing was signed.");
  return { payload, bytes, digest };
}

function show(payload, bytes, digest) {
  const facts = el("dl", { class: "facts" }, ...lines(payload.change).map(([name, value]) => el("div", {}, el("dt", {}, written(name)), el("dd", {}, value))));
  return el("dialog", { class: "change", "aria-labelledby": "change-title" },
    el("form", { method: "dialog", class: "form" },
      el("h2", { id: "change-title", tabindex: "-1" }, written(payload.says)),
      facts,
      el("details", {}, el("summary", {}, el("span", {}, "What your passkey signs "), el("span", { class: "digest" }, ends(digest))),
        el("pre", { class: "whole", tabindex: "0", role: "region", "aria-label": "Raw payload" }, el("code", {}, written(decode(bytes))))),
      el("p", { class: "caution", role: "alert", hidden: true }, icon("caution"), el("span", {})),
      el("div", { class: "buttons" },
        el("button", { class: "button", type: "submit", value: "" }, "Back"),
        el("button", { class: "button sign", type: "button" }, icon("passkey"), " ", el("span", {}, "Sign")))));
}

/** Each thing that changes on a line of its own: what it is now, and what it would be. */
function lines(change, path = "") {
  return Object.entries(change).flatMap(([name, value]) => {
    const label = path + name.replaceAll("_", " ");
    if (value !== null && typeof value === "object" && "from" in value && "to" in value) {
      return [[label, el("span", {}, said(value.from), " → ", el("b", {}, said(value.to)))]];
    }
    if (value !== null && typeof value === "object" && !Array.isArray(value)) return lines(value, `${label} `);
    return [[label, el("b", {}, said(value))]];
  });
}

function said(value) {
  if (value === null || (Array.isArray(value) && value.length === 0)) return el("i", {}, "none");
  const words = Array.isArray(value) ? value.join(", ") : typeof value === "string" ? value : JSON.stringify(value);
  return el("span", { class: words.includes("\n") ? "value lines" : "value" }, written(words, { lines: true }));
}

// What the dialog shows is what is signed: read back in the moment before the passkey.
function check(dialog, payload, bytes) {
  const [says, raw] = [one("h2", dialog), one("code", dialog)];
  const seen = says.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  if (!seen || readText(says) !== payload.says || readText(raw) !== decode(bytes)) throw new Error("This page does not show what would be signed.");
}

function decide(dialog, begun, check) {
  const problem = one(".caution", dialog);
  const button = one(".sign", dialog);
  const ceremony = new AbortController();
  dialog.showModal();
  one("h2", dialog).focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => { ceremony.abort(); resolve(null); }, { once: true });
    button.addEventListener("click", async () => {
      if (button.getAttribute("aria-disabled") === "true") return;
      button.setAttribute("aria-disabled", "true");
      problem.hidden = true;
      try {
        check();
        const credential = await sign(begun.options, ceremony.signal);
        resolve(await post("/api/v1/changes/finish", { challenge_id: begun.challenge_id, credential }));
      } catch (error) {
        one("span", problem).textContent = `${whyNotSigned(error)} Nothing was changed.`;
        problem.hidden = false;
        if (!("status" in error)) button.removeAttribute("aria-disabled");
      }
    });
  });
}
