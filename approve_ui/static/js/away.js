// “While I am away”: who signs for whom, and a form for one's own absence, signed with a passkey.

import { get, post } from "./api.js";
import { beginChange, changeSheet, finishChange } from "./change.js";
import { setServerTime, untilWhen } from "./clock.js";
import { el, focusHeading, one, say } from "./dom.js";
import { listen } from "./events.js";
import { whyNotSigned } from "./passkey.js";
import { onPress, signOut, toLogin, whoAmI } from "./session.js";
import { written } from "./values.js";
import { Mismatch } from "./verify.js";

const ARMS_AFTER_MS = 700;
const form = one("#set");
const page = { me: null, opened: null };

async function refresh() {
  let answer;
  try {
    answer = await get("/api/v1/delegations");
  } catch (error) {
    if (error.status === 401) toLogin();
    return;
  }
  setServerTime(answer.server_time);
  one("#lent").replaceChildren(...answer.delegations.map(line));
  one("#none").hidden = answer.delegations.length > 0;
  choices(answer);
}

function choices({ people, services, groups }) {
  const to = one("#to");
  const keep = [to.value, one("#what").value];
  to.replaceChildren(...people.map((name) => option(name, name)));
  one("#what").replaceChildren(option("", "Everything I may approve"),
    ...services.map((name) => option(`service ${name}`, `Only the service ${name}`)),
    ...groups.map((name) => option(`group ${name}`, `Only the group ${name}`)));
  if (people.includes(keep[0])) to.value = keep[0];
  one("#what").value = keep[1];
  form.hidden = people.length === 0;
  one("#nobody").hidden = people.length > 0;
}

const option = (value, words) => el("option", { value }, words);

function line(lent) {
  const who = el("p", {}, el("b", {}, written(lent.to)), " for ", el("b", {}, written(lent.person)), `: ${lent.what}`);
  const time = lent.live ? `until ${untilWhen(lent.until)}` : `from ${untilWhen(lent.from)} until ${untilWhen(lent.until)}`;
  const button = lent.may_withdraw ? el("button", { class: "button slim stop", type: "button" }, "Withdraw") : null;
  button?.addEventListener("click", () => withdraw(lent));
  return el("li", {}, el("div", {}, who, el("small", { class: "quiet" }, time)), button);
}

async function withdraw({ id, to }) {
  await post(`/api/v1/delegations/${encodeURIComponent(id)}/withdraw`).then(() => say(`${to} no longer signs.`), (error) => say(error.message));
  await refresh();
}

// Local times become the one spelling that is signed.
const spelled = (local) => new Date(local).toISOString().replace(/\.\d+Z$/, "Z");

function asked() {
  const [kind, name] = one("#what").value.split(" ");
  const from = one("#from").value;
  return { to: one("#to").value, until: spelled(one("#until").value), ...(from && { from: spelled(from) }), ...(kind && { [kind]: name }) };
}

function complain(error) {
  const words = error instanceof Mismatch ? "What the gateway wants signed is not what you asked for. Nothing was signed: tell your operator." : `${whyNotSigned(error)} Nothing was set.`;
  const problem = one("#sign-problem");
  one("span", problem).textContent = words;
  problem.hidden = false;
}

async function look(event) {
  event.preventDefault();
  one("#problem").hidden = true;
  try {
    page.opened = await beginChange("delegation/set", asked(), page.me.name);
  } catch (error) {
    const problem = one("#problem");
    one("span", problem).textContent = error instanceof Mismatch ? "The gateway answered with something else than you asked for. Nothing was signed: tell your operator." : error.message;
    problem.hidden = false;
    return;
  }
  one("#shown").replaceChildren(changeSheet(page.opened));
  one("#your-time").textContent = `That is until ${untilWhen(page.opened.payload.change.until)} by this device's clock.`;
  one("#sign-problem").hidden = true;
  one("#sign").setAttribute("aria-disabled", "true");
  show(true);
  setTimeout(() => one("#sign").removeAttribute("aria-disabled"), ARMS_AFTER_MS);
}

function show(signing) {
  form.hidden = signing;
  one("#confirm").hidden = !signing;
  focusHeading(one(signing ? "#confirm h2" : "#own h2"));
}

async function signIt() {
  if (one("#sign").getAttribute("aria-disabled") === "true") return;
  one("#sign").setAttribute("aria-disabled", "true");
  try {
    await finishChange(page.opened, one("#shown"));
  } catch (error) {
    return complain(error);
  }
  show(false);
  say("It is set.");
  await refresh();
}

async function start() {
  try {
    page.me = await whoAmI();
  } catch (error) {
    if (error.status === 401) return toLogin();
    throw error;
  }
  await refresh();
  one("#own").hidden = false;
  listen({ onEvent: (name) => { if (name === "config") refresh(); }, onLive: () => {}, onSignedOut: toLogin });
}

form.addEventListener("submit", look);
one("#sign").addEventListener("click", signIt);
one("#back").addEventListener("click", () => show(false));
onPress(one("#sign-out"), () => signOut().then(toLogin));
start();
