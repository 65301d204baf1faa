// “While I am away”: who signs for whom, and a form for one's own absence, signed with a passkey.

import { get, post } from "./api.js";
import { signChange } from "./change.js";
import { moment, setServerTime, untilWhen } from "./clock.js";
import { el, one, say } from "./dom.js";
import { listen } from "./events.js";
import { whyNotSigned } from "./passkey.js";
import { redraw } from "./redraw.js";
import { onPress, signOut, toLogin, whoAmI } from "./session.js";
import { written } from "./values.js";

const form = one("#set");
const page = { me: null };

async function refresh() {
  let answer;
  try {
    answer = await get("/api/v1/delegations");
  } catch (error) {
    if (error.status === 401) toLogin();
    return;
  }
  setServerTime(answer.server_time);
  redraw(one("#lent"), ...answer.delegations.map(line));
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
  const time = [...(lent.live ? [] : ["from ", moment(lent.from, untilWhen(lent.from)), " "]), "until ", moment(lent.until, untilWhen(lent.until))];
  const button = lent.may_withdraw ? el("button", { class: "button slim stop", type: "button" }, "Withdraw") : null;
  button?.addEventListener("click", () => withdraw(lent));
  return el("li", { "data-row": lent.id }, el("div", {}, who, el("small", { class: "quiet" }, ...time)), button);
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

function tell(error) {
  const problem = one("#problem");
  one("span", problem).textContent = whyNotSigned(error);
  problem.hidden = false;
  problem.scrollIntoView({ block: "center" });
}

async function setAway(event) {
  event.preventDefault();
  one("#problem").hidden = true;
  try {
    if (await signChange("delegation/set", asked(), page.me.name) === null) return;
  } catch (error) {
    return tell(error);
  }
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

form.addEventListener("submit", setAway);
onPress(one("#sign-out"), () => signOut().then(toLogin));
start();
