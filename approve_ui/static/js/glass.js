// The dialog that asks why glass is to be broken. Enter goes back: its first button is Back.

import { one } from "./dom.js";

const SHORTEST = 10;
const dialog = one("#glass-ask");
const reason = one("#glass-reason");

/** The reason as it is signed: one line of what can be seen. */
export const cleanReason = (text) => text.trim().replace(/\s+/g, " ").replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "").trim();

/** Asks; answers null for Back, or the reason. */
export function askForReason() {
  dialog.returnValue = "";
  dialog.showModal();
  one("h2", dialog).focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "break" ? cleanReason(reason.value) : null), { once: true });
  });
}

reason.addEventListener("input", () => {
  const short = cleanReason(reason.value).length < SHORTEST;
  reason.setCustomValidity(short ? "Say why in at least 10 characters that can be seen." : "");
});
