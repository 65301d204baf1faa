// Verifies one webhook: SECRET ID TIMESTAMP SIGNATURE NOW, with the raw body on standard input.
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";

const TOLERANCE = 300;

export function isGenuine(secret, id, timestamp, signatures, body, now) {
  if (!/^[0-9]+$/.test(timestamp) || Math.abs(now - Number(timestamp)) > TOLERANCE) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const digest = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
  const wanted = Buffer.from(`v1,${digest}`);
  return signatures.split(" ").map((given) => Buffer.from(given))
    .some((given) => given.length === wanted.length && timingSafeEqual(given, wanted));
}

const [secret, id, timestamp, signatures, now] = process.argv.slice(2);
process.exit(isGenuine(secret, id, timestamp, signatures, readFileSync(0), Number(now)) ? 0 : 1);
