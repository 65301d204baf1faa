// Lays out like payloads: what differs stands with each, what is the same stands once. Nothing of any is left out,
// so that each can be read back whole.

import { all, el, icon, one } from "./dom.js";
import { jcs } from "./jcs.js";
import { leaves, LEVEL, marked, row, Sheet } from "./payload.js";
import { headline } from "./summary.js";
import { concerns } from "./values.js";

const MONEY = /^(-?\d+)(?:\.(\d+))? ([A-Z]{3})$/;
const UNKNOWN_CURRENCY = "XXX";
const NAMES = {
  envelope: "Envelope", digest: "Request digest", salt: "Salt", opened_at: "Asked", expires_at: "Refused at",
  "agent › address": "From", "agent › run": "Run", "agent › token": "Known by",
  "observed › address_requests_30_days": "From here, 30 days", "observed › question_this_hour": "Question this hour",
  "request › body › bytes": "Body, bytes", "request › body › content_digest": "Body digest", "config › digest": "Config digest",
};

/** The sheet of like payloads; `onRedacted` is told of each value that must be revealed, and whose it is. */
export function togetherOf(payloads, onRedacted = () => {}) {
  const same = sameIn(payloads);
  const common = new Common(payloads, same);
  const items = payloads.map((payload) => itemOf(payload, same, (found) => onRedacted({ ...found, envelope: payload.envelope })));
  return el("div", {},
    el("div", { "data-common": "" }, common.ask(), common.facts()),
    el("section", { "aria-labelledby": "items" },
      el("h2", { id: "items" }, `${payloads.length} like requests`),
      el("p", { class: "small quiet" }, "What differs stands with each, what is the same below. Untick one to leave it out: it waits by itself."),
      el("ul", { class: "items" }, ...items.map((item) => item.told))),
    el("div", { "data-common": "" }, common.everything()),
    el("section", { class: "all-fields", "aria-labelledby": "marks" },
      el("h2", { id: "marks" }, "Also signed, each its own"),
      el("p", { class: "small quiet" }, "Ids, times, digests, and commitments to what is never shown."),
      ...items.map((item) => item.rest)));
}

/** What all of these move, as "2,760 JPY"; null unless each names an amount, all in one known currency. */
export function totalOf(payloads) {
  const amounts = payloads.flatMap(({ units }) => units.map(({ context }) => MONEY.exec(context.money ?? "")));
  if (amounts.length === 0 || amounts.includes(null)) return null;
  const [, , first = "", currency] = amounts[0];
  if (currency === UNKNOWN_CURRENCY || amounts.some(([, , part = "", code]) => code !== currency || part.length !== first.length)) return null;
  const minor = amounts.reduce((sum, [, whole, part = ""]) => sum + BigInt(whole + part), 0n);
  return `${inUnits(minor, first.length)} ${currency}`;
}

function inUnits(minor, places) {
  const digits = String(minor < 0n ? -minor : minor).padStart(places + 1, "0");
  const cut = digits.length - places;
  const part = places ? `.${digits.slice(cut)}` : "";
  return `${minor < 0n ? "-" : ""}${BigInt(digits.slice(0, cut)).toLocaleString("en")}${part}`;
}

const keyOf = (path) => JSON.stringify(path);

// The leaves that all have, with one value. What is redacted is revealed for each, so it is never one for all.
function sameIn([first, ...others]) {
  const known = others.map((payload) => new Map([...leaves(payload)].map(([path, value]) => [keyOf(path), jcs(value)])));
  const same = [...leaves(first)].filter(([path, value]) => !path.includes("redacted") && known.every((of) => of.get(keyOf(path)) === jcs(value)));
  return new Set(same.map(([path]) => keyOf(path)));
}

/** What is the same in all, laid out as one payload is; where they differ it says so and no more. */
class Common extends Sheet {
  constructor(payloads, same) {
    super(payloads[0], () => {});
    const put = this.put;
    Object.assign(this, { payloads, same, put: (path, options) => (this.isSame(path) ? put(path, options) : this.own(path)) });
  }

  isSame = (path) => this.same.has(keyOf(path));

  own(path) {
    this.placed.add(keyOf(path));
    return el("span", { class: "own quiet" }, "each its own");
  }

  ask() {
    const header = super.ask();
    const total = totalOf(this.payloads);
    const titles = this.payload.units.flatMap((_, i) => [i ? ", and " : "", this.put(["units", i, "title"])]);
    const heading = el("h1", { id: "what", class: "lower" }, ...titles, `, ${this.payloads.length} times`,
      ...(total ? [": ", el("em", { class: "value" }, total), " in all"] : []));
    for (const old of all("h1, .several", header)) old.remove();
    one(".who", header).after(heading);
    return header;
  }

  risks() {
    const levels = this.payloads.map(({ intent_risk }) => intent_risk?.level);
    const [tone, symbol, words] = LEVEL[["high", "medium"].find((level) => levels.includes(level))] ?? [];
    const why = this.payloads.every(({ intent_risk }) => jcs(intent_risk) === jcs(this.payload.intent_risk)) ? this.reasons() : "Its reasons stand with each.";
    const undo = this.payload.units.map((unit, i) => (this.payloads.every(({ units }) => jcs(units[i].undo) === jcs(unit.undo))
      ? this.undoLine(unit, i)
      : el("p", { class: "risk high" }, icon("risk-high"), el("span", {}, "What taking back would cost stands with each."))));
    return words ? [el("p", { class: `risk ${tone}` }, icon(symbol), el("span", {}, el("b", {}, words), " ", why)), ...undo] : undo;
  }

