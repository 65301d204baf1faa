// Like requests under one signature. What is shown is fixed when the page is built; ticks choose what of it is signed.

import { get, post } from "./api.js";
import { decode, encode, ends, grouped, hex, sha256, unhex } from "./bytes.js";
import { moment, secondsUntil, setServerTime, startClock, tick, timeOfDay } from "./clock.js";
import { askForNote } from "./deny.js";
import { all, copyButton, el, fill, focusHeading, one, showState } from "./dom.js";
import { listen } from "./events.js";
import { ARMS_AFTER_MS, Guard } from "./guard.js";
import { passkeysWork, sign, signIn, whyNotSigned } from "./passkey.js";
import { onPress, whoAmI } from "./session.js";
import { headline } from "./summary.js";
import { togetherOf, totalOf } from "./together.js";
import { caution, concerns, readText, written } from "./values.js";
import { checkTogether, openBatch } from "./verify-together.js";
import { keepsCommitment, Mismatch } from "./verify.js";

const ASKS_AGAIN_MS = 4000;
const DECIDING = new Set(["verifying", "ready", "signing", "sign-failed", "offline", "no-passkey"]);
const SIGNABLE = new Set(["ready", "sign-failed"]);
const WHY_NOT = {
  not_allowed: "Policy asks somebody else to sign them.", own_request: "They came from an agent that acts for you: somebody else must sign.",
  no_passkey: "No passkey of yours is enrolled.", decided: "This one is no longer open.", expired: "Time ran out. It was refused.",
};

const id = location.hash.slice(1);
const api = `/api/v1/envelopes/${encodeURIComponent(id)}`;
const [approve, deny, says, sheet] = ["#approve", "#deny-all", "#says", "#sheet"].map((s) => one(s));
const page = { me: null, state: "loading", items: [], batch: null, begun: 0, revealed: [], ceremony: null, alarmed: false, listening: false };
const guard = new Guard(showArming);
const ticked = () => page.items.filter((item) => item.box.checked);
const count = (n) => `${n} ${n === 1 ? "request" : "requests"}`;

// States

function enter(state) {
  if (page.alarmed && state !== "mismatch" && state !== "denied") return;
  const changed = page.state !== state;
  page.state = state;
  if (!DECIDING.has(state)) one("#deny").close();
  showState(state);
  document.body.classList.toggle("alarm-page", state === "mismatch");
  if (changed) guard.settle();
  const heading = all(".outcome h1").find((h) => h.checkVisibility());
  if (changed && heading) focusHeading(heading);
  showArming();
}

function showArming() {
  const chosen = ticked();
  const why = chosen.length ? guard.why() : "Tick what you want to approve";
  const armed = SIGNABLE.has(page.state) && page.batch !== null && why === null && guard.settled;
  approve.setAttribute("aria-disabled", String(!armed));
  deny.setAttribute("aria-disabled", String(!guard.settled || page.state === "offline" || chosen.length === 0));
  one("span", approve).textContent = page.state === "verifying" ? "Checking" : `Approve ${chosen.length}`;
  one("span", deny).textContent = `Deny ${chosen.length === page.items.length ? "all " : ""}${chosen.length}`;
  const words = why ?? chosenWords(chosen);
  if ((page.state === "verifying" || SIGNABLE.has(page.state)) && says.textContent !== words) says.textContent = words;
  return armed;
}

function chosenWords(chosen) {
  const total = totalOf(chosen.map((item) => item.payload));
  return `One signature, ${count(chosen.length)}${total ? `, ${total}` : ""}`;
}

// What waits

let loading = Promise.resolve();
const load = () => (loading = loading.catch(() => {}).then(loadNow));

async function loadNow() {
  if (page.state === "signed" || page.state === "denied" || page.state === "signing" || page.alarmed) return;
  let view;
  try {
    view = await get(api);
  } catch (error) {
    return onFailure(error);
  }
  setServerTime(view.server_time);
  const shown = page.items.map((item) => item.id);
  const waiting = new Set(view.alike);
  if (shown.length === 0) return first(view);
  const left = shown.filter((each) => waiting.has(each));
  if (left.length < shown.length) return without(shown.length - left.length, left, view);
  offerMore(view.alike.filter((each) => !shown.includes(each)));
  if (page.state === "offline") await choose();
}

