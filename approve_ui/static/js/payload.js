// Lays out the payload: every field of it, in the order in which a person asks. Whatever this page does not
// know by name stands at the end under its own name, so nothing that is signed can stay out of sight.

import { decode, unbase64 } from "./bytes.js";
import { when } from "./clock.js";
import { el, icon } from "./dom.js";
import { block, caution, concerns, leaf, showsAsBase64, written } from "./values.js";

const UNDO = {
  easy: ["low", "risk-low", "Can be taken back."],
  hard: ["", "risk-medium", "Hard to take back."],
  never: ["high", "risk-high", "Cannot be taken back."],
};
const UNKNOWN_UNDO = ["", "risk-medium", "Nobody has said what taking it back would cost."];
export const LEVEL = { high: ["high", "risk-high", "High risk."], medium: ["", "risk-medium", "Medium risk."] };

/** The sheet of one payload; `onRedacted` is told of each value that must be revealed. */
export function sheetOf(payload, onRedacted = () => {}) {
  const sheet = new Sheet(payload, onRedacted);
  return el("div", {}, sheet.ask(), sheet.facts(), sheet.everything());
}

/** Every value at the ends of the payload's branches, with its path; an empty list or object is an end too. */
export function* leaves(value, path = []) {
  const entries = Array.isArray(value) ? value.map((v, i) => [i, v]) : Object.entries(value ?? {});
  if (value === null || typeof value !== "object" || entries.length === 0) yield [path, value];
  else for (const [key, child] of entries) yield* leaves(child, [...path, key]);
}

/** One payload's parts; what each of them has placed is remembered, so that `rest` finds what is left. */
export class Sheet {
  constructor(payload, onRedacted) {
    this.payload = payload;
    this.onRedacted = onRedacted;
    this.placed = new Set();
  }

  at = (path) => path.reduce((value, key) => value[key], this.payload);

  put = (path, options) => {
    this.placed.add(JSON.stringify(path));
    return leaf(path, this.at(path), options);
  };

  mono = (...path) => this.put(path, { class: "mono" });
  hex = (...path) => {
    const digest = /^([0-9a-f]{4})+$/.test(this.at(path));
    return this.put(path, { class: "digest", ...(digest && { kind: "hex" }) });
  };

  // A key that the template or the agent chose: shown as it is, and read back with its value.
  key = (path) => el("span", { class: "leaf mono", "data-names": JSON.stringify(path) }, written(String(path.at(-1))));

  ask() {
    const { agent, units } = this.payload;
    const team = agent.team === null ? [] : [" in Team ", this.put(["agent", "team"])];
    const verb = el("span", { "data-moves": "", "data-slot": "verb" }, "asks to");
    const who = el("p", { class: "who" },
      el("span", { class: "face", "aria-hidden": "true" }, agent.id.slice(0, 2)),
      el("span", {}, el("b", {}, this.put(["agent", "id"])), ...team, " ", verb));
    const headings = units.length === 1
      ? [el("h1", { id: "what", class: "text" in (units[0].summary[0] ?? {}) ? "lower" : null }, ...this.summary(0))]
      : [el("h1", { id: "what" }, `do ${units.length} things at once`), el("ol", { class: "several" }, ...units.map((_, i) => el("li", {}, ...this.summary(i))))];
    return el("header", { class: "ask" }, who, ...headings, ...this.risks(), el("div", { id: "marked", "data-moves": "" }));
  }

  summary = (unit) => this.payload.units[unit].summary.map((part, i) => {
    const path = ["units", unit, "summary", i];
    return "value" in part ? el("em", { class: "value" }, this.put([...path, "value"])) : this.put([...path, "text"], { kind: "lines" });
  });

  risks() {
    const level = LEVEL[this.payload.intent_risk?.level];
    const undo = this.payload.units.map((unit, i) => this.undoLine(unit, i));
    return level ? [el("p", { class: `risk ${level[0]}` }, icon(level[1]), el("span", {}, el("b", {}, level[2]), " ", this.reasons())), ...undo] : undo;
  }

  reasons = () => el("span", {}, ...this.payload.intent_risk.reasons.map((_, i) => el("span", {}, this.put(["intent_risk", "reasons", i]), ". ")));

