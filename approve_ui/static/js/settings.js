// One's own passkeys and sessions, how people are told, and the way to everything else that is set.

import { get, post } from "./api.js";
import { signChange } from "./change.js";
import { setServerTime, untilWhen, when } from "./clock.js";
import { all, el, icon, one, say, tag } from "./dom.js";
import { listen } from "./events.js";
import { whyNotSigned } from "./passkey.js";
import { redraw, whenFree } from "./redraw.js";
import { onPress, signOut, toLogin, whoAmI } from "./session.js";
import { written } from "./values.js";

const DELIVERED = {
  sent: ["sign", "send", "Sent"], accepted: ["ok", "check", "Accepted"], seen: ["ok", "check", "Seen"],
  failed: ["stop", "cross", "Failed"], queued: ["", "clock", "Waiting"],
};
const problem = one("#problem");
const page = { me: null, keys: [] };

/** Fills a section; what does not come says so in its place, and the rest of the page stands. */
async function part(selector, load) {
  const state = one(".state", one(selector));
  try {
    await load();
    state.hidden = true;
  } catch (error) {
    if (error.status === 401) return toLogin();
    state.replaceChildren(...(error.status === 403 ? [] : [icon("caution"), " "]), whyNotSigned(error));
    state.hidden = false;
  }
}

// Passkeys

async function passkeys(draw = showKeys) {
  const { people } = await get("/api/v1/people");
  page.keys = people.find(({ name }) => name === page.me.name).keys;
  draw();
}

const showKeys = () => redraw(one("#keys"), ...page.keys.map(keyOf));
const whenNobodyTypes = () => whenFree("#keys", showKeys);

function keyOf(key) {
  const used = key.last_used_at ? `last used ${when(key.last_used_at)}` : "never used since";
  return el("li", { "data-row": key.id },
    el("div", {}, el("b", {}, written(key.name)), " ", key.waits_for ? tag("hold", "caution", "Waits for ", written(key.waits_for)) : null,
      el("small", { class: "quiet" }, key.since ? `Since ${when(key.since)}, ${used}` : used),
      el("small", { class: "quiet" }, key.device_bound ? "Stays in one device, " : "May live on several devices, ", el("span", { class: "mono" }, key.fingerprint))),
    renaming(key));
}

/** A field that opens under a finger; the new name is signed as any change of keys is. */
function renaming(key) {
  const input = el("input", { value: key.name, maxlength: "64", required: true, autocomplete: "off" });
  const form = el("form", { class: "confirm" }, el("label", {}, "Another name", input), el("button", { class: "button slim sign", type: "submit" }, icon("passkey"), " Sign"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await act(async () => {
      if (await signChange("key/rename", { credential: key.id, name: input.value.trim() }, page.me.name) === null) return;
      say("Signed.");
      await part("#passkeys", () => passkeys());
    });
  });
  return el("details", { class: "rename" }, el("summary", {}, "Rename"), form);
}

// Sessions

async function sessions() {
  const answer = await get("/api/v1/sessions");
  setServerTime(answer.server_time);
  redraw(one("#signed-in"), ...answer.sessions.map(sessionOf));
  one("#others").hidden = answer.sessions.length < 2;
}

function sessionOf(session) {
  const end = session.this ? tag("ok", "check", "This one") : button("Sign out", () => ended(`sessions/${encodeURIComponent(session.id)}/revoke`));
  return el("li", { "data-row": session.id },
    el("div", {}, el("b", {}, ...browserOf(session.browser)),
      el("small", { class: "quiet" }, "from ", written(session.address ?? "an unknown address"), `, ${when(session.signed_in_at)}`),
      el("small", { class: "quiet" }, "with ", written(session.passkey), `, until ${untilWhen(session.expires_at)}`)),
    end);
}