async function first(view) {
  fill("agent", written(view.row.agent));
  page.agent = view.row.agent;
  if (view.row.state === "pending" && !view.may.approve) return cannot(WHY_NOT[view.may.why] ?? "You have signed it.");
  if (view.alike.length < 2) return location.replace(`/approve/${encodeURIComponent(id)}`);
  await build(view.alike);
}

function cannot(words) {
  one("#missing-why").textContent = words;
  one("#alone").href = `/approve/${encodeURIComponent(id)}`;
  enter("missing");
}

// Some were decided meanwhile: what is left is laid out anew, and said so.
async function without(gone, left, view) {
  const chosen = new Set(ticked().map((item) => item.id));
  if (left.length === 0) return cannot(view.alike.length ? "All of these were decided meanwhile." : "None of these waits any more.");
  await build(left, chosen);
  tellChange(`${count(gone)} of these ${gone === 1 ? "was" : "were"} decided meanwhile and ${gone === 1 ? "is" : "are"} not on this page any more.`);
  offerMore(view.alike.filter((each) => !left.includes(each)));
}

function tellChange(words) {
  const line = one("#changed");
  one("span", line).textContent = words;
  line.hidden = false;
  guard.settle();
}

function offerMore(more) {
  const place = one("#more");
  if (place.hidden !== (more.length === 0)) guard.settle();
  place.hidden = more.length === 0;
  one("#show-more").textContent = `${more.length} more like these wait, show`;
}

async function showMore() {
  const chosen = new Set(page.items.filter((item) => !item.box.checked).map((item) => item.id));
  const view = await get(api).catch(onFailure);
  if (!view) return;
  one("#more").hidden = true;
  await build(view.alike, new Set(view.alike.filter((each) => !chosen.has(each))));
}

// What would be signed

async function begin(ids) {
  const number = ++page.begun;
  const begun = await post("/api/v1/batches/begin", { envelopes: ids });
  const opened = await openBatch(begun, { envelopes: ids, approver: page.me.name });
  return number === page.begun ? { ...opened, begun } : null;
}

/** Lays out these envelopes whole; `chosen` are ticked, or all. */
async function build(ids, chosen = null) {
  enter("verifying");
  guard.verified = false;
  page.batch = null;
  try {
    const opened = await begin(ids);
    if (opened === null) return;
    setServerTime(opened.begun.server_time);
    show(opened, chosen);
    await checkTogether(sheet, page.items.map((item) => item.digest));
    if (chosen === null || ids.every((each) => chosen.has(each))) return await ready(opened);
    await choose();
  } catch (error) {
    await onProblem(error);
  }
}

function show({ parts, begun }, chosen) {
  page.revealed = [];
  const fresh = togetherOf(parts.map((part) => part.payload), offerReveal);
  const verified = one("#verified-template").content.cloneNode(true);
  const facts = one(".facts", fresh);
  sheet.replaceChildren(...fresh.childNodes);
  facts.parentElement.after(...verified.children);
  page.items = all("[data-item]", sheet).map((element, i) => {
    const box = one("input", element);
    box.checked = chosen === null || chosen.has(parts[i].payload.envelope);
    box.addEventListener("change", choose);
    showNotes(one(".notes", element), begun.requests[i]);
    return { id: parts[i].payload.envelope, ...parts[i], element, rest: all("[data-rest]", sheet)[i], box };
  });
  copyButton(one("#copy-raw"), () => decode(page.batch.bytes));
  runUntil();
}

function showNotes(place, { repeats, earlier_configuration: earlier }) {
  if (repeats) {
    const by = repeats.by ? [" by ", written(repeats.by)] : [];
    const note = repeats.note ? [": “", written(repeats.note), "”"] : [];
    const words = caution("The same was asked before, ");
    const key = repeats.state === "unknown" && repeats.idempotency_key;
    const same = key ? [". It left with ", el("code", {}, written(key)), ": only the same key lets the service see that this is the same."] : [];
    one("span", words).append(moment(repeats.at), `: ${repeats.state}`, ...by, ...note, ...same);
    place.append(words);
  }
  if (earlier) place.append(caution("Opened under an earlier configuration. Before it is sent it is read and decided again under the one in force."));
}

