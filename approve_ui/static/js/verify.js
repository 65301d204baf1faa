// What is shown is what is signed: hash the bytes, build the page from them, read the page back, hash that.

import { decode, encode, hex, sha256, unbase64url } from "./bytes.js";
import { all } from "./dom.js";
import { jcs } from "./jcs.js";
import { boundDigest } from "./passkey.js";
import { sheetOf } from "./payload.js";
import { togetherOf } from "./together.js";
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
function isFor(payload, { envelope, approver, rpId, decision = "approve", reason = undefined, lent = false }) {
  const host = location.hostname;
  return payload.type === "secondsig/approval" && VERSIONS.has(payload.version) && payload.decision === decision &&
    payload.reason === reason && (lent || !("for" in payload)) &&
    payload.envelope === envelope && payload.approver === approver && rpId === payload.rp_id &&
    (host === payload.rp_id || host.endsWith(`.${payload.rp_id}`));
}

/**
 * Opens a batch: throws a Mismatch unless the challenge binds a list of exactly these envelopes, in this order,
 * and each of them is for this person and of one agent that wants one kind of thing.
 */
export async function openBatch({ payload: encoded, options, requests }, { envelopes, approver }) {
  const bytes = unbase64url(encoded);
  const digest = hex(await sha256(bytes));
  const expected = boundDigest(options.challenge) ?? "";
  if (expected !== digest) throw new Mismatch("the challenge binds another list", expected, digest);
  const parts = await Promise.all(requests.map(async ({ payload: each }) => {
    const raw = unbase64url(each);
    return { payload: JSON.parse(decode(raw)), bytes: raw, digest: hex(await sha256(raw)) };
  }));
  const right = parts.length === envelopes.length &&
    parts.every(({ payload }, i) => isFor(payload, { envelope: envelopes[i], approver, rpId: options.rpId }));
  if (!right) throw new Mismatch("a payload is about something else", expected, "");
  if (new Set(parts.map(({ payload }) => kindOf(payload))).size !== 1) throw new Mismatch("the requests are not alike", expected, "");
  if (decode(bytes) !== listOf(parts)) throw new Mismatch("the list is of something else", expected, hex(await sha256(encode(listOf(parts)))));
  return { bytes, digest, parts };
}

const kindOf = ({ agent, units, gateway }) => jcs([gateway, agent.id, units.map((unit) => unit.action)]);

// The one list that these payloads can stand in: nothing in it is taken from the gateway's own.
function listOf(parts) {
  const { gateway, rp_id, approver } = parts[0].payload;
  return jcs({
    type: "secondsig/batch", version: 1, gateway, rp_id, decision: "approve", approver,
    expires_at: parts.map(({ payload }) => payload.expires_at).sort()[0],
    envelopes: parts.map(({ payload, digest }) => ({ envelope: payload.envelope, digest: payload.digest, payload: digest })),
  });
}

/** Reads what the sheet of a batch shows of each; throws a Mismatch unless each hashes to its own digest. */
export async function checkTogether(sheet, digests) {
  const common = all("[data-common]", sheet);
  const items = all("[data-item]", sheet);
  const rests = all("[data-rest]", sheet);
  try {
    const backs = items.map((item, i) => jcs(readBack(...common, item, rests[i])));
    const shown = await Promise.all(backs.map(async (back) => hex(await sha256(encode(back)))));
    if (jcs(shown) === jcs(digests) && wordsOf(sheet) === wordsOf(togetherOf(backs.map((back) => JSON.parse(back))))) return;
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
  }
  throw new Mismatch("the page shows something else", digests.join(" "), hex(await sha256(encode(wordsOf(sheet)))));
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
function wordsOf(sheet) {
  const copy = sheet.cloneNode(true);
  for (const element of all("[data-moves]", copy)) element.remove();
  return copy.textContent;
}

/** True if `value` is what the payload committed to. */
export async function keepsCommitment(value, salt, commitment) {
  return hex(await sha256(new Uint8Array([...salt, ...encode(value)]))) === commitment;
}

