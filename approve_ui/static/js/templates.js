// What is loaded, what was refused, what no action names; and what a request would mean, step by step.

import { get, post } from "./api.js";
import { ends } from "./bytes.js";
import { setServerTime, when } from "./clock.js";
import { el, one, say, tag } from "./dom.js";
import { listen } from "./events.js";
import { whyNotSigned } from "./passkey.js";
import { signOut, toLogin, whoAmI } from "./session.js";
import { written } from "./values.js";

const FEW = 3;
const MODES = { enforce: ["ok", "check", "Enforced"], watch: ["hold", "search", "Only watched"], off: ["stop", "caution", "Off: passes unread"] };
const RISKS = { low: "policy decides", step_up: "a person signs", forbid: "forbidden" };
const COUNTED = { low: "left to policy", step_up: "need a person", forbid: "forbidden" };
const OUTCOMES = {
  allow: ["ok", "check", "It passes"], step_up: ["hold", "passkey", "A person is asked"], deny: ["stop", "cross", "Policy denies it"],
  watch: ["hold", "search", "It passes, and is only watched"],
};
const problem = one("#problem");

async function load() {
  try {
    await whoAmI();
    show(await get("/api/v1/templates"));
    problem.hidden = true;
  } catch (error) {
    tell(problem, error);
  }
  one("#loading").hidden = true;
}

function show({ services, unmatched, looked_through: through, refused, config, administrator, agents, server_time }) {
  setServerTime(server_time);
  one("#digest").textContent = ends(config);
  one("#in-force").hidden = false;
  showRefused(refused);
  rows("#loaded", services, serviceLine);
  one("#how-many").textContent = String(services.length);
  one("#none").hidden = services.length > 0;
  rows("#unmatched", unmatched, unmatchedLine);
  one("#looked-through").textContent = `among the last ${through.toLocaleString("en")} rows of the log`;
  one("#all-matched").hidden = unmatched.length > 0;
  one("#try").hidden = !administrator;
  one("#not-yours").hidden = administrator;
  const chosen = one("#agent").value;
  one("#agent").replaceChildren(el("option", { value: "" }, "one that is made up"), ...agents.map((name) => el("option", { value: name, selected: name === chosen }, name)));
}

function rows(selector, items, line) {
  const section = one(selector);
  section.hidden = items.length === 0;
  one("tbody", section).replaceChildren(...items.map(line));
}

function showRefused(refused) {
  one("#refused").hidden = !refused;
  if (!refused) return;
  one("#refused-at").textContent = when(refused.at);
  one("#refused-why").replaceChildren(...refused.why.map(mistake));
}

/** “file:line:column: what is wrong”, with the place set apart. */
function mistake(sentence) {
  const [, place, rest] = sentence.match(/^(.+?:\d+(?::\d+)?): (.+)$/s) ?? [null, null, sentence];
  return el("li", {}, place ? el("span", { class: "mono" }, written(place), " ") : null, written(rest));
}

function serviceLine(service) {
  const changed = [service.own ? "your own file" : null, service.overlays ? `${service.overlays} over it` : null].filter(Boolean).join(", ");
  return el("tr", {},
    el("td", { class: "agent" }, el("b", {}, written(service.title)), el("small", { class: "mono" }, written(service.name), ` ${service.version} · ${ends(service.digest)}`),
      changed ? el("small", {}, changed) : null),
    el("td", { class: "request" }, hostsOf(service.hosts)),
    el("td", { class: "purpose" }, ...byRisk(service.actions), service.loosened ? el("small", { class: "tag hold" }, `${service.loosened} made looser`) : null),
    el("td", { class: "risk-cell" }, ...Object.entries(service.unmatched).map(([access, risk]) => el("small", {}, `${access}s: ${RISKS[risk] ?? risk}`))),
    el("td", { class: "time" }, tag(...(MODES[service.mode] ?? ["", "clock", service.mode]))));
}

const byRisk = (actions) => Object.entries(actions).filter(([, count]) => count).map(([risk, count]) => el("small", {}, `${count} ${COUNTED[risk] ?? risk}`));