/** Another choice is another list: it is asked for, checked and settled like the first. */
async function choose() {
  if (page.state === "signing") return;
  page.batch = null;
  ++page.begun;
  enter("verifying");
  guard.settle();
  const chosen = ticked();
  for (const { element, rest, box } of page.items) for (const part of [element, rest]) part.classList.toggle("left-out", !box.checked);
  guard.watch(sheet, (field) => !field.closest(".left-out"));
  runUntil();
  if (chosen.length === 0) return enter("ready");
  try {
    const opened = await begin(chosen.map((item) => item.id));
    if (opened === null) return;
    if (opened.parts.some((part, i) => part.digest !== chosen[i].digest)) throw new Mismatch("a payload is not the one that is shown", opened.digest, "");
    await checkTogether(sheet, page.items.map((item) => item.digest));
    await ready(opened);
  } catch (error) {
    await onProblem(error);
  }
}

async function ready(opened) {
  page.batch = opened;
  fill("digest-ends", ends(opened.digest));
  fill("digest", grouped(opened.digest));
  one("#raw").replaceChildren(written(decode(opened.bytes)));
  showMarked(guard.watch(sheet, (field) => !field.closest(".left-out")));
  guard.verified = true;
  enter(passkeysWork() ? "ready" : "no-passkey");
  guard.settle(ARMS_AFTER_MS);
}

function showMarked(fields) {
  const place = one("#marked");
  place.replaceChildren();
  for (const old of all("[id^='marked-']", sheet)) old.removeAttribute("id");
  if (fields.length === 0) return;
  fields.forEach((field, i) => { field.id = `marked-${i}`; });
  const links = fields.flatMap((field, i) => [i ? ", " : "", el("a", { href: `#marked-${i}` }, written(readText(one("dt", field))))]);
  const words = caution(fields.length === 1 ? "1 field is marked: " : `${fields.length} fields are marked: `);
  one("span", words).append(...links, ". Approve opens when you have seen ", fields.length === 1 ? "it." : "them.");
  place.append(words);
  for (const link of all("a", place)) link.addEventListener("click", (event) => toField(event, link));
}

// The address holds the envelope and nothing else: a link to a field scrolls and leaves it alone.
function toField(event, link) {
  event.preventDefault();
  one(link.getAttribute("href"), sheet).scrollIntoView({ block: "center" });
}

function offerReveal({ envelope, selector, field, place, commitment }) {
  const button = el("button", { class: "button slim", type: "button" }, "Reveal");
  const problem = el("small", { role: "alert" });
  button.addEventListener("click", async () => {
    try {
      const { value, salt } = await post(`/api/v1/envelopes/${encodeURIComponent(envelope)}/reveal`, { selector });
      if (!(await keepsCommitment(value, unhex(salt), commitment))) throw new Mismatch("a revealed value is not the one that is signed", page.batch?.digest, "");
      const shown = el("span", { class: "leaf mono", tabindex: "-1" }, written(value, { lines: true }));
      page.revealed.push({ envelope, shown, salt: unhex(salt), commitment });
      place.replaceChildren(shown, ...concerns(value).map(caution));
      shown.focus({ preventScroll: true });
      delete field.dataset.redacted;
      guard.opened(field);
    } catch (error) {
      if (error instanceof Mismatch) return alarm(error);
      problem.textContent = error.message;
    }
  });
  place.append(button, problem);
}

/** The page still shows what was checked: asked once more in the moment before the passkey. */
async function checkAgain() {
  await checkTogether(sheet, page.items.map((item) => item.digest));
  const chosen = new Set(ticked().map((item) => item.id));
  if (ticked().some(({ digest }, i) => digest !== page.batch.parts[i]?.digest) || chosen.size !== page.batch.parts.length) {
    throw new Mismatch("the ticks are not the list", page.batch.digest, "");
  }
  for (const { envelope, shown, salt, commitment } of page.revealed.filter((each) => chosen.has(each.envelope))) {
    if (!shown.checkVisibility() || !(await keepsCommitment(readText(shown), salt, commitment))) {
      throw new Mismatch(`a revealed value of ${envelope} was changed`, page.batch.digest, "");
    }
  }
}

