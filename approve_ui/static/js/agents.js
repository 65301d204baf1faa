// The agents: pause one with a tap; resume, limits and tokens take a passkey.

import { get, post } from "./api.js";
import { signChange } from "./change.js";
import { moment } from "./clock.js";
import { copyButton, el, icon, one, say, tag } from "./dom.js";
import { listen } from "./events.js";
import { whyNotSigned } from "./passkey.js";
import { redraw, whenFree } from "./redraw.js";
import { signOut, toLogin, whoAmI } from "./session.js";
import { written } from "./values.js";

const page = { me: null, view: null };
const problem = one("#problem");

async function load(draw) {
  try {
    page.me ??= await whoAmI();
    page.view = await get("/api/v1/agents");
  } catch (error) {
    return tell(error);
  }
  draw();
}

const whenNobodyTypes = () => whenFree("#agents, #teams", show);
const whenClosed = () => whenFree("dialog", show);

function show() {
  const { agents, teams, administrator } = page.view;
  redraw(one("#agents"), ...agents.map(agentOf));
  redraw(one("#teams"), ...teams.map((team) => el("li", { class: "person", "data-row": team.name }, el("h3", {}, written(team.name)), limitsOf("team", team.name, team.limits, team.limits))));
  one("#by-team").hidden = teams.length === 0;
  one("#add").hidden = !administrator;
  one("#none").hidden = agents.length > 0;
  one("#who").hidden = agents.length === 0;
}

function agentOf(agent) {
  const { administrator } = page.view;
  const facts = [agent.team ? ["team ", written(agent.team)] : null, agent.owner ? ["owner ", written(agent.owner)] : null, ["since ", moment(agent.since)]].filter(Boolean);
  const buttons = [];
  if (!agent.paused) buttons.push(button("Pause", "pause", () => act(() => post(`/api/v1/agents/${encodeURIComponent(agent.name)}/pause`), `${agent.name} is paused.`)));
  else if (administrator) buttons.push(button("Resume", "passkey", () => change("agent/resume", { agent: agent.name })));
  if (administrator) buttons.push(button("New token", "passkey", () => change("agent/rotate", { agent: agent.name })));
  return el("li", { class: "person", "data-row": agent.name },
    el("div", { class: "who" },
      el("h3", {}, written(agent.name), " ", agent.paused ? tag("stop", "pause", "Paused") : null),
      el("p", { class: "quiet" }, ...facts.flatMap((words, i) => [i ? ", " : "", ...words]), agent.waiting ? `. ${agent.waiting} waiting` : "")),
    limitsOf("agent", agent.name, agent.limits, agent.in_force),
    el("div", { class: "buttons-row" }, ...buttons));
}

/** What is in force, and for administrators a line for each that may be changed; empty means inherited. */
function limitsOf(kind, name, own, inForce) {
  const names = [...new Set([...Object.keys(inForce), ...Object.keys(own)])].sort();
  if (!page.view.administrator) {
    return el("p", { class: "limits quiet" }, ...(names.length ? names.flatMap((n, i) => [i ? ", " : "Limits: ", el("span", { class: "value" }, written(n)), ` ${inForce[n]}`]) : ["No limits"]));
  }
  const rows = names.map((n) => row(written(n), n, own[n] ?? "", inForce[n]));
  const extra = el("input", { name: "new-name", maxlength: "64", placeholder: "jpy", autocomplete: "off", spellcheck: "false", "aria-label": `Another limit of ${name}` });
  const value = el("input", { name: "new-value", inputmode: "numeric", "aria-label": "Its value" });
  const form = el("form", { class: "limits" }, ...rows,
    el("div", { class: "limit" }, extra, value),
    el("button", { class: "button slim", type: "submit" }, icon("passkey"), " Sign limits"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const wanted = Object.fromEntries([...form.querySelectorAll("[data-limit]")].map((input) => [input.dataset.limit, numberOf(input.value)]));
    if (extra.value.trim()) wanted[extra.value.trim()] = numberOf(value.value);
    const limits = Object.fromEntries(Object.entries(wanted).filter(([n, v]) => v !== (own[n] ?? null)));
    change("limits/set", { kind, name, limits });
  });
  return el("details", { class: "limits-of" }, el("summary", {}, names.length ? `${names.length} ${names.length === 1 ? "limit" : "limits"}` : "No limits"), form);
}

function row(label, name, value, inForce) {
  const input = el("input", { "data-limit": name, inputmode: "numeric", value: String(value), placeholder: inForce === undefined ? "none" : `${inForce} inherited` });
  return el("label", { class: "limit" }, el("span", { class: "value" }, label), input);
}

const numberOf = (text) => {
  const plain = text.replaceAll(/[\s,_']/g, "");
  return plain === "" ? null : /^\d+$/.test(plain) && Number.isSafeInteger(Number(plain)) ? Number(plain) : plain;
};

function button(words, symbol, press) {
  const made = el("button", { class: "button slim", type: "button" }, icon(symbol), ` ${words}`);
  made.addEventListener("click", press);
  return made;
}

async function change(kind, asked) {
  await act(async () => {
    const done = await signChange(kind, asked, page.view.me);
    if (done?.proxy) showToken(done);
    if (done) say("Signed.");
  });
}

async function act(doIt, done) {
  problem.hidden = true;
  try {
    await doIt();
    if (done) say(done);
  } catch (error) {
    return tell(error);
  }
  await load(whenClosed);
}

function tell(error) {
  if (error.status === 401) return toLogin();
  one("span", problem).textContent = whyNotSigned(error);
  problem.hidden = false;
  problem.scrollIntoView({ block: "center" });
}

function showToken({ agent, proxy }) {
  one("#token-agent").replaceChildren(written(agent));
  one("#token-line").textContent = `export HTTPS_PROXY=${proxy} HTTP_PROXY=${proxy}`;
  const dialog = one("#token");
  dialog.showModal();
  dialog.addEventListener("close", () => { one("#token-line").textContent = ""; }, { once: true });
}

one("#add form").addEventListener("submit", (event) => {
  event.preventDefault();
  const [name, team, owner] = ["name", "team", "owner"].map((id) => one(`#${id}`).value.trim());
  change("agent/add", { name, ...(team && { team }), ...(owner && { owner }) });
});
one("#sign-out").addEventListener("click", () => signOut().then(toLogin));
copyButton(one("#copy-token"), () => one("#token-line").textContent);
await load(show);
listen({ onEvent: () => load(whenNobodyTypes), onLive: () => {}, onSignedOut: toLogin });
