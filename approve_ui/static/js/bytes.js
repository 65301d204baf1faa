// Bytes and their spellings.

const utf8 = new TextEncoder();

export const encode = (text) => utf8.encode(text);
export const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
export const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

export function unhex(text) {
  if (!/^([0-9a-f]{2})*$/.test(text)) throw new TypeError("not hexadecimal");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function base64(bytes) {
  let binary = "";
  for (const b of bytes) binary += String.fromCharCode(b);
  return btoa(binary);
}

export const unbase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

export function unbase64url(text) {
  if (!/^[\w-]*$/.test(text)) throw new TypeError("not base64url");
  return unbase64(text.replaceAll("-", "+").replaceAll("_", "/"));
}

export function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** UTF-8 or nothing: no replacement characters, no byte order mark swallowed. */
export const decode = (bytes) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);

/** A digest as people compare it: groups of four, or its two ends. */
export const grouped = (digest) => digest.replace(/.{4}(?=.)/g, "$& ");
export const ends = (digest) => `${digest.slice(0, 8)} … ${digest.slice(-8)}`;
