// The log in plain rows, and the step-ups in it as stories.

import { get } from "./api.js";
import { moment, timeOfDay } from "./clock.js";
import { el, focusHeading, icon, one, tag } from "./dom.js";
import { signOut, toLogin, whoAmI } from "./session.js";
import { written } from "./values.js";

const PAGE = 50;
const filter = one("#filter");
const problem = one("#problem");
let next = null;

const STEP = {
  decision: (r) => ["pause", r.reason === "requires_step_up" ? "Held" : `Policy: ${r.decision ?? "decided"}`, r.reason === "requires_step_up" ? `Policy ${r.detail ?? ""} denied it, and would allow it with a person’s signature.` : r.detail],
  signature: (r) => ["passkey", `Approved by ${r.person ?? "a person"}`, "Signed with a passkey, user verified."],
  mint: () => ["minted", "Cosigner minted", "For this one request, for five minutes."],
  authorised: () => ["send", "Released", "Policy was asked again and allowed it. The cosigner is spent."],
  outcome: (r) => OUTCOME[r.outcome]?.(r) ?? ["log", "Outcome", ""],
  end: (r) => ENDED[r.reason]?.(r.person) ?? ["clock", "Ended", "Nothing was sent."],
  kept: (r) => r.reason === "fetched" ? ["check", "The agent took the answer", "It is deleted."] : ["pause", "Left with the gateway", "The agent does not wait. The gateway sends the request itself once it is approved."],
  reveal: (r) => ["search", `A hidden value was read by ${r.person ?? "a person"}`, ""],
  mismatch: () => ["unequal", "A display did not match", "Signing was blocked on that device."],
  refused: (r) => ["cross", "Refused", r.reason ?? ""],
};
const OUTCOME = {
  completed: (r) => ["check", `${r.host ?? "Upstream"} answered${r.status === null ? "" : ` ${r.status}`}`, "It was sent once."],
  failed: (r) => ["caution", `${r.host ?? "Upstream"} answered${r.status === null ? "" : ` ${r.status}`}, and the answer says no`, "It was sent once."],
  unclear: (r) => ["caution", `${r.host ?? "Upstream"} answered${r.status === null ? "" : ` ${r.status}`}, and may mean no`, r.detail ?? ""],
  not_sent: () => ["caution", "Nothing was sent", "Not one byte left."],
  unknown: () => ["caution", "Sent, but the answer never came", "It may or may not have been carried out, and is not repeated."],
};
const by = (words, person) => (person ? `${words} by ${person}` : words);
const ENDED = {
  approval_denied: (person) => ["cross", by("Denied", person), "Nothing was sent."],
  approval_timeout: () => ["clock", "Time ran out", "Nothing was sent."],
  lapsed: () => ["clock", "Lapsed", "Nothing was sent. The signature cannot be used for anything else."],
  withdrawn: (person) => ["cross", by("Withdrawn", person), "Nothing was sent."],
  cancelled: (person) => ["cross", by("Cancelled", person), "Nothing was sent."],
};

const entry = (row) => `Entry ${row.seq.toLocaleString("en")}`;
const short = (text) => (text.length > 28 ? `${text.slice(0, 14)} … ${text.slice(-8)}` : text);

// Rows

async function load(before = null) {
  const query = new URLSearchParams({ limit: PAGE, ...(filter.value.trim() && { filter: filter.value.trim() }), ...(before !== null && { before }) });
  problem.hidden = true;
  let answer;
  try {
    answer = await get(`/api/v1/rows?${query}`);
  } catch (error) {
    if (error.status === 401) return toLogin();
    one("span", problem).textContent = error.message;
    problem.hidden = false;
    return;
  }
  next = answer.next;
  one("#older").hidden = next === null;
  show(answer, before !== null);
}

function show({ rows, chains = [] }, more) {
  const body = one("#rows tbody");
  const stories = chains.filter((chain) => chain.length);
  if (!more) {
    body.replaceChildren();
    one("#chains").replaceChildren();
  }
  body.append(...rows.map(line));
  one("#chains").append(...stories.map(chainLine));
  const told = one("#chains").childElementCount;
  one("#stories").hidden = told === 0;
  one("#rows").hidden = body.childElementCount === 0 || told > 0;
  one("#none").hidden = told > 0 || body.childElementCount > 0;
  one("#chain-count").textContent = `${told} shown`;
  one("#row-count").textContent = `${body.childElementCount} shown, newest first`;
  if (!more && stories.length) tell(stories[0], one("#chains a"));
}

function line(row) {
  const what = [row.kind, row.decision, row.reason ?? row.outcome].filter(Boolean).join(", ").replaceAll("_", " ");
  const where = [row.method, row.host].filter(Boolean).join(" ");
  return el("tr", {},
    el("td", { class: "time" }, el("span", { class: "mono" }, row.seq.toLocaleString("en"))),
    el("td", { class: "signed" }, moment(row.at)),
    el("td", { class: "agent" }, el("b", {}, written(what)), row.detail ? el("small", {}, written(row.detail)) : null),
    el("td", { class: "purpose" }, el("span", { class: "mono" }, written(row.action ?? where)), row.resource ? el("small", { class: "mono" }, written(row.resource)) : null, row.action && where ? el("small", {}, written(where)) : null),
    el("td", { class: "risk-cell" }, row.agent ? el("span", {}, written(row.agent)) : null, row.person ? el("small", {}, written(row.person), row.decision_method ? `, ${row.decision_method}` : "") : null));
}

