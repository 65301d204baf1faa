// RFC 8785 for what a payload holds: strings, safe integers, booleans, null, arrays and objects.

/** The canonical text of `value`; throws a TypeError for what the payload may not hold. */
export function jcs(value) {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number") return integer(value);
  if (Array.isArray(value)) return `[${Array.from(value, jcs).join(",")}]`;
  if (typeof value === "object") return object(value);
  throw new TypeError(`a payload holds no ${typeof value}`);
}

function quoted(text) {
  if (!text.isWellFormed()) throw new TypeError("a payload holds no lone surrogate");
  return JSON.stringify(text);
}

function integer(number) {
  if (!Number.isSafeInteger(number) || Object.is(number, -0)) throw new TypeError("a payload holds small integers only");
  return String(number);
}

// Array.prototype.sort compares UTF-16 code units, which is the order that the RFC asks for.
function object(value) {
  const members = Object.keys(value).sort().map((key) => `${quoted(key)}:${jcs(value[key])}`);
  return `{${members.join(",")}}`;
}
