// Verifies what Secondsig made, with nothing of Secondsig's: Node's own cryptography, and the libraries of
// package.json. Reads one JSON object from standard input and writes what it found to standard output.

import { createPublicKey, verify } from "node:crypto";
import { text } from "node:stream/consumers";
import * as dagCbor from "@ipld/dag-cbor";
import { verifyAuthenticationResponse, verifyRegistrationResponse } from "@simplewebauthn/server";
import { base58btc } from "multiformats/bases/base58";
import { CID } from "multiformats/cid";
import { sha256 } from "multiformats/hashes/sha2";

const base64url = (bytes) => Buffer.from(bytes).toString("base64url");

function ed25519Key(did) {
  const raw = base58btc.decode(did.slice("did:key:".length));
  if (raw[0] !== 0xed || raw[1] !== 0x01) throw new Error("not an Ed25519 key");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: base64url(raw.slice(2)) }, format: "jwk" });
}

async function token(encoded) {
  const bytes = Buffer.from(encoded, "base64url");
  const [signature, signed] = dagCbor.decode(bytes);
  const tag = Object.keys(signed).find((key) => key !== "h");
  const payload = signed[tag];
  return {
    cid: CID.create(1, dagCbor.code, await sha256.digest(bytes)).toString(),
    canonical: Buffer.compare(dagCbor.encode([signature, signed]), bytes) === 0,
    verified: verify(null, dagCbor.encode(signed), ed25519Key(payload.iss), signature),
    varsig: Buffer.from(signed.h).toString("hex"),
    tag,
    command: payload.cmd,
    policy: payload.pol ?? null,
    proofs: (payload.prf ?? []).map(String),
    expires: payload.exp,
  };
}

async function passkey({ registration, assertion, challenge, rpId, origin }) {
  const expected = { expectedChallenge: challenge, expectedOrigin: origin, expectedRPID: rpId };
  const enrolled = await verifyRegistrationResponse({ ...expected, response: registration });
  const { credential } = enrolled.registrationInfo;
  const signed = await verifyAuthenticationResponse({ ...expected, response: assertion, credential });
  return {
    enrolled: enrolled.verified,
    publicKey: base64url(credential.publicKey),
    verified: signed.verified,
    counter: signed.authenticationInfo.newCounter,
    userVerified: signed.authenticationInfo.userVerified,
  };
}

const asked = JSON.parse(await text(process.stdin));
const found = { tokens: await Promise.all((asked.tokens ?? []).map(token)) };
if (asked.passkey) found.passkey = await passkey(asked.passkey);
console.log(JSON.stringify(found));
