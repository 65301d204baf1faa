// How a question ended, told from the gateway's own account of it.

import { moment, timeOfDay, untilWhen } from "./clock.js";
import { el, fill, one } from "./dom.js";
import { written } from "./values.js";

const seconds = (text) => moment(text, timeOfDay(text));
const day = (text) => moment(text, untilWhen(text));
const CHANGED = new Set(["policy_denied", "config_changed"]);

/** What an answer says beside its status. */
export const SAYS = { failed: ", and the answer says no", unclear: ", and whether that means yes was not told" };

/** The page's state for `view`: "open" where a signature is asked for, or the name of what happened. */
export function outcomeOf({ row, may, signatures }, me) {
  const mine = row.decided_by === null || row.decided_by === me.name;
  const signed = signatures.some((s) => s.person === me.name);
  if (row.state === "pending") {
    if (may.why === "expired") return "expired";
    return signed ? "signed" : "open";
  }
  if (row.state === "denied") return mine ? "denied" : "decided";
  if (row.state === "lapsed") return lapsed(row);
  if (row.state === "approved") {
    if (row.outcome === "not_sent") return "not-sent";
    return mine ? "waiting" : "decided";
  }
  if (row.state === "spent") return "sending";
  return { completed: "sent", unknown: "sent-unknown" }[row.state] ?? row.state;
}

function lapsed(row) {
  if (row.outcome === "not_sent") return "not-sent";
  return CHANGED.has(row.outcome) ? "refused-after" : "lapsed";
}

/** Fills the shell's sentences with what is known. */
export function tellOutcome(view, me, payload) {
  const { row, signatures } = view;
  const service = row.action.split("/")[1] ?? row.action;
  const host = payload?.request.host ?? service;
  const verb = row.state === "denied" ? "denied" : "approved";
  const others = whoElse(view, me);
  fill("agent", written(row.agent));
  fill("host", written(host));
  fill("status", row.status === null ? "" : ` ${row.status}${SAYS[row.outcome] ?? ""}`);
  fill("decider", written(row.decided_by ?? "Somebody"), ` ${verb} this first`);
  fill("expires", seconds(row.expires_at));
  fill("decided-at", ...(row.decided_at ? [" at ", seconds(row.decided_at)] : []));
  fill("lives-until", ...(row.cosigner_expires_at ? ["before ", seconds(row.cosigner_expires_at)] : ["within five minutes of your signature"]));
  fill("approvers", written(others.join(", ") || "somebody else"));
  fill("became", became(row));
  fill("note", row.note ? el("q", {}, written(row.note)) : "");
  for (const place of document.querySelectorAll("[data-note-place]")) place.hidden = !row.note;
  fill("sent-key", written(view.idempotency_key ?? ""));
  for (const place of document.querySelectorAll("[data-key-place]")) place.hidden = !view.idempotency_key;
  one("#receipt").replaceChildren(...receipt(view, me));
  one("#signatures").replaceChildren(...lines(view, me, others));
  const open = row.state === "pending";
  one("#standing-in").replaceChildren(...(open ? view.delegates : []).map((lent) => el("li", {}, written(lent.person), ", for ", written(lent.for.person), " until ", day(lent.for.until))));
  one("#escalation").replaceChildren(...view.escalation.filter(({ went_at }) => open || went_at).map(step));
  fill("progress", ...progress(view, me));
  fill("needed", needed(row));
  fill("log-entry", view.log_entry === null ? "See it in the log" : `See log entry ${view.log_entry.toLocaleString("en")}`);
}

/** Everybody who may sign but is not this person, and for whom, where that is somebody who is away. */
function whoElse({ approvers, delegates }, me) {
  const own = approvers.filter((name) => name !== me.name);
  const lent = delegates.filter(({ person }) => person !== me.name);
  return [...own, ...lent.map((one) => `${one.person} (for ${one.for.person}, until ${untilWhen(one.for.until)})`)];
}

