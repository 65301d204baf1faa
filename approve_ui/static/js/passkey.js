// The ceremonies. What the device signs is checked here first: its type, and that the challenge names its hash.

import { keepToken, post } from "./api.js";
import { decode, hex, sha256, unbase64url } from "./bytes.js";

const NONCE = 32;

export const passkeysWork = () => "parseRequestOptionsFromJSON" in (globalThis.PublicKeyCredential ?? {});

/** The digest that a challenge binds: its last 32 bytes, as hex; null if the challenge has another shape. */
export function boundDigest(challenge) {
  const bytes = unbase64url(challenge);
  return bytes.length === NONCE + 32 ? hex(bytes.slice(NONCE)) : null;
}

/** One signature by a passkey over `options`, as JSON. */
export async function sign(options, signal) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return (await navigator.credentials.get({ publicKey, signal })).toJSON();
}

/** Signs a person in. A payload of any other type is never signed here, whatever the gateway asks. */
export async function signIn() {
  const begun = await post("/api/v1/login/begin");
  await checkType(begun, "secondsig/login");
  const credential = await sign(begun.options);
  return finish("/api/v1/login/finish", { challenge_id: begun.challenge_id, credential });
}

/** Makes a passkey on this device and enrols it under the link's token. */
export async function enrol(token, name) {
  const begun = await post("/api/v1/enrol/begin", { token, name });
  await checkType(begun, "secondsig/enrolment");
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(begun.options);
  const credential = (await navigator.credentials.create({ publicKey })).toJSON();
  return finish("/api/v1/enrol/finish", { challenge_id: begun.challenge_id, credential, token });
}

async function finish(path, body) {
  const answer = await post(path, body);
  if (answer.tab) keepToken(answer.tab);
  return answer;
}

async function checkType({ payload, options }, type) {
  const bytes = unbase64url(payload);
  const bound = boundDigest(options.challenge);
  if (JSON.parse(decode(bytes)).type !== type || bound !== hex(await sha256(bytes))) {
    throw new Error("The gateway asked this device to sign something else. Nothing was signed.");
  }
}

/** What to tell a person whose device did not sign. */
export function whyNotSigned(error) {
  if (error.name === "NotAllowedError") return "Your passkey did not sign.";
  if (error.name === "InvalidStateError") return "This device already has a passkey here. Sign in with it.";
  if (error.name === "SecurityError") return "This address is not the one that passkeys were made for.";
  return error.detail ?? error.message;
}
