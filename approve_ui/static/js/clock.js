// The time is the gateway's: what this device thinks is only used to count seconds.

import { all, el, one, say } from "./dom.js";

const ALOUD = [60, 30, 10];
const JUMP_MS = 2000;
let offset = null;
let said = null;

export const now = () => Date.now() + (offset ?? 0);

// What is said is cut to the second and was said a while ago: of several answers the latest time is the nearest.
export function setServerTime(text) {
  const heard = Date.parse(text) - Date.now();
  const jumped = offset === null || Math.abs(heard - offset) > JUMP_MS;
  offset = jumped ? heard : Math.max(offset, heard);
}

export const secondsUntil = (text) => Math.max(0, Math.ceil((Date.parse(text) - now()) / 1000));

// Not toLocaleTimeString: it reads a language's rules anew each time.
export const timeOfDay = (text, seconds = true) => new Date(text).toTimeString().slice(0, seconds ? 8 : 5);

/** "today 10:41:02", or the date where it is another day. */
export function when(text) {
  const day = new Date(text).toDateString();
  const date = day === new Date(now()).toDateString() ? "today" : new Date(text).toLocaleDateString([], { dateStyle: "medium" });
  return `${date} ${timeOfDay(text)}`;
}

const exact = (text) => `${new Date(text).toISOString().slice(0, 19).replace("T", " ")} UTC`;

/** A time in the reader's zone, in these words, with the exact UTC at hand. */
export const moment = (text, words = when(text)) => el("time", { datetime: text, title: exact(text) }, words);

/** The end of a longer time: the day of the week where it is near, or the date. */
export function untilWhen(text) {
  const near = Math.abs(Date.parse(text) - now()) < 6 * 86_400_000;
  return `${new Date(text).toLocaleDateString("en", near ? { weekday: "long" } : { dateStyle: "medium" })} ${timeOfDay(text, false)}`;
}

export function left(seconds) {
  if (seconds > 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Keeps every [data-until] on the page counting; `onEnd` is called once for each that runs out. */
export function startClock({ aloud = false, onEnd = () => {} } = {}) {
  tick = () => {
    for (const element of all('[data-until]:not([data-until=""])')) show(element, aloud, onEnd);
  };
  setInterval(() => tick(), 500);
}

/** Shows the time left at once where something new counts. */
export let tick = () => {};

function show(element, aloud, onEnd) {
  const seconds = secondsUntil(element.dataset.until);
  const text = left(seconds);
  if (element.textContent !== text) element.textContent = text;
  const bar = one("progress", element.closest("[data-clock]") ?? element);
  if (bar) bar.value = seconds;
  if (aloud && ALOUD.includes(seconds) && said !== seconds) {
    said = seconds;
    say(`${seconds} seconds left`);
  }
  if (seconds === 0 && !("over" in element.dataset)) {
    element.dataset.over = "";
    onEnd(element);
  }
}
