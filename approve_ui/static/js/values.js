// What an agent wrote is text: in a well, whole, with nothing in it that would not show.
// Each way to show a value has its way back: read(show(value)) is the value again, or the display is refused.

import { base64, decode, encode, grouped, unbase64 } from "./bytes.js";
import { el, icon } from "./dom.js";

const BOX_LINES = 10;
const BOX_LENGTH = 800;

// Controls, formats (bidi, zero-width, tags), private, unassigned and separators; blank letters; what stacks or selects.
const WRITTEN_OUT = new RegExp(
  "[\\p{C}\\p{Zl}\\p{Zp}]|(?! )\\p{Zs}|[\\u034F\\u115F\\u1160\\u17B4\\u17B5\\u2800\\u3164\\uFFA0\\u{E0100}-\\u{E01EF}]" +
    "|[\\uFE00-\\uFE0E]|(?<!\\p{Extended_Pictographic})\\uFE0F|(?<=\\p{M}{3})\\p{M}", "u");
// Most texts hold nothing that the long looks below could find.
const ASCII = /^[\t\n -~]*$/;
const isPlain = (text) => text === text.trim() && /^[ -~]+$/.test(text);
const REVERSES = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/u;
const LOOKS_LIKE_HTML = /<[a-z!/?][^<]*>?/i;
const LATIN = /\p{Script=Latin}/u;
const LATIN_LIKE = /([\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}])/u;

const breaks = (lines, c) => lines && (c === "\n" || c === "\t");
const hides = (c, lines) => WRITTEN_OUT.test(c) && !breaks(lines, c);

