// The dialog that asks for a note. Enter goes back: its first button is Back.

import { all, one } from "./dom.js";

const dialog = one("#deny");
const note = one("#note");
const pauseToo = one("#pause-too");

for (const radio of all("input[data-note]", dialog)) {
  radio.addEventListener("change", () => { note.value = radio.dataset.note; });
}

/** Asks; answers null for Back, or the note, which may be empty, and whether the agent is to be paused. */
export function askForNote() {
  dialog.returnValue = "";
  dialog.showModal();
  one("h2", dialog).focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "deny" ? { note: note.value.trim() || null, pause: pauseToo.checked } : null), { once: true });
  });
}
