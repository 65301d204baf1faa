// What is shown is what is signed: hash the bytes, build the page from them, read the page back, hash that.

import { decode, encode, hex, sha256, unbase64url } from "./bytes.js";
import { all } from "./dom.js";
import { jcs } from "./jcs.js";
import { boundDigest } from "./passkey.js";
import { sheetOf } from "./payload.js";
import { readLeaf, readText } from "./values.js";

// A question that was opened before the gateway was updated is still signed as it was written.
const VERSIONS = new Set([1, 2]);

/** The display and the bytes differ; `expected` would be signed, `shown` is what the page holds. */
export class Mismatch extends Error {
  constructor(why, expected, shown) {
    super(why);
    Object.assign(this, { expected, shown });
  }
}

/** Opens what the gateway wants signed; throws a Mismatch unless it is this question, for this person, and hashes to its challenge. */
export async function openPayload({ payload: encoded, options }, { envelope, approver, decision = "approve", reason = undefined }) {
  const bytes = unbase64url(encoded);
  const digest = hex(await sha256(bytes));
  const expected = boundDigest(options.challenge) ?? "";
  if (expected !== digest) throw new Mismatch("the challenge binds other bytes", expected, digest);
  const payload = JSON.parse(decode(bytes));
  if (!isFor(payload, { envelope, approver, rpId: options.rpId, decision, reason, lent: decision === "approve" })) {
    throw new Mismatch("the payload is about something else", expected, "");
  }
  return { payload, bytes, digest };
}

// Only an approval that is signed alone may rest on a right that somebody lent.
export function isFor(payload, { envelope, approver, rpId, decision = "approve", reason = undefined, lent = false }) {
  const host = location.hostname;
  return payload.type === "secondsig/approval" && VERSIONS.has(payload.version) && payload.decision === decision &&
    payload.reason === reason && (lent || !("for" in payload)) &&
    payload.envelope === envelope && payload.approver === approver && rpId === payload.rp_id &&
    (host === payload.rp_id || host.endsWith(`.${payload.rp_id}`));
}

/** Reads what `sheet` shows; throws a Mismatch unless it is, sign for sign, what `digest` stands for. */
export async function checkDisplay(sheet, digest) {
  let shown = "";
  try {
    const back = readBack(sheet);
    shown = hex(await sha256(encode(jcs(back))));
    if (shown === digest && wordsOf(sheet) === wordsOf(sheetOf(back))) return;
  } catch {
    shown = "";
  }
  if (shown === digest || !shown) shown = hex(await sha256(encode(wordsOf(sheet))));
  throw new Mismatch("the page shows something else", digest, shown);
}

/** The payload as the page shows it: only what can be seen counts, and nothing may be shown in two ways. */
export function readBack(...sheets) {
  const found = { root: undefined };
  for (const name of sheets.flatMap((sheet) => all("[data-names]", sheet))) {
    if (!isVisible(name) || readText(name) !== JSON.parse(name.dataset.names).at(-1)) throw new TypeError("a name differs");
  }
  for (const element of sheets.flatMap((sheet) => all("[data-at]", sheet)).filter(isVisible)) {
    place(found, ["root", ...JSON.parse(element.dataset.at)], readLeaf(element));
  }
  return found.root;
}

const isVisible = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });

function place(holder, [key, ...rest], value) {
  if (rest.length === 0) {
    if (Object.hasOwn(holder, key) && jcs(holder[key]) !== jcs(value)) throw new TypeError("shown in two ways");
    holder[key] = value;
    return;
  }
  if (!Object.hasOwn(holder, key) || holder[key] === undefined) holder[key] = typeof rest[0] === "number" ? [] : Object.create(null);
  place(holder[key], rest, value);
}

// Our own words too must be those that this payload gets; what moves by itself is marked and left out.
export function wordsOf(sheet) {
  const copy = sheet.cloneNode(true);
  for (const element of all("[data-moves]", copy)) element.remove();
  return copy.textContent;
}

/** True if `value` is what the payload committed to. */
export async function keepsCommitment(value, salt, commitment) {
  return hex(await sha256(new Uint8Array([...salt, ...encode(value)]))) === commitment;
}