  undoLine({ undo }, i) {
    const [tone, symbol, words] = UNDO[undo?.how] ?? UNKNOWN_UNDO;
    const note = undo?.note ? [" ", this.put(["units", i, "undo", "note"])] : [];
    return el("p", { class: `risk ${tone}` }, icon(symbol), el("span", {}, el("b", {}, words), ...note));
  }

  facts() {
    const { why, purpose, agent } = this.payload;
    const held = why.map((_, i) => [el("b", {}, this.put(["why", i, "policy"])), this.reason(i)]).flat();
    return el("section", { class: "facts", "aria-label": "In short" }, el("dl", { class: "fields" },
      row("Held by", ...(held.length ? held : [this.put(["why"])])),
      ...(this.payload.quorum > 1 ? [row("Signatures", this.put(["quorum"]), " people must sign", el("div", { "data-moves": "", "data-slot": "progress" }))] : []),
      ...this.forWhom(),
      purpose === null ? row("Purpose", this.put(["purpose"])) : this.claim(),
      row("From", this.mono("agent", "address"), ...this.usual()),
      ...(agent.owner === null ? [] : [row("Acts for", this.put(["agent", "owner"]))])));
  }

  // What the gateway has seen of this agent; a payload of an earlier version says nothing about it.
  usual() {
    return this.payload.observed ? [el("small", {}, ...this.before(), ...this.turn())] : [];
  }

  before() {
    const { agent, observed } = this.payload;
    const count = this.put(["observed", "address_requests_30_days"]);
    return observed.address_requests_30_days === 0
      ? ["First time from here: ", count, " requests in 30 days"]
      : [`Usual for ${agent.id}: `, count, ` ${observed.address_requests_30_days === 1 ? "request" : "requests"} in 30 days`];
  }

  turn() {
    const path = ["observed", "question_this_hour"];
    return [". Its ", this.put(path), `${ordinal(this.at(path))} question this hour`];
  }

  reason = (i) => (this.payload.why[i].reason === null ? null : el("small", {}, "“", this.put(["why", i, "reason"]), "”"));

  claim() {
    const { agent, purpose } = this.payload;
    const claim = row("Purpose", el("q", {}, this.put(["purpose"])), el("small", {}, `Claimed by ${agent.id}, not verified`));
    claim.lastChild.className = "claim";
    return marked(claim, concerns(purpose, { html: false }));
  }

  everything() {
    const groups = [
      ...this.payload.units.map((_, i) => [this.title(i), this.unit(i)]),
      ["The request", this.request()],
      ["Who asks", this.who()],
      ["Why a person is asked", this.why()],
      ["This question", this.question()],
    ];
    const rest = this.rest();
    if (rest.length) groups.push(["Also signed", rest]);
    const count = groups.reduce((sum, [, rows]) => sum + rows.length, 0);
    return el("section", { class: "all-fields", "aria-labelledby": "fields" },
      el("h2", { id: "fields" }, "Everything you sign ", el("small", {}, `${count} fields`)),
      ...groups.flatMap(([title, rows]) => [el("h3", {}, title), el("dl", { class: "fields" }, ...rows)]));
  }

  title = (i) => (this.payload.units.length === 1 ? "What it would do" : `What it would do, ${i + 1} of ${this.payload.units.length}`);

  unit(i) {
    const at = ["units", i];
    const { context, undo } = this.payload.units[i];
    return [
      row("Action", this.put([...at, "title"]), el("small", {}, this.mono(...at, "action"))),
      row("Resource", this.mono(...at, "resource")),
      ...Object.keys(context).map((name) => this.contextRow([...at, "context", name])),
      row("Groups", this.list([...at, "groups"])),
      row("Access", this.put([...at, "access"])),
      row("Floor", this.put([...at, "risk"]), el("small", {}, "the least the template asks for")),
      ...("approvers" in this.payload.units[i] ? [row("Narrowed to", this.put([...at, "approvers"]), el("small", {}, "policy says who of them may sign"))] : []),
      ...(undo ? [row("Taking back", this.put([...at, "undo", "how"]), ...(undo.note === null ? [el("small", {}, "note: ", this.put([...at, "undo", "note"]))] : []))] : []),
    ];
  }

