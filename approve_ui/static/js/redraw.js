// Lists that are drawn again under a reader: the keyboard stays where it was, and nothing typed is lost.

import { all, one } from "./dom.js";

const ROWS = "li, tr, article";
const waiting = new Set();

/** Whoever stood in `place` with the keyboard stands on the same afterwards; else in its row, on the list, on the page. */
export function redraw(place, ...rows) {
  const stood = document.activeElement;
  const was = place.contains(stood) ? [rowOf(stood), wordsOf(stood)] : null;
  place.replaceChildren(...rows);
  if (!was) return;
  const inRow = all("a, button, input, select, summary", place).filter((each) => rowOf(each) === was[0]);
  const next = inRow.find((each) => wordsOf(each) === was[1]) ?? inRow[0] ?? (place.checkVisibility() ? place : one("h1"));
  if (inRow.length === 0) next.tabIndex = -1;
  else if (next.tagName !== "SUMMARY" && next.closest("details")) next.closest("details").open = true;
  next.focus({ preventScroll: true });
}

const wordsOf = (element) => `${element.textContent.trim()} ${element.name ?? ""}`;

/** What a reader knows a row by, and the rows around it; how it fares may change. */
function rowOf(element) {
  const names = [];
  for (let row = element.closest(ROWS); row; row = row.parentElement.closest(ROWS)) {
    const heading = [...(one("h2, h3, b, a, td", row)?.childNodes ?? [])];
    names.push(...heading.filter((part) => !part.classList?.contains("tag")).map((part) => part.textContent.trim()));
  }
  return names.join("\n");
}

/** Loads at once, or when nobody types in `places` any more and no dialog is open. */
export function whenFree(places, load) {
  if (!one("dialog[open]") && !document.activeElement?.closest(places)) return load();
  if (waiting.has(load)) return;
  waiting.add(load);
  document.addEventListener("focusout", () => setTimeout(() => {
    waiting.delete(load);
    whenFree(places, load);
  }, 0), { once: true });
}