// Chains

const first = (chain, key) => chain.find((row) => row[key] !== null && row[key] !== undefined)?.[key] ?? null;

function ending(chain) {
  const outcome = chain.findLast((row) => row.kind === "outcome")?.outcome;
  if (outcome === "completed") return tag("ok", "check", `Sent, ${chain.findLast((row) => row.status !== null)?.status ?? "answered"}`);
  if (outcome === "failed") return tag("hold", "caution", "Sent, answered no");
  if (outcome === "unclear") return tag("hold", "caution", "Sent, yes or no unclear");
  if (outcome === "unknown") return tag("hold", "caution", "Answer unknown");
  if (outcome === "not_sent") return tag("hold", "caution", "Nothing was sent");
  const end = chain.findLast((row) => row.kind === "end");
  if (end) return tag("", stepOf(end)[0], stepOf(end)[1]);
  return chain.some((row) => row.kind === "mint") ? tag("sign", "clock", "Approved") : tag("", "clock", "Waiting");
}

function chainLine(chain) {
  const link = el("a", { href: "#story" }, el("span", { class: "mono" }, written(first(chain, "action") ?? "A request")), " on ", el("span", { class: "value" }, written(first(chain, "resource") ?? "?")));
  link.addEventListener("click", (event) => {
    event.preventDefault();
    tell(chain, link);
    focusHeading(one("#story-title"));
    one("#story").scrollIntoView({ block: "nearest" });
  });
  return el("li", {}, link, el("p", { class: "row" }, el("span", {}, moment(chain[0].at, timeOfDay(chain[0].at)), ", ", written(first(chain, "agent") ?? "")), ending(chain)));
}

function tell(chain, link) {
  for (const other of document.querySelectorAll("#chains a")) other.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  const envelope = first(chain, "envelope");
  one("#story").replaceChildren(
    el("header", { class: "ask" }, el("h2", { id: "story-title" }, ...headline(chain)), el("p", { class: "quiet small" }, `${chain.length} entries: `, el("span", { class: "mono" }, envelope ?? ""))),
    el("section", {}, el("ol", { class: "chain" }, ...chain.map(step))),
    ...(envelope ? [el("footer", { class: "story-foot" }, el("a", { class: "button plain", href: `/approve/${encodeURIComponent(envelope)}` }, "Open the question"))] : []));
}

function headline(chain) {
  const decider = chain.findLast((row) => row.person && row.kind !== "reveal" && row.kind !== "mismatch");
  const asked = [written(first(chain, "agent") ?? "An agent"), " asked for ", el("span", { class: "value" }, written(first(chain, "action") ?? "")), " on ", el("span", { class: "value" }, written(first(chain, "resource") ?? "")), ". "];
  const [, words] = stepOf(chain.at(-1));
  if (!decider) return [...asked, `${words}.`];
  const denied = chain.some((row) => row.reason === "approval_denied");
  const seconds = Math.max(0, Math.round((Date.parse(decider.at) - Date.parse(chain[0].at)) / 1000));
  return [...asked, written(decider.person), ` ${denied ? "denied" : "approved"} it ${seconds} ${seconds === 1 ? "second" : "seconds"} later. `, denied ? "Nothing was sent." : `${words}.`];
}

const stepOf = (row) => (STEP[row.kind] ?? ((r) => ["log", r.kind.replaceAll("_", " "), r.reason ?? ""]))(row);

function step(row) {
  const [symbol, title, words] = stepOf(row);
  const ink = row.kind === "signature";
  const proof = [
    el("span", {}, entry(row)),
    ...[["credential", row.credential_id], ["cosigner", row.cosigner]].filter(([, value]) => value).map(([name, value]) => el("span", { class: "digest" }, `${name} ${short(value)}`)),
    ...(row.decision_method ? [el("span", { class: "mono" }, `by ${row.decision_method}`)] : []),
  ];
  return el("li", { class: ink ? "ink" : null },
    el("span", { class: row.person && row.kind !== "mint" ? "node" : "node machine" }, icon(symbol)),
    el("div", {}, el("p", { class: "step" }, el("b", {}, written(title)), moment(row.at)),
      words ? el("p", {}, written(words)) : null,
      row.detail && row.kind !== "decision" ? el("p", {}, written(row.detail)) : null,
      el("p", { class: "proof" }, ...proof)));
}

async function start() {
  filter.value = new URLSearchParams(location.search).get("filter") ?? "";
  await whoAmI().catch((error) => { if (error.status === 401) toLogin(); });
  await load();
}

one("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const query = filter.value.trim();
  history.replaceState(null, "", query ? `?filter=${encodeURIComponent(query)}` : location.pathname);
  load();
});
one("#older").addEventListener("click", () => load(next));
one("#sign-out").addEventListener("click", () => signOut().then(toLogin));
start();