async function alarm(error) {
  const seen = error.shown || hex(await sha256(encode(sheet.textContent)));
  page.alarmed = true;
  const expected = error.expected ?? page.batch?.digest ?? "";
  sheet.replaceChildren();
  guard.verified = false;
  fill("envelope", id);
  fill("expected", grouped(expected) || "not readable");
  fill("shown", grouped(seen));
  enter("mismatch");
  console.error("Secondsig: the display does not match.", error);
  await post(`${api}/mismatch`, { expected: expected.slice(0, 64), shown: seen }).catch(() => {});
}

// What went wrong

async function onProblem(error) {
  if (error instanceof Mismatch || !("status" in error)) return alarm(error);
  return onFailure(error);
}

async function onFailure(error) {
  if (error.status === 401) return signedOut();
  if (error.status === 0 && page.items.length) return offline("You are offline. Nothing was sent.");
  if (error.status === 409 && page.items.length) return later();
  cannot(error.message);
}

// Somebody was first: what waits now is what the gateway says.
function later() {
  enter("verifying");
  setTimeout(load, 500);
}

function offline(words) {
  fill("offline-line", words);
  enter("offline");
  // One call may have failed while the feed still stands: then nobody else asks again.
  setTimeout(() => { if (page.state === "offline" && navigator.onLine) load(); }, ASKS_AGAIN_MS);
}

// What a person does

async function pressApprove() {
  if (page.ceremony || !showArming()) return;
  page.ceremony = new AbortController();
  try {
    await checkAgain();
    enter("signing");
    const credential = await sign(page.batch.begun.options, page.ceremony.signal);
    await sendSignature(credential);
  } catch (error) {
    await (error instanceof Mismatch ? alarm(error) : notSigned(error));
  } finally {
    page.ceremony = null;
  }
}

function notSigned(error) {
  if (page.state !== "signing") return;
  fill("sign-problem", `${error.name === "AbortError" ? "You cancelled." : whyNotSigned(error)} Nothing was approved. Try again or deny.`);
  enter("sign-failed");
}

async function sendSignature(credential) {
  const { challenge_id } = page.batch.begun;
  page.batch = null;
  try {
    tellDecided("signed", await post("/api/v1/batches/approve", { challenge_id, credential }));
  } catch (error) {
    page.state = "verifying";
    if (error.status === 0) return offline("You are offline, and whether your signature arrived is not known. This page asks again when you are back.");
    if (error.status === 401) return signedOut();
    await load();
    if (page.state !== "verifying") return;
    await choose();
    if (page.state !== "ready") return;
    fill("sign-problem", `${error.message} Nothing was approved. Try again or deny.`);
    enter("sign-failed");
  }
}

async function pressDeny() {
  if (deny.getAttribute("aria-disabled") === "true") return;
  const chosen = ticked().map((item) => item.id);
  fill("how-many", chosen.length === 1 ? "this request" : `these ${chosen.length} requests`);
  const denial = await askForNote();
  if (denial === null) return;
  if (await sendDenial(chosen, denial.note) && denial.pause) await pauseAgent();
}

async function sendDenial(envelopes, note) {
  try {
    tellDecided("denied", await post("/api/v1/batches/deny", { envelopes, note }));
    return true;
  } catch (error) {
    if (error.status === 0) offline("You are offline. It is not denied yet: try again.");
    else if (error.status === 401) await signedOut();
    else {
      fill("sign-problem", `${error.message} It was not denied. Try again.`);
      enter("sign-failed");
    }
    return false;
  }
}

async function pauseAgent() {
  const told = one("#paused");
  try {
    await post(`/api/v1/agents/${encodeURIComponent(page.agent)}/pause`);
    told.textContent = "It is paused as well, until an operator resumes it.";
  } catch (error) {
    told.textContent = `${error.message} It was not paused: ask your operator.`;
  }
  told.hidden = false;
}