  before() {
    const path = ["observed", "address_requests_30_days"];
    return this.isSame(path) ? super.before() : ["How often it asked from here: ", this.own(path)];
  }

  // In a burst each is another question of its hour.
  turn = () => (this.isSame(["observed", "question_this_hour"]) ? super.turn() : []);

  newForIt() {
    const path = ["observed", "first_time"];
    const known = jcs(this.at(path));
    return this.payloads.every(({ observed }) => jcs(observed?.first_time ?? null) === known) ? super.newForIt() : this.ownNews(path);
  }

  ownNews(path) {
    for (const [tail] of leaves(this.at(path))) if (!this.isSame([...path, ...tail])) this.placed.add(keyOf([...path, ...tail]));
    return el("span", { class: "own quiet" }, "each its own");
  }

  contextRow(path) {
    return typeof this.at(path) === "string" && !this.isSame(path) ? row(this.key(path), this.own(path)) : super.contextRow(path);
  }

  text(name, path, selector) {
    return this.isSame(path) ? super.text(name, path, selector) : row(name, this.own(path));
  }

  // How many bytes it is would be said of the first alone.
  field(path, selector) {
    const hex = [...path, 1, "hex"];
    if (!("hex" in this.at(path)[1]) || this.isSame(hex)) return super.field(path, selector);
    return row(this.put([...path, 0], { class: "mono" }), this.own(hex));
  }

  redacted(name, at) {
    for (const [tail] of leaves(this.at([...at, "redacted"]))) this.placed.add(keyOf([...at, "redacted", ...tail]));
    return row(name, el("span", { class: "own quiet" }, "each its own, hidden"));
  }

  everything() {
    const section = super.everything();
    for (const line of all("dl > div", section)) if (one(".own", line) && !one("[data-at]", line)) line.remove();
    for (const list of all("dl", section).filter((each) => !each.hasChildNodes())) {
      list.previousElementSibling.remove();
      list.remove();
    }
    one("h2", section).replaceChildren(`The same in all ${this.payloads.length} `, el("small", {}, `${all("dl > div", section).length} fields`));
    return section;
  }
}

/** One request of the list: what it would do, and apart from that everything else in which it is not like the others. */
function itemOf(payload, same, onRedacted) {
  const sheet = new Sheet(payload, onRedacted);
  const own = [...leaves(payload)].map(([path]) => path).filter((path) => !same.has(keyOf(path)));
  const says = payload.units.flatMap((_, i) => [i ? "; " : "", ...sheet.summary(i)]);
  const told = meaning(sheet, own);
  const rest = [...secrets(sheet, own), ...own.filter((path) => !sheet.placed.has(keyOf(path))).map((path) => restRow(sheet, path))];
  return {
    told: el("li", { "data-item": payload.envelope },
      el("label", {}, el("input", { type: "checkbox" }), el("span", { class: "says" }, ...says)),
      el("div", { class: "notes", "data-moves": "" }),
      ...(told.length ? [el("dl", { class: "fields" }, ...told)] : []),
      el("p", { class: "small" }, el("a", { href: `/approve/${encodeURIComponent(payload.envelope)}` }, "Open it alone"))),
    rest: el("div", { "data-rest": payload.envelope },
      el("h3", {}, ...payload.units.flatMap((unit, i) => [i ? "; " : "", ...headline(unit)])),
      el("dl", { class: "fields slight" }, ...rest)),
  };
}

const differsIn = (own) => (path) => own.some((other) => path.every((key, i) => other[i] === key));

// The fields of the request in which it differs: their place in the payload, and the selector of each.
function fieldsOf({ request }, own) {
  const lists = [["query", request.query ?? []], ["body", "fields", request.body.fields], ["headers", request.headers]];
  return lists.flatMap((list) => list.at(-1)
    .map(([name, value], i) => ({ path: ["request", ...list.slice(0, -1), i], selector: list[0] === "headers" ? `header:${name.toLowerCase()}` : name, isSecret: "secret" in value }))
    .filter(({ path }) => differsIn(own)(path)));
}

const secrets = (sheet, own) => fieldsOf(sheet.payload, own).filter(({ isSecret }) => isSecret).map(({ path, selector }) => sheet.field(path, selector));

// What a person asks first: resource, context, address, and the fields of the request.
function meaning(sheet, own) {
  const differs = differsIn(own);
  const { units, request } = sheet.payload;
  return [
    ...units.flatMap((unit, i) => [
      ...(differs(["units", i, "resource"]) ? [row("Resource", sheet.mono("units", i, "resource"))] : []),
      ...Object.keys(unit.context).map((name) => ["units", i, "context", name]).filter(differs).map((path) => sheet.contextRow(path)),
    ]),
    ...(differs(["observed", "first_time"]) ? [row("New for it", ...newFor(sheet, own))] : []),
    ...(differs(["request", "target"]) ? [marked(row("Target", sheet.mono("request", "target")), concerns(request.target))] : []),
    ...fieldsOf(sheet.payload, own).filter(({ isSecret }) => !isSecret).map(({ path, selector }) => sheet.field(path, selector)),
  ];
}

// What all have stands below; where this one has nothing of its own, nothing is said.
const newFor = (sheet, own) => own.filter(([first, second]) => first === "observed" && second === "first_time")
  .flatMap((path, i) => [i ? ", " : "", sheet.put(path)]);

function restRow(sheet, path) {
  const value = sheet.at(path);
  const words = path.join(" › ");
  const shown = typeof value === "string" ? sheet.hex(...path) : sheet.put(path);
  return marked(row(NAMES[words] ?? words, shown), typeof value === "string" ? concerns(value) : []);
}