const BROWSERS = [[/\bEdg/, "Edge"], [/\bOPR\//, "Opera"], [/\bFirefox\//, "Firefox"], [/\bChrom/, "Chrome"], [/\bSafari\//, "Safari"]];
const SYSTEMS = [[/Android/, "Android"], [/iPhone/, "iPhone"], [/iPad/, "iPad"], [/Windows/, "Windows"], [/Mac OS X/, "a Mac"], [/CrOS/, "ChromeOS"], [/Linux/, "Linux"]];

// A courtesy to the reader: browsers say of themselves what they like.
function browserOf(said) {
  if (!said) return ["An unknown browser"];
  const [browser, system] = [BROWSERS, SYSTEMS].map((known) => known.find(([mark]) => mark.test(said))?.[1]);
  return browser ? [system ? `${browser} on ${system}` : browser] : [written(said)];
}

async function ended(path) {
  await act(async () => {
    const { ended: ids } = await post(`/api/v1/${path}`);
    say(ids.length === 1 ? "Signed out there." : `Signed out in ${ids.length} places.`);
  });
  await part("#sessions", sessions);
}

// Notifications

async function notifications() {
  const { channels, deliveries } = await get("/api/v1/notifications").catch(noneYet);
  one("#no-channels").hidden = channels.length > 0;
  redraw(one("#channels"), ...channels.map(channelOf));
  one("#deliveries").replaceChildren(...deliveries.map(deliveryOf));
  one("#receipt-count").textContent = String(deliveries.length);
  one("#receipts").hidden = deliveries.length === 0;
}

/** A gateway that cannot notify anybody has no such address. */
function noneYet(error) {
  if (error.status === 404) return { channels: [], deliveries: [] };
  throw error;
}

const delivered = (state) => (Object.hasOwn(DELIVERED, state) ? tag(...DELIVERED[state]) : tag("", "clock", written(state)));

function channelOf({ name, kind, address_masked: address, last }) {
  const test = button("Send a test", () => act(async () => {
    await post("/api/v1/notifications/test", { channel: name });
    say("The test is on its way.");
  }).then(() => part("#notifications", notifications)));
  return el("li", { "data-row": name },
    el("div", {}, el("b", {}, written(name)), " ", last ? delivered(last.state) : null,
      el("small", { class: "quiet" }, written(kind), ...(address ? [", ", el("span", { class: "value" }, written(address))] : []), last ? `, ${when(last.at)}` : ", nothing sent yet"),
      last?.error ? el("small", { class: "wrong" }, written(last.error)) : null),
    test);
}

function deliveryOf({ envelope, channel, person, state, at, attempts, error }) {
  const what = envelope ? el("a", { href: `/approve/${encodeURIComponent(envelope)}` }, "A request") : "A test";
  return el("li", {},
    el("div", {}, what, " to ", el("b", {}, written(person ?? "everybody")), " by ", written(channel),
      el("small", { class: "quiet" }, when(at), attempts > 1 ? `, tried ${attempts} times` : ""),
      error ? el("small", { class: "wrong" }, written(error)) : null),
    delivered(state));
}

// All of it

function button(words, press) {
  const made = el("button", { class: "button slim", type: "button" }, words);
  onPress(made, press);
  return made;
}

async function act(doIt) {
  problem.hidden = true;
  try {
    await doIt();
  } catch (error) {
    if (error.status === 401) return toLogin();
    one("span", problem).textContent = whyNotSigned(error);
    problem.hidden = false;
    problem.scrollIntoView({ block: "center" });
  }
}

async function start() {
  try {
    page.me = await whoAmI();
  } catch (error) {
    if (error.status === 401) return toLogin();
    one("span", problem).textContent = whyNotSigned(error);
    problem.hidden = false;
    for (const state of all(".state")) state.textContent = "This could not be asked for.";
    return;
  }
  await Promise.all([part("#passkeys", () => passkeys()), part("#sessions", sessions), part("#notifications", notifications)]);
  import("./push.js").then(({ mountPush }) => mountPush(one("#push"))).catch(() => {});
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
  listen({ onEvent: (name) => { if (name === "config") part("#passkeys", () => passkeys(whenNobodyTypes)); }, onLive: () => {}, onSignedOut: toLogin });
}

onPress(one("#end-others"), () => ended("sessions/revoke-others"));
one("#sign-out").addEventListener("click", () => signOut().then(toLogin));
start();