function hostsOf(hosts) {
  const list = (some) => el("ul", { class: "hosts mono small" }, ...some.map((host) => el("li", {}, written(host))));
  if (hosts.length <= FEW) return list(hosts);
  return el("details", {}, el("summary", {}, `${hosts.length} hosts, as `, el("span", { class: "mono small" }, written(hosts[0]))), list(hosts));
}

function unmatchedLine({ host, method, action, count, last_at: last, agent, resource, detail }) {
  const what = action ? [written(action), " on ", written(resource ?? "")] : [written(detail ?? "No template")];
  return el("tr", {},
    el("td", { class: "agent" }, el("b", {}, written(host ?? "no host"))),
    el("td", { class: "request" }, el("span", { class: "mono" }, written(method ?? "")), " ", el("small", { class: action ? "mono" : null }, ...what)),
    el("td", { class: "purpose" }, written(agent ?? "somebody without a token")),
    el("td", { class: "risk-cell" }, when(last)),
    el("td", { class: "time" }, count === 1 ? "once" : `${count.toLocaleString("en")} times`));
}

// Try a request

async function explain() {
  const refusal = one("#no-request");
  const button = one("#explain");
  const agent = one("#agent").value;
  refusal.hidden = one("#told").hidden = true;
  button.setAttribute("aria-disabled", "true");
  button.textContent = "Reading it";
  try {
    showTold(await post("/api/v1/templates/explain", { request: one("#request").value, ...(agent && { agent }) }));
  } catch (error) {
    tell(refusal, error);
  }
  button.textContent = "Show each step";
  button.removeAttribute("aria-disabled");
}

function showTold({ outcome, request, steps }) {
  const found = Object.hasOwn(OUTCOMES, outcome) ? OUTCOMES[outcome] : ["stop", "cross", `Refused: ${outcome}`];
  one("#outcome").replaceChildren(tag(...found));
  one("#facts").replaceChildren(...factsOf(request, steps));
  one("#steps").replaceChildren(...steps.map(({ title, says }) => el("li", {}, el("div", {}, el("b", {}, title), ...says.map((line) => el("p", {}, written(line, { lines: true })))))));
  one("#told").hidden = false;
  one("#outcome").focus();
  say(found[2]);
}

function factsOf({ method, url }, steps) {
  const data = (name) => steps.filter(({ step }) => step === name).map((step) => step.data);
  const [service] = data("service");
  const [policy] = data("policy");
  return [
    fact("Request", method, " ", url),
    service?.service ? fact("Template", `${service.service} ${service.version}, ${service.place}`) : null,
    ...data("unit").flatMap((unit) => [
      fact("Action", unit.action), fact("Resource", unit.resource),
      fact("Context", ...Object.entries(unit.context).flatMap(([name, value], at) => [at ? ", " : "", `${name} = ${plain(value)}`])),
      fact("Risk", RISKS[unit.risk] ?? unit.risk),
    ]),
    policy ? fact("Decision", policy.quorum > 1 ? `${policy.effect}, ${policy.quorum} people` : policy.effect, ...policy.reasons.flatMap(({ id, place }) => [`, ${id}`, place ? ` (${place})` : ""])) : null,
  ].filter(Boolean);
}

const plain = (value) => (value?.currency ? `${value.minor} ${value.currency} (smallest unit)` : Array.isArray(value) ? `[${value.join(", ")}]` : String(value));
const fact = (term, ...words) => el("div", {}, el("dt", {}, term), el("dd", { class: "mono small" }, ...(words.some(Boolean) ? words.map((word) => written(word, { lines: true })) : [el("i", {}, "none")])));

function tell(where, error) {
  if (error.status === 401) return toLogin();
  one("span", where).textContent = whyNotSigned(error);
  where.hidden = false;
}

one("#try form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (one("#explain").getAttribute("aria-disabled") !== "true") explain();
});
one("#sign-out").addEventListener("click", () => signOut().then(toLogin));
await load();
listen({ onEvent: (name) => { if (name === "config") load(); }, onLive: () => {}, onSignedOut: toLogin });