const NUMBERS = ["No", "One", "Two", "Three", "Four", "Five"];
const ORDINALS = ["", "first", "second", "third", "fourth", "fifth"];

function needed({ quorum, signed }) {
  const open = Math.max(0, quorum - signed);
  return `${NUMBERS[open] ?? open} more ${open === 1 ? "signature is" : "signatures are"} needed`;
}

/** What the signature of whoever looks would do to the request. */
export function placeOf({ quorum, signed }) {
  if (quorum === 1) return "";
  if (signed + 1 >= quorum) return "Yours is the last signature: it is sent at once";
  return `Yours is the ${ORDINALS[signed + 1]} of ${NUMBERS[quorum]?.toLowerCase() ?? quorum}: nothing is sent yet`;
}

function progress({ row, signatures, may }, me) {
  const { quorum, signed } = row;
  const strokes = el("span", { class: "strokes", "aria-hidden": "true" }, ...Array.from({ length: quorum }, (_, i) => el("i", { class: i < signed ? "given" : null })));
  const mine = signatures.some((s) => s.person === me.name);
  const place = mine ? " Yours is in" : may.approve ? ` Yours would be the ${ORDINALS[signed + 1]}` : "";
  const given = signatures.map((s) => el("small", {}, written(s.person), " signed at ", seconds(s.at)));
  return [el("span", {}, strokes, " ", el("b", {}, `${signed} of ${quorum}.`), place), ...given];
}

function step({ to, at, went_at, people }) {
  const named = people.length ? [": ", written(people.join(", "))] : [];
  return el("li", {}, went_at ? "Went to " : "Goes to ", written(to), " at ", seconds(went_at ?? at), ...named);
}

const standsIn = (away) => (away ? el("small", {}, "for ", written(away.person), ", away until ", day(away.until)) : null);

function became(row) {
  if (row.state === "denied") return "Yours was not recorded as a decision, and nothing was sent.";
  return "Your signature is not needed any more.";
}

function receipt({ signatures, cosigner, credential_id, log_entry, row }, me) {
  const line = (term, ...content) => el("div", {}, el("dt", {}, term), el("dd", {}, ...content));
  const lines = signatures.map(({ person, credential, at }) => line("Signed by", written(person === me.name ? me.display || person : person), el("small", {}, seconds(at), ", ", written(credential || "passkey"))));
  if (credential_id) lines.push(line("Credential", el("span", { class: "digest" }, credential_id)));
  if (cosigner) lines.push(line("Cosigner", el("span", { class: "digest" }, cosigner)));
  if (log_entry !== null) lines.push(line("Log entry", log_entry.toLocaleString("en")));
  if (row.status !== null) lines.push(line("Answer", `${row.status}${SAYS[row.outcome] ?? ""}`));
  return lines;
}

function lines({ row, signatures, may }, me, others) {
  const name = (person) => (person === me.name ? `${me.display || me.name}, you` : person);
  const given = signatures.map(({ person, at, credential, counts, for: away }) => el("li", { class: counts ? "given" : null },
    el("span", {}, el("b", {}, written(name(person))), standsIn(away), el("small", {}, seconds(at), ", ", written(credential || "passkey")),
      counts ? null : el("small", {}, "does not count any more"))));
  if (row.state !== "pending") return given.length ? given : [el("li", {}, el("span", { class: "quiet" }, "Nobody signed"))];
  const open = Math.max(0, row.quorum - row.signed);
  const mine = may.approve && !signatures.some((s) => s.person === me.name);
  return [...given, ...Array.from({ length: open }, (_, i) => el("li", {}, (i === 0 && mine)
    ? el("span", {}, written(name(me.name)), el("small", {}, "not signed yet"))
    : el("span", { class: "quiet" }, written(others.join(" or ") || "Somebody else"), el("small", {}, "not signed yet"))))];
}
