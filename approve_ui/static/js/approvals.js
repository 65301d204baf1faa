// The queue: live, and still while somebody's pointer or focus is in it.

import { get } from "./api.js";
import { ends } from "./bytes.js";
import { moment, secondsUntil, setServerTime, startClock, tick, timeOfDay } from "./clock.js";
import { el, icon, one, say, tag } from "./dom.js";
import { listen } from "./events.js";
import { signOut, toLogin, whoAmI } from "./session.js";
import { headline } from "./summary.js";
import { concerns, written } from "./values.js";

const OUTCOME = {
  completed: ["ok", "check", "Sent"], failed: ["hold", "caution", "Sent, answered no"],
  unclear: ["hold", "caution", "Sent, yes or no unclear"], unknown: ["hold", "caution", "Sent, answer unknown"], spent: ["sign", "send", "Sending"],
  approved: ["sign", "clock", "Approved, not asked again yet"], denied: ["", "cross", "Denied"], expired: ["", "clock", "Expired"],
  cancelled: ["", "cross", "Cancelled"], lapsed: ["hold", "clock", "Approved, never used"], revoked: ["", "cross", "Withdrawn"],
};
const SAID = { failed: "failed", unclear: "unclear" };
const ASKS_AGAIN_MS = 4000;
const RISK = { high: ["stop", "risk-high", "High risk"], medium: ["hold", "risk-medium", "Medium risk"] };

// Notifications are offered beside the queue, which does not wait for them.
const push = import("./push.js");
const stop = import("./stop.js");
const list = one("#waiting");
const body = one("tbody", list);
const later = one("#show-new");
const shown = new Map();
let held = null;
let config = null;
let recent = "";
let reviews = 0;
let first = true;
let timer = 0;

const busy = () => list.matches(":hover") || list.contains(document.activeElement);

async function refresh() {
  let answer;
  try {
    answer = await get("/api/v1/envelopes");
  } catch (error) {
    if (error.status === 401) return toLogin();
    if (!one("#live").classList.contains("stale")) setTimeout(soon, ASKS_AGAIN_MS);
    return;
  }
  setServerTime(answer.server_time);
  const count = one("#count");
  count.replaceChildren(String(answer.waiting.length), el("span", { class: "unseen" }, " waiting"));
  count.hidden = answer.waiting.length === 0;
  document.title = `${answer.waiting.length ? `(${answer.waiting.length}) ` : ""}Approvals · Secondsig`;
  showRecent(answer.recent);
  first = answer.recent.length === 0;
  config = answer.config;
  reviews = answer.open_reviews;
  if (shown.size && busy()) return hold(answer.waiting);
  showConfig();
  showUnusual(answer.waiting);
  showWaiting(answer.waiting);
}

// The notice stands above the rows, so it comes and goes only when nobody points at one.
function showConfig() {
  const { digest, refused } = config;
  const notice = one("#refused-change");
  if (refused) {
    one("#refused-at").replaceChildren(moment(refused.at, timeOfDay(refused.at)));
    one("#refused-why").replaceChildren(...refused.why.map((sentence) => el("li", {}, written(sentence))));
    one("#in-force").textContent = ends(digest);
  }
  notice.hidden = !refused;
  one("#open-reviews").hidden = reviews === 0;
  one("#review-count").textContent = reviews === 1 ? "and one review is open: somebody who did not sign has to look at it." : `and ${reviews} reviews are open: somebody who did not sign has to look at them.`;
}

const askToStop = () => stop.then((loaded) => loaded.askToStop(soon), () => say("The gateway cannot be reached. Use secondsig stop-all."));

// An agent that asks far more than it usually does: one tap pauses it, and what it waits for is cancelled.
function showUnusual(rows) {
  const agents = new Map(rows.filter((row) => row.unusual).map((row) => [row.agent, row.unusual]));
  // Made anew only if it says something else: a button must not go away under a finger.
  const said = JSON.stringify([...agents]);
  const place = one("#unusual");
  if (place.dataset.said === said) return;
  place.dataset.said = said;
  if (agents.size === 0) return place.replaceChildren();
  import("./unusual.js").then(
    ({ noticesOf }) => { if (place.dataset.said === said) place.replaceChildren(...noticesOf(agents, soon)); },
    () => { delete place.dataset.said; },
  );
}

// Nothing moves under a finger: rows that ended say so where they stand, and new ones wait behind a button.
function hold(rows) {
  held = rows;
  const now = new Map(rows.map((row) => [row.id, row]));
  for (const [id, line] of shown) {
    const row = now.get(id);
    if (row) one(".signed", line).replaceChildren(...signed(row));
    else end(line);
  }
  const fresh = rows.filter((row) => !shown.has(row.id)).length;
  later.hidden = fresh === 0;
  later.textContent = `${fresh} new ${fresh === 1 ? "request" : "requests"}, show`;
  if (fresh) say(later.textContent);
}

function release() {
  if (!held || busy()) return;
  showConfig();
  showUnusual(held);
  showWaiting(held);
}

function showWaiting(rows) {
  const fresh = rows.filter((row) => !shown.has(row.id)).length;
  if (shown.size && fresh) say(`${fresh} new ${fresh === 1 ? "request" : "requests"}`);
  held = null;
  later.hidden = true;
  shown.clear();
  const sorted = rows.toSorted((a, b) => Date.parse(a.expires_at) - Date.parse(b.expires_at));
  body.replaceChildren(...inGroups(sorted).flatMap((group) => [
    ...(group.length > 1 ? [groupLine(group)] : []),
    ...group.map((row) => {
      const line = waitingLine(row);
      shown.set(row.id, line);
      return line;
    }),
  ]));
  one("#how-many").textContent = rows.length > 1 ? `${rows.length}, shortest time first` : "1";
  list.hidden = rows.length === 0;
  import("./tour.js").then(({ showTour }) => showTour(rows.length, first), () => {});
  tick();
}