  contextRow(path) {
    const value = this.at(path);
    const content = typeof value === "object" && value !== null ? this.list(path) : this.mono(...path);
    const money = this.exactly([...path.slice(0, 2), "money", path.at(-1)]);
    return marked(row(this.key(path), content, money), typeof value === "string" ? concerns(value) : []);
  }

  // The amount as policy compares it: a text that reads like money has none.
  exactly(path) {
    if (this.payload.units[path[1]].money?.[path[3]] === undefined) return null;
    const m = (name) => this.mono(...path, name);
    return el("small", {}, "exactly ", m("minor"), " of the smallest unit of ", m("currency"), ", with ", m("exponent"), " decimal places");
  }

  list(path) {
    const found = [...leaves(this.at(path))];
    return el("span", {}, ...found.flatMap(([tail], i) => [i ? ", " : "", this.put([...path, ...tail], { class: "mono" })]));
  }

  request() {
    const { headers, body, query = [] } = this.payload.request;
    const r = (name) => this.mono("request", name);
    return [
      row("Method", r("method")),
      marked(row("URL", r("scheme"), "://", el("b", {}, r("host")), ":", r("port"), r("target")), concerns(this.payload.request.target)),
      ...query.map(([selector], i) => this.field(["request", "query", i], selector)),
      row("Body", this.put(["request", "body", "kind"]), ", ", this.put(["request", "body", "bytes"]), " bytes"),
      ...body.fields.map(([selector], i) => this.field(["request", "body", "fields", i], selector)),
      ...(body.fields.length ? [] : [row("Fields", this.put(["request", "body", "fields"]))]),
      ...headers.map(([name], i) => this.field(["request", "headers", i], `header:${name.toLowerCase()}`)),
      ...(headers.length ? [] : [row("Headers", this.put(["request", "headers"]))]),
      row("Body digest", this.hex("request", "body", "content_digest")),
    ];
  }

  field(path, selector) {
    const [, value] = this.at(path);
    const name = this.put([...path, 0], { class: "mono" });
    const at = [...path, 1];
    if ("redacted" in value) return this.redacted(name, at, selector);
    if ("secret" in value) return row(name, hatched("secret, never shown"), this.committed([...at, "secret"]));
    if ("volatile" in value) return row(name, this.put([...at, "volatile"], { kind: "isFree" }));
    if ("null" in value) return row(name, this.put([...at, "null"], { kind: "isNull" }));
    if ("hex" in value) return row(name, this.hex(...at, "hex"), el("small", {}, `${value.hex.length / 2} bytes that are not text`));
    if ("text" in value) return this.text(name, [...at, "text"], selector);
    if ("list" in value) return row(name, "a list of ", this.mono(...at, "list"));
    if ("object" in value) return row(name, "an object with ", this.mono(...at, "object"), " members");
    const [kind] = Object.keys(value);
    return row(name, this.mono(...at, kind));
  }

  text(name, path, selector) {
    const value = this.at(path);
    const how = this.payload.show[selector];
    const found = concerns(value, { html: how === undefined });
    if (how === "base64-text" && showsAsBase64(value)) return this.decoded(name, path);
    if (!value.includes("\n") && value.length <= 300) return marked(row(name, this.mono(...path)), found);
    this.placed.add(JSON.stringify(path));
    return marked(wide(name, ...block(path, value, { label: selector })), found);
  }

  decoded(name, path) {
    const value = this.at(path);
    this.placed.add(JSON.stringify(path));
    const text = decode(unbase64(value));
    const content = wide(name, ...block(path, value, { kind: "base64", label: "decoded text", text, prefix: "Decoded from base64: " }));
    return marked(content, concerns(text, { html: false }));
  }

  committed = (path) => el("small", {}, this.put([...path, "length"]), " characters, salted commitment ", this.hex(...path, "commitment"));

  redacted(name, at, selector) {
    const { id = selector, commitment } = this.at([...at, "redacted"]);
    const place = el("div", { class: "reveal", "data-moves": "" }, hatched("hidden"));
    const field = marked(row(name, place, this.committed([...at, "redacted"]), ...(id === selector ? [] : [el("small", {}, "Revealed as ", this.mono(...at, "redacted", "id"))]), el("small", {}, "Hidden in lists, notifications and the log. It must be read before it is signed.")), []);
    field.dataset.mustSee = "";
    field.dataset.redacted = id;
    this.onRedacted({ selector: id, field, place, commitment });
    return field;
  }

