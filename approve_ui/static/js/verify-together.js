// The same check for like requests under one signature: a list, and each request that it names.

import { decode, encode, hex, sha256, unbase64url } from "./bytes.js";
import { all } from "./dom.js";
import { jcs } from "./jcs.js";
import { boundDigest } from "./passkey.js";
import { togetherOf } from "./together.js";
import { isFor, Mismatch, readBack, wordsOf } from "./verify.js";

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
