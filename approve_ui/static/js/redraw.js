// Lists that are drawn again under a reader: the keyboard stays where it was, and nothing typed is lost.

import { all, one } from "./dom.js";

const CONTROLS = "a, button, input, select, summary";
const waiting = new Set();

/** What was unfolded stays so. Whoever stood in `place` stands on the same afterwards; else in its row, on the list, on the page. */
export function redraw(place, ...rows) {
  const stood = document.activeElement;
  const was = place.contains(stood) ? [rowOf(stood), wordsOf(stood)] : null;
  const unfolded = new Set(all("details[open]", place).map(rowOf));
  place.replaceChildren(...rows);
  for (const folded of all("details", place)) folded.open = unfolded.has(rowOf(folded));
  if (!was) return;
  const inRow = was[0] ? all(CONTROLS, place).filter((each) => rowOf(each) === was[0]) : [];
  const next = inRow.find((each) => wordsOf(each) === was[1]) ?? inRow[0] ?? (place.checkVisibility() ? place : one("h1"));
  if (inRow.length === 0) next.tabIndex = -1;
  next.focus({ preventScroll: true });
}

const wordsOf = (element) => element.labels?.[0]?.textContent ?? element.ariaLabel ?? element.textContent;

/** Which row an element is of: never another one that only looks alike. */
const rowOf = (element) => element.closest("[data-row]")?.dataset.row;

/** Draws at once, or when no dialog is open and nobody types in `places`, or has typed. */
export function whenFree(places, draw) {
  const typed = (field) => field === document.activeElement || field.value !== field.defaultValue;
  if (!one("dialog[open]") && !all(`:is(${places}) input`).some(typed)) return draw();
  if (waiting.has(draw)) return;
  waiting.add(draw);
  document.addEventListener("focusout", () => setTimeout(() => {
    waiting.delete(draw);
    whenFree(places, draw);
  }, 0), { once: true });
}
