// The approval page: what it shows, what it lets a person do, and what became of it.

import { get, post } from "./api.js";
import { decode, encode, ends, grouped, hex, sha256, unhex } from "./bytes.js";
import { moment, secondsUntil, setServerTime, startClock, tick, timeOfDay } from "./clock.js";
import { askForNote } from "./deny.js";
import { all, copyButton, el, fill, focusHeading, icon, one, say, showState } from "./dom.js";
import { early } from "./early.js";
import { listen } from "./events.js";
import { ARMS_AFTER_MS, Guard } from "./guard.js";
import { outcomeOf, placeOf, tellOutcome } from "./outcome.js";
import "./jcs.js"; // named here too, so that all are fetched in one turn
import { passkeysWork, sign, signIn, whyNotSigned } from "./passkey.js";
import { sheetOf } from "./payload.js";
import { onPress, signOut, whoAmI } from "./session.js";
import { rowSheet } from "./summary.js";
import { caution, concerns, readText, written } from "./values.js";
import { checkDisplay, keepsCommitment, Mismatch, openPayload } from "./verify.js";

const DECIDING = new Set(["verifying", "ready", "signing", "sign-failed", "own-request", "counted", "no-passkey", "offline"]);
const SIGNABLE = new Set(["ready", "sign-failed"]);
const BREAKABLE = new Set(["verifying", "ready", "sign-failed", "not-allowed", "counted", "signed", "no-passkey"]);
const SENDING_FOR_MS = 2500;
const ASKS_AGAIN_MS = 4000;
const FIFTEEN_MINUTES = 900;

const id = location.pathname.split("/").at(-1);
const api = `/api/v1/envelopes/${encodeURIComponent(id)}`;
const [approve, deny, says, sheet] = ["#approve", "#deny-it", "#says", "#sheet"].map((s) => one(s));
const page = { me: null, view: null, state: "loading", opened: null, challenge: null, revealed: [], verb: "approve", reason: undefined, signedAt: -Infinity, ceremony: null, alarmed: false, resumed: false, listening: false };
const guard = new Guard(showArming);

// States

function enter(state) {
  if (page.alarmed && state !== "mismatch" && state !== "denied") return;
  const first = page.state === "loading";
  const changed = page.state !== state;
  page.state = state;
  if (!DECIDING.has(state)) one("#deny").close();
  if (!BREAKABLE.has(state)) one("#glass-ask").close();
  showState(state);
  one("#again").hidden ||= !page.view?.grantable;
  fill("verb", DECIDING.has(state) || state === "not-allowed" ? "asks to" : "asked to");
  document.body.classList.toggle("alarm-page", state === "mismatch");
  if (changed) guard.settle();
  if (changed && !first) headTo(all(".outcome h1").find((h) => h.checkVisibility()) ?? (page.resumed && state === "ready" ? one("#what") : null));
  if (state === "ready") page.resumed = false;
  showArming();
}

function headTo(heading) {
  if (heading) focusHeading(heading);
}

const breaking = () => page.verb === "break_glass";
const maySign = (view) => (breaking() ? view?.may_break_glass : view?.may.approve);

function showGlass() {
  one("#glass").hidden = breaking() || !page.view?.may_break_glass || !BREAKABLE.has(page.state) || page.alarmed;
  one("#glass-follows").hidden = !breaking() || !DECIDING.has(page.state);
}

function showArming() {
  showGlass();
  const unwilling = !maySign(page.view) || !SIGNABLE.has(page.state);
  const why = guard.why();
  const armed = !unwilling && why === null && guard.settled;
  approve.setAttribute("aria-disabled", String(!armed));
  deny.setAttribute("aria-disabled", String(!guard.settled || page.state === "offline" || !page.view?.may.deny));
  one("span", approve).textContent = page.state === "verifying" ? "Checking" : breaking() ? "Break glass" : "Approve";
  if (page.state === "verifying" || SIGNABLE.has(page.state)) {
    const place = breaking() ? null : placeOf(page.view.row);
    const words = why ?? [place, `Your passkey signs ${ends(page.opened.digest)}`].filter(Boolean).join(". ");
    if (says.textContent !== words) says.textContent = words;
  }
  return armed;
}

// One at a time: events come while a page is being built.
let loading = Promise.resolve();
const load = () => (loading = loading.catch(() => {}).then(loadNow));