/** The code point as U+202E, or as many digits as it has. */
const spelled = (c) => `U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;

/** Text with every character that would not show written out; `lines` keeps line breaks and tabs. */
export function written(text, { lines = false } = {}) {
  const fragment = document.createDocumentFragment();
  if (isPlain(text)) {
    fragment.append(text);
    return fragment;
  }
  let plain = "";
  for (const [c, bare] of characters(text, lines)) {
    if (bare) {
      plain += c;
      continue;
    }
    fragment.append(plain, el("span", { class: "codepoint" }, spelled(c)));
    plain = "";
  }
  fragment.append(plain);
  return fragment;
}

// A space at either end is written out too; context decides about marks and selectors, so look at the whole text.
function* characters(text, lines) {
  const hidden = new Set(Array.from(text.matchAll(new RegExp(WRITTEN_OUT, "gu")), (m) => m.index));
  const starts = text.length - text.trimStart().length;
  const stops = text.trimEnd().length;
  let at = 0;
  for (const c of text) {
    const edge = !lines && c === " " && (at < starts || at >= stops);
    yield [c, !edge && (!hidden.has(at) || breaks(lines, c))];
    at += c.length;
  }
}

/** The text that an element shows, with what was written out turned back. */
export function readText(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.data;
  if (node.classList?.contains("codepoint")) return String.fromCodePoint(Number.parseInt(node.textContent.slice(2), 16));
  return Array.from(node.childNodes, readText).join("");
}

const exactly = (word, value) => ({
  show: () => [word],
  read(element) {
    if (element.textContent !== word) throw new TypeError(`${word} is not what stands there`);
    return value();
  },
});

const KINDS = {
  text: { show: (v) => [written(v)], read: readText },
  lines: { show: (v) => [written(v, { lines: true })], read: readText },
  hex: { show: (v) => [grouped(v)], read: (e) => e.textContent.replaceAll(" ", "") },
  base64: { show: (v) => [written(decode(unbase64(v)), { lines: true })], read: (e) => base64(encode(readText(e))) },
  empty: exactly("empty", () => ""),
  int: { show: (v) => [String(v)], read: (e) => Number(e.textContent) },
  bool: { show: (v) => [String(v)], read: (e) => ({ true: true, false: false })[e.textContent] },
  none: exactly("none", () => null),
  noList: exactly("none", () => []),
  noMap: exactly("none", () => Object.create(null)),
  isNull: exactly("null", () => true),
  isFree: exactly("May change: not signed", () => true),
};

function kindOf(value) {
  if (value === null) return "none";
  if (value === "") return "empty";
  if (Array.isArray(value)) return "noList";
  return { string: "text", number: "int", boolean: "bool" }[typeof value] ?? "noMap";
}

const QUIET = new Set(["empty", "none", "noList", "noMap", "isNull", "isFree"]);

/** An element that shows the value at `path` of the payload, and says so to the reader. */
export function leaf(path, value, { kind = kindOf(value), tag = "span", ...attributes } = {}) {
  const shown = value === "" ? "empty" : kind;
  const look = QUIET.has(shown) ? "quiet" : attributes.class ?? "";
  return el(tag, { ...attributes, class: `leaf ${look}`.trim(), "data-at": JSON.stringify(path), "data-is": shown }, ...KINDS[shown].show(value));
}

export const readLeaf = (element) => KINDS[element.dataset.is].read(element);

/** True if base64 text shows as text and comes back as the very same base64. */
export function showsAsBase64(value) {
  try {
    return value !== "" && base64(encode(decode(unbase64(value)))) === value;
  } catch {
    return false;
  }
}

/** A text of several lines, or a long one: whole, in a box that can be opened. */
export function block(path, value, { kind = "lines", label, text = value, prefix = "" }) {
  const lines = text.split("\n").length;
  const boxed = lines > BOX_LINES || text.length > BOX_LENGTH;
  const size = `${prefix}${encode(text).length.toLocaleString("en")} bytes of text, ${lines.toLocaleString("en")} ${lines === 1 ? "line" : "lines"}, shown whole`;
  const pre = leaf(path, value, { kind, tag: "pre", class: boxed ? "whole" : "whole open", ...(boxed && { tabindex: "0", role: "region", "aria-label": label }) });
  return [el("small", {}, size), pre, ...(boxed ? [unfold(pre)] : [])];
}

function unfold(pre) {
  const button = el("button", { class: "button slim plain", type: "button", "aria-expanded": "false" });
  const label = (open) => button.replaceChildren(open ? "Show in a box again" : "Show without a box");
  label(false);
  button.addEventListener("click", () => {
    const open = pre.classList.toggle("open");
    button.setAttribute("aria-expanded", String(open));
    label(open);
  });
  return el("span", { "data-moves": "" }, button);
}

/** What a reader should know of a text before trusting its looks. */
export function concerns(text, { html = true } = {}) {
  const found = ASCII.test(text) ? [] : strange(text);
  const host = asciiHost(text);
  if (host) found.push(`Its host is ${host}.`);
  if (html && LOOKS_LIKE_HTML.test(text)) found.push("Holds HTML. It is shown as text here; the service may render it.");
  return found;
}

function strange(text) {
  const found = [];
  const hidden = Array.from(text).filter((c) => hides(c, true) && c !== "\uFE0F");
  if (hidden.some((c) => REVERSES.test(c))) found.push("Holds a character that reverses text. Elsewhere this reads otherwise.");
  const silent = hidden.filter((c) => !REVERSES.test(c));
  if (silent.length) found.push(`Holds ${silent.length === 1 ? "a character" : `${silent.length} characters`} that would not show: ${[...new Set(silent)].slice(0, 4).map(spelled).join(", ")}.`);
  const mixed = mixture(text);
  if (mixed) found.push(`Mixes alphabets: “${mixed[1]}” is ${spelled(mixed[1])}, not the Latin letter it resembles.`);
  return found;
}

// The first letter of another alphabet in a word that has Latin letters too; each word is read twice at most.
function mixture(text) {
  const word = text.split(/\s+/).find((w) => LATIN_LIKE.test(w) && LATIN.test(w));
  return word ? LATIN_LIKE.exec(word) : null;
}

// Only where a host is written in another form than the one it is called by.
function asciiHost(text) {
  if (!/^[a-z][\w+.-]*:\/\//i.test(text) || !URL.canParse(text)) return null;
  const { hostname } = new URL(text);
  return hostname.includes("xn--") ? hostname : null;
}

export const caution = (words) => el("p", { class: "caution" }, icon("caution"), el("span", {}, words));

/** A sentence of the template's: its words, and in wells the values that came from outside. */
export function sentence(parts, valueOf = (part) => [written(part.value)]) {
  return parts.map((part, i) => ("value" in part ? el("em", { class: "value" }, ...valueOf(part, i)) : part.text));
}