// Like requests stand together, where the first of them stands.
function inGroups(rows) {
  const groups = new Map();
  for (const row of rows) {
    const key = row.batch ?? row.id;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}

function groupLine([first, ...others]) {
  const number = others.length + 1;
  return el("tr", { class: "group" }, el("td", { colspan: "6" },
    el("a", { href: `/approve/batch#${encodeURIComponent(first.id)}` }, `Review ${number} together`), " ",
    el("small", {}, `${number} like requests of `, written(first.agent), ": ", el("span", { class: "mono" }, written(first.action)))));
}

function waitingLine(row) {
  const left = el("b", { "data-until": row.expires_at }, "–");
  return el("tr", { "data-clock": "" },
    el("td", { class: "time" }, left, el("progress", { max: row.ttl, value: secondsUntil(row.expires_at), "aria-hidden": "true" })),
    el("td", { class: "agent" }, el("b", {}, written(row.agent)), row.unusual ? el("small", { class: "tag hold" }, icon("volume"), " Unusual volume") : null, el("small", { class: "mono" }, written(row.address ?? ""))),
    el("td", { class: "request" }, link(row), el("small", { class: "mono" }, written(row.action), " on ", written(row.resource)), warning(row)),
    el("td", { class: "purpose" }, row.purpose ? el("div", { class: "claim" }, el("q", {}, written(row.purpose))) : null),
    el("td", { class: "risk-cell" }, ...risk(row)),
    el("td", { class: "signed" }, ...signed(row)));
}

const link = (row) => el("a", { href: `/approve/${encodeURIComponent(row.id)}` }, ...headline(row).map(plain));
const plain = (part) => (typeof part === "string" ? part : el("span", { class: "value" }, ...part.childNodes));

function warning(row) {
  const found = row.summary.flatMap((part) => ("value" in part ? concerns(part.value) : []));
  return found.length ? el("small", { class: "tag hold" }, icon("caution"), " Marked: look closely") : null;
}

function risk(row) {
  const known = RISK[row.intent_risk];
  return known ? [tag(...known)] : [tag("", "person", "A person signs")];
}

function signed(row) {
  const strokes = Array.from({ length: row.quorum }, (_, i) => el("i", { class: i < row.signed ? "given" : null }));
  return [el("span", { class: row.signed ? "tag sign" : "tag" }, el("span", { class: "strokes", "aria-hidden": "true" }, ...strokes), ` ${row.signed} of ${row.quorum}`)];
}

function end(line) {
  const time = one(".time", line);
  if (!one("[data-until]", time)) return;
  time.replaceChildren(el("b", {}, "Ended"));
}

// Made anew only if it says something else; whoever stands on one of them with the keyboard goes on standing there.
function showRecent(rows) {
  const said = JSON.stringify(rows);
  if (recent === said) return;
  recent = said;
  const section = one("#recent");
  const on = section.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  section.hidden = rows.length === 0;
  one("tbody", section).replaceChildren(...rows.map(recentLine));
  if (on) one(`a[href="${on}"]`, section)?.focus({ preventScroll: true });
}

function recentLine(row) {
  const [kind, symbol, words] = OUTCOME[SAID[row.outcome] ?? row.state] ?? ["", "clock", row.state];
  const status = row.state === "completed" && row.status !== null ? `${words}, ${row.status}` : words;
  return el("tr", {},
    el("td", { class: "time" }, moment(row.opened_at, timeOfDay(row.opened_at, false))),
    el("td", { class: "agent" }, el("b", {}, written(row.agent))),
    el("td", { class: "request" }, link(row)),
    el("td", { class: "purpose" }, ...decided(row)),
    el("td", { class: "risk-cell" }, tag(kind, symbol, row.outcome === "not_sent" ? "Nothing was sent" : status)));
}

function decided(row) {
  if (row.state === "expired") return ["Nobody in time"];
  if (!row.decided_by) return [];
  const how = row.state === "denied" ? [", denied", ...(row.note ? [": “", written(row.note), "”"] : [])] : [`, ${row.decision_method ?? "passkey"}`];
  return [written(row.decided_by), ...how];
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(refresh, 150);
}

function onLive(live) {
  const line = one("#live");
  line.classList.toggle("stale", !live);
  if (live) {
    line.textContent = "Live";
    delete line.dataset.since;
    soon();
  } else {
    line.dataset.since ??= timeOfDay(Date.now());
    line.textContent = `Connection lost at ${line.dataset.since}. This list may be old. Trying again`;
  }
}

async function start() {
  try {
    await whoAmI();
  } catch (error) {
    if (error.status === 401) return toLogin();
    onLive(false);
  }
  if (location.hash === "#stop") {
    history.replaceState(null, "", location.pathname);
    askToStop();
  }
  startClock({ onEnd: (element) => { end(element.closest("tr")); soon(); } });
  await refresh();
  // Below everything: rows do not move when it comes.
  push.then(({ mountPush }) => mountPush(one("#push"))).catch(() => {});
  listen({ onEvent: soon, onLive, onSignedOut: toLogin });
}

later.addEventListener("click", () => { showWaiting(held); later.blur(); });
list.addEventListener("pointerleave", () => setTimeout(release, 0));
list.addEventListener("focusout", () => setTimeout(release, 0));
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") soon(); });
one("#stop").addEventListener("click", askToStop);
one("#sign-out").addEventListener("click", () => signOut().then(toLogin));
push.then(({ mountInstall }) => mountInstall(one("#install"))).catch(() => {});
start();