async function loadNow() {
  let view;
  try {
    view = await (early("view") ?? get(api));
  } catch (error) {
    return onFailure(error);
  }
  setServerTime(view.server_time);
  const before = page.view;
  page.unsure = false;
  page.view = view;
  showEarlier(view.earlier_configuration);
  showBroken(view.broken_glass);
  if (breaking() && !view.may_break_glass) leaveGlass();
  showAlike(breaking() ? 0 : view.alike.filter((other) => other !== id).length);
  tellOutcome(view, page.me, page.opened?.payload);
  const state = breaking() ? "open" : outcomeOf(view, page.me);
  if (state === "waiting" && performance.now() - page.signedAt < SENDING_FOR_MS) return enter("sending");
  if (state !== "open") return showUnsigned(state);
  if (view.row.signed !== (before ?? view).row.signed) guard.settle();
  if (page.state === "signing") return;
  if (maySign(view) && passkeysWork()) await prepare();
  else showUnsigned(maySign(view) ? "no-passkey" : view.may.why.replaceAll("_", "-"));
}

// What decides changed since this was asked: said before anybody signs, and time to read it.
function showEarlier(earlier) {
  const line = one("#earlier");
  if (line.hidden === earlier) guard.settle();
  line.hidden = !earlier;
}

function showBroken(broken) {
  one("#broken").hidden = broken.length === 0;
  one("#broken span").replaceChildren(...broken.flatMap(({ person, reason, at }) => [el("b", {}, written(person)), " broke glass, ", moment(at), ": “", written(reason), "” "]));
}

// Like ones can be signed with it: said above the sheet, so it too takes time to be read.
function showAlike(others) {
  const line = one("#alike");
  if (line.hidden !== (others === 0)) guard.settle();
  line.hidden = others === 0;
  fill("alike", `${others} like ${others === 1 ? "request waits" : "requests wait"} as well.`);
  one("a", line).href = `/approve/batch#${encodeURIComponent(id)}`;
}

async function onFailure(error) {
  if (error.status === 401) return signedOut();
  if (error.status === 0 && page.view) return offline();
  one("#missing-why").textContent = error.message;
  enter("missing");
}

function offline(unsure = page.unsure) {
  page.unsure = unsure;
  fill("offline-line", unsure ? "You are offline, and whether your signature arrived is not known. This page asks again when you are back." : "You are offline. Nothing was sent.");
  enter("offline");
  // One call may have failed while the feed still stands: then nobody else asks again.
  setTimeout(() => { if (page.state === "offline" && navigator.onLine) load(); }, ASKS_AGAIN_MS);
}

// Without a payload the sheet is the question in short.
function showUnsigned(state) {
  if (!sheet.hasChildNodes()) sheet.replaceChildren(...rowSheet(page.view.row));
  enter(state);
}

// What would be signed

async function prepare() {
  if (page.alarmed) return;
  if (page.challenge && page.opened) return enter(guard.verified ? "ready" : "verifying");
  const asked = page.challenge ?? askToSign();
  enter("verifying");
  try {
    page.challenge = await asked;
    page.opened = await openPayload(page.challenge, { envelope: id, approver: page.me.name, decision: page.verb, reason: page.reason });
    await build();
  } catch (error) {
    if ("status" in error) return onFailure(error);
    return alarm(error);
  }
  guard.verified = true;
  tellOutcome(page.view, page.me, page.opened.payload);
  enter("ready");
  guard.settle(ARMS_AFTER_MS);
}

async function askToSign() {
  if (breaking()) return post(`${api}/break-glass/begin`, { reason: page.reason });
  return early("challenge") ?? post(`${api}/sign`);
}

async function build() {
  guard.verified = false;
  page.revealed = [];
  const fresh = sheetOf(page.opened.payload, offerReveal);
  const verified = one("#verified-template").content.cloneNode(true);
  const facts = one(".facts", fresh);
  sheet.replaceChildren(...fresh.childNodes);
  facts.after(...verified.children);
  await checkDisplay(sheet, page.opened.digest);
  fill("digest-ends", ends(page.opened.digest));
  fill("digest", grouped(page.opened.digest));
  one("#raw").append(written(decode(page.opened.bytes)));
  copyButton(one("#copy-raw"), () => decode(page.opened.bytes));
  showMarked(guard.watch(sheet));
  showRepeat(page.view.repeats);
}