// Each by its own sentence: what was decided here, what was left out and why, and what still waits.
function tellDecided(state, { rows, left_out }) {
  const decided = new Set([...rows.map((row) => row.id), ...left_out.map((left) => left.envelope)]);
  const unticked = page.items.filter((item) => !decided.has(item.id));
  const missing = left_out.length ? `, ${left_out.length} not` : "";
  fill("done", `${state === "signed" ? "Signed by you" : "Denied by you"}: ${count(rows.length)}${missing}`);
  const item = (envelope, words, ...more) => el("li", {}, el("a", { href: `/approve/${encodeURIComponent(envelope)}` }, ...words), el("small", {}, ...more));
  const named = (envelope) => page.items.find((each) => each.id === envelope)?.payload.units.flatMap((unit) => headline(unit)) ?? [envelope];
  fill("became",
    ...rows.map((row) => item(row.id, headline(row), became(state, row))),
    ...left_out.map((left) => item(left.envelope, named(left.envelope), state === "signed" ? "Not signed. " : "Not denied. ", written(left.detail))),
    ...unticked.map((each) => item(each.id, named(each.id), "Left out: it waits by itself")));
  sheet.replaceChildren();
  enter(state);
}

function became(state, row) {
  if (state === "denied") return "Denied";
  const open = row.quorum - row.signed;
  return row.state === "pending" && open > 0 ? `Signed. ${open} more must sign` : "Approved";
}

// Signed out: the time left, and nothing else

async function signedOut() {
  sheet.replaceChildren();
  page.items = [];
  page.batch = null;
  guard.verified = false;
  const clock = await get(`${api}/clock`).catch(() => null);
  if (clock) {
    setServerTime(clock.server_time);
    countDown(clock.expires_at);
  }
  fill("clock-line", clock?.state_open ? "Requests are waiting. What they are stands here once you have signed in." : "This request is no longer open. How it ended stands on its page once you have signed in.");
  one("#open-clock").hidden = !clock?.state_open;
  enter("signed-out");
}

// The first deadline of what is ticked is the deadline of the signature.
function runUntil() {
  const chosen = ticked().length ? ticked() : page.items;
  const [first] = chosen.map((item) => item.payload).sort((a, b) => (a.expires_at < b.expires_at ? -1 : 1));
  if (first) countDown(first.expires_at, (Date.parse(first.expires_at) - Date.parse(first.opened_at)) / 1000);
}

function countDown(expires, ttl) {
  for (const element of all("[data-until]")) {
    element.dataset.until = expires;
    delete element.dataset.over;
  }
  if (ttl) for (const bar of all("progress")) bar.max = ttl;
  fill("refused-at", moment(expires, timeOfDay(expires, false)));
  tick();
}

async function signedIn() {
  try {
    page.me = await whoAmI();
  } catch (error) {
    return onFailure(error);
  }
  page.state = "loading";
  await load();
  if (page.state !== "signed-out" && !page.listening) follow();
}

function follow() {
  page.listening = true;
  listen({
    onEvent: (name) => { if (name === "envelope" || name === "config") load(); },
    onLive: (live) => { if (live && page.state === "offline") load(); },
    onSignedOut: () => { page.listening = false; signedOut(); },
  });
}

function timeIsUp() {
  if (page.state === "signed-out") return signedOut();
  if (!DECIDING.has(page.state) || !page.items.length || secondsUntil(one(".decide [data-until]").dataset.until) > 0) return;
  page.ceremony?.abort();
  page.batch = null;
  enter("verifying");
  setTimeout(load, 1500);
}

approve.addEventListener("click", pressApprove);
deny.addEventListener("click", pressDeny);
one("#cancel").addEventListener("click", () => page.ceremony?.abort());
one("#deny-alarm").addEventListener("click", () => sendDenial(page.items.map((item) => item.id), null));
one("#show-more").addEventListener("click", showMore);
copyButton(one("#copy-envelope"), () => id);
onPress(one("#sign-in"), async () => {
  await signIn();
  await signedIn();
});
addEventListener("offline", () => { if (DECIDING.has(page.state) && page.state !== "signing") offline("You are offline. Nothing was sent."); });
addEventListener("online", () => { if (page.state === "offline") load(); });
startClock({ aloud: true, onEnd: timeIsUp });
if (/^env_[0-9A-Za-z]{16,40}$/.test(id)) signedIn();
else cannot("The address names no request.");