  who() {
    const { agent } = this.payload;
    const a = (name) => this.mono("agent", name);
    return [
      row("Agent", a("id"), ...(agent.team === null ? [" in no team: ", a("team")] : [" in Team ", a("team")])),
      row("Acts for", a("owner")),
      row("Known by", a("token"), el("small", {}, "the token it showed")),
      row("Run", a("run")),
      row("Address", a("address")),
    ];
  }

  why() {
    const digests = ["template", "policy", "config"];
    const t = (name) => this.put(["template", name]);
    return [
      ...this.payload.why.map((_, i) => row("Policy", this.put(["why", i, "policy"]), this.reason(i) ?? el("small", {}, "reason: ", this.put(["why", i, "reason"])))),
      row("Asked for by", this.list(["asked_by"])),
      ...("intent_risk" in this.payload ? [row("Risk", this.put(["intent_risk", "level"]), el("small", {}, "because: ", this.list(["intent_risk", "reasons"])))] : []),
      ...(this.payload.observed ? [row("New for it", this.newForIt(), el("small", {}, "what nothing of this agent that passed in 30 days had"))] : []),
      row("Template", t("service"), " ", t("version")),
      row("Configuration", this.put(["config", "trust"])),
      ...digests.map((name) => row(`${name[0].toUpperCase()}${name.slice(1)} digest`, this.hex(name, "digest"))),
    ];
  }

  newForIt() {
    const path = ["observed", "first_time"];
    return this.at(path).length ? this.list(path) : this.put(path);
  }

  question() {
    const p = (name) => this.put([name]);
    const time = (name, words) => row(words, el("span", { "data-moves": "" }, when(this.payload[name])), el("small", {}, this.mono(name)));
    const shown = Object.keys(this.payload.show);
    return [
      row("Envelope", this.mono("envelope")),
      time("opened_at", "Asked"),
      time("expires_at", "Refused at"),
      row("Signatures", p("quorum")),
      row("You sign", "“", p("decision"), "”, as ", p("approver")),
      ...("reason" in this.payload ? [marked(row("Because", p("reason")), [])] : []),
      row("Gateway", this.mono("gateway"), el("small", {}, "on ", this.mono("rp_id"))),
      ...(shown.length ? shown.map((selector) => row("Laid out", this.key(["show", selector]), " as ", this.put(["show", selector]))) : [row("Laid out", this.put(["show"]))]),
      row("Request digest", this.hex("digest")),
      ...["observed", "checkpoint"].filter((name) => this.payload[name] === null).map((name) => row(name === "observed" ? "Observed" : "Log then", p(name))),
      row("Form", this.mono("type"), ", version ", p("version")),
      row("Salt", this.hex("salt")),
    ];
  }

  // Whoever stands in reads for whom, and until when that person lets them.
  forWhom() {
    if (!("for" in this.payload)) return [];
    const f = (name) => this.put(["for", name]);
    const until = el("span", { "data-moves": "" }, when(this.payload.for.until));
    return [row("You sign for", el("b", {}, f("person")), ", who is away until ", until, el("small", {}, this.mono("for", "until"), ", by delegation ", this.mono("for", "delegation")))];
  }

  rest() {
    const missing = [...leaves(this.payload)].filter(([path]) => !this.placed.has(JSON.stringify(path)));
    const names = missing.map(([path]) => [path.join(" › "), path]).sort(([one], [other]) => (one < other ? -1 : 1));
    return names.map(([name, path]) => row(name, this.put(path)));
  }
}

const ordinal = (n) => (Math.floor((n % 100) / 10) === 1 ? "th" : (["th", "st", "nd", "rd"][n % 10] ?? "th"));
export const row = (term, ...content) => el("div", {}, el("dt", {}, term), el("dd", {}, ...content));
const wide = (...content) => {
  const element = row(...content);
  element.className = "wide";
  return element;
};
const hatched = (words) => el("span", { class: "redacted" }, el("span", {}, words));

// A row with something to beware of must have been on the screen before anybody can sign.
export function marked(element, found) {
  if (found.length === 0) return element;
  element.dataset.mustSee = "";
  element.lastChild.append(...found.map(caution));
  return element;
}