function showRepeat(before) {
  if (!before) return;
  const words = [`The same was asked before: ${before.state}`, before.by ? el("span", {}, " by ", written(before.by)) : "", ", ", moment(before.at), "."];
  const note = before.note ? [" “", written(before.note), "”"] : [];
  const key = before.state === "unknown" && before.idempotency_key;
  const same = key ? [" It left with ", el("code", {}, written(key)), ": only the same key lets the service see that this is the same."] : [];
  one("#marked").prepend(el("p", { class: "caution" }, icon("caution"), el("span", {}, ...words, ...note, ...same)));
}

function showMarked(fields) {
  if (fields.length === 0) return;
  fields.forEach((field, i) => { field.id = `marked-${i}`; });
  const links = fields.flatMap((field, i) => [i ? ", " : "", el("a", { href: `#marked-${i}` }, written(readText(one("dt", field))))]);
  const words = fields.length === 1 ? "1 field is marked: " : `${fields.length} fields are marked: `;
  one("#marked").append(el("p", { class: "caution" }, icon("caution"), el("span", {}, words, ...links, ". Approve opens when you have seen ", fields.length === 1 ? "it." : "them.")));
}

function offerReveal({ selector, field, place, commitment }) {
  const button = el("button", { class: "button slim", type: "button" }, "Reveal");
  const problem = el("small", { role: "alert" });
  button.addEventListener("click", async () => {
    try {
      const { value, salt } = await post(`${api}/reveal`, { selector });
      if (!(await keepsCommitment(value, unhex(salt), commitment))) {
        throw new Mismatch("a revealed value is not the one that is signed", page.opened.digest, "");
      }
      const shown = el("span", { class: "leaf mono", tabindex: "-1" }, written(value, { lines: true }));
      page.revealed.push({ shown, salt: unhex(salt), commitment });
      place.replaceChildren(shown, ...concerns(value).map(caution));
      shown.focus({ preventScroll: true });
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
  await checkDisplay(sheet, page.opened.digest);
  for (const { shown, salt, commitment } of page.revealed) {
    if (!shown.checkVisibility() || !(await keepsCommitment(readText(shown), salt, commitment))) {
      throw new Mismatch("a revealed value was changed", page.opened.digest, "");
    }
  }
}

async function alarm(error) {
  const seen = error.shown || hex(await sha256(encode(sheet.textContent)));
  page.alarmed = true;
  const expected = error.expected ?? page.opened?.digest ?? "";
  sheet.replaceChildren();
  guard.verified = false;
  fill("expected", grouped(expected) || "not readable");
  fill("shown", grouped(seen));
  one("#deny-alarm").hidden = !page.view?.may.deny;
  enter("mismatch");
  console.error("Secondsig: the display does not match.", error);
  await post(`${api}/mismatch`, { expected, shown: seen }).catch(() => {});
}

// What a person does

async function pressApprove() {
  if (page.ceremony || !showArming()) return;
  page.ceremony = new AbortController();
  try {
    await checkAgain();
    enter("signing");
    const credential = await sign(page.challenge.options, page.ceremony.signal);
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
  const { challenge_id } = page.challenge;
  page.challenge = null;
  try {
    const { row } = await post(`${api}/${breaking() ? "break-glass/finish" : "approve"}`, { challenge_id, credential });
    if (breaking()) leaveGlass();
    page.signedAt = performance.now();
    page.view = { ...page.view, row };
    enter("sending");
    await load();
    setTimeout(load, SENDING_FOR_MS + 100);
  } catch (error) {
    if (error.status === 0) return offline(true);
    if (error.status === 409 || error.status === 410) return reconsider();
    fill("sign-problem", `${error.message} Nothing was approved. Try again or deny.`);
    await prepare();
    if (page.state === "ready") enter("sign-failed");
  }
}

// Another verb is another payload: what was prepared for the one is never signed for the other.

async function pressBreakGlass() {
  const problem = one("#glass-problem");
  problem.hidden = true;
  try {
    const { askForReason } = await import("./glass.js");
    const reason = await askForReason();
    if (reason === null) return;
    const challenge = await post(`${api}/break-glass/begin`, { reason });
    take({ verb: "break_glass", reason, challenge });
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
    return;
  }
  await load();
  scrollTo({ top: 0 });
}

const leaveGlass = () => take({ verb: "approve", reason: undefined, challenge: null });

function take(verb) {
  guard.verified = false;
  sheet.replaceChildren();
  Object.assign(page, { ...verb, opened: null });
}

async function pressLeaveGlass() {
  leaveGlass();
  await load();
}

// Somebody was first, or time ran out: what is true now is what the gateway says.
async function reconsider() {
  page.state = "verifying";
  await load();
}

async function pressDeny() {
  if (deny.getAttribute("aria-disabled") === "true") return;
  const denial = await askForNote();
  if (denial === null) return;
  await sendDenial(denial.note);
  if (denial.pause) await pauseAgent();
}

async function sendDenial(note) {
  try {
    await post(`${api}/deny`, { note });
  } catch (error) {
    if (error.status !== 409 && error.status !== 410) return notDenied(error);
  }
  await load();
}

async function pauseAgent() {
  const told = one("#paused");
  try {
    await post(`/api/v1/agents/${encodeURIComponent(page.view.row.agent)}/pause`);
    told.textContent = "It is paused as well, until an operator resumes it.";
  } catch (error) {
    told.textContent = `${error.message} It was not paused: ask your operator.`;
  }
  told.hidden = false;
}

function notDenied(error) {
  one("#deny-alarm").textContent = "Not denied yet. Try again";
  if (error.status === 0) return offline();
  fill("sign-problem", `${error.message} It was not denied. Try again.`);
  enter("sign-failed");
}

async function withdraw() {
  await post(`${api}/withdraw`).catch((error) => say(error.message));
  page.challenge = null;
  await load();
}

const answerInAdvance = async (seconds) => (await import("./grant-offer.js")).answerInAdvance(id, page.me.name, seconds);

// Signed out: the time left, and nothing else

async function signedOut() {
  page.view = null;
  showBroken([]);
  sheet.replaceChildren();
  page.challenge = page.opened = null;
  guard.verified = false;
  const clock = await get(`${api}/clock`).catch(() => null);
  if (clock) {
    setServerTime(clock.server_time);
    runUntil(clock.expires_at);
  }
  fill("clock-line", clock?.state_open ? "A request is waiting. What it is stands here once you have signed in." : "This request is no longer open. How it ended stands here once you have signed in.");
  one("#open-clock").hidden = !clock?.state_open;
  enter("signed-out");
}

function runUntil(expires, ttl) {
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
    page.me = await whoAmI(early("me"));
    await load();
  } catch (error) {
    return onFailure(error);
  }
  if (page.view) runUntil(page.view.row.expires_at, page.view.row.ttl);
  if (page.view && !page.listening) follow();
}

function follow() {
  page.listening = true;
  listen({
    onEvent: (name, data) => { if (name === "config" || (name === "envelope" && data.id === id)) load(); },
    onLive: (live) => { if (live && page.state === "offline") load(); },
    onSignedOut: () => { page.listening = false; signedOut(); },
  });
}

function timeIsUp() {
  if (page.state === "signed-out") return signedOut();
  if (!DECIDING.has(page.state) || secondsUntil(page.view.row.expires_at) > 0) return;
  page.ceremony?.abort();
  showUnsigned("expired");
  setTimeout(load, 1500);
}

approve.addEventListener("click", pressApprove);
deny.addEventListener("click", pressDeny);
one("#break-glass").addEventListener("click", pressBreakGlass);
one("#leave-glass").addEventListener("click", pressLeaveGlass);
one("#cancel").addEventListener("click", () => page.ceremony?.abort());
one("#deny-alarm").addEventListener("click", () => sendDenial(null));
for (const button of all("[data-withdraws]")) button.addEventListener("click", withdraw);
one("#somebody-else").addEventListener("click", () => signOut().then(signedOut));
copyButton(one("#copy-envelope"), () => id);
onPress(one("#sign-in"), async () => {
  await signIn();
  page.resumed = true;
  await signedIn();
});
addEventListener("offline", () => { if (DECIDING.has(page.state) && page.state !== "signing") offline(); });
addEventListener("online", () => { if (page.state === "offline") load(); });
for (const [button, seconds] of [["#again-minutes", FIFTEEN_MINUTES], ["#again-standing", undefined]]) {
  onPress(one(button), () => answerInAdvance(seconds), one("#again-problem"));
}
fill("envelope", id);
startClock({ aloud: true, onEnd: timeIsUp });
signedIn();
