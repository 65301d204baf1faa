// What people answered in advance, and what agents are meant for: listed, and ended with one press.

import { get, post } from "./api.js";
import { moment, setServerTime } from "./clock.js";
import { all, el, one, say } from "./dom.js";
import { signOut, toLogin, whoAmI } from "./session.js";
import { written } from "./values.js";

const ENDED = {
  revoked: "Revoked", expired: "Its time is over", agent_removed: "Its agent was removed",
  signer: "Its signer may not approve this any more", meaning: "The templates changed what it means",
};

async function refresh() {
  let answer;
  try {
    answer = await get("/api/v1/grants");
  } catch (error) {
    if (error.status === 401) return toLogin();
    return tell(error.message);
  }
  setServerTime(answer.server_time);
  show("#live", answer.grants, liveLine);
  show("#ended", answer.ended, endedLine);
  show("#consents", answer.consents, consentLine);
  one("#none").hidden = answer.grants.length > 0;
}

function show(selector, items, line) {
  const section = one(selector);
  section.hidden = items.length === 0;
  one("tbody", section).replaceChildren(...items.map(line));
}

const what = ({ says, cedar }) => el("td", { class: "request" }, el("span", {}, written(says)),
  cedar ? el("pre", { class: "whole mono small" }, written(cedar, { lines: true })) : null);

function liveLine(grant) {
  return el("tr", {},
    el("td", { class: "agent" }, el("b", {}, written(grant.agent))), what(grant),
    el("td", {}, written(grant.signer), el("small", {}, moment(grant.made_at))),
    el("td", {}, grant.expires_at ? moment(grant.expires_at) : "When it is revoked"),
    el("td", {}, ...uses(grant)),
    el("td", {}, ends("Revoke", `/api/v1/grants/${encodeURIComponent(grant.id)}/revoke`)));
}

const uses = ({ uses: count, last_used_at: last }) => (count ? [String(count), el("small", {}, "last ", moment(last))] : ["Never"]);

function endedLine(grant) {
  return el("tr", {},
    el("td", { class: "agent" }, el("b", {}, written(grant.agent))), what(grant),
    el("td", {}, written(grant.signer)),
    el("td", {}, ENDED[grant.ended_why] ?? "Ended", el("small", {}, moment(grant.ended_at), ...(grant.ended_by ? [" by ", written(grant.ended_by)] : []))),
    el("td", {}, ...uses(grant)));
}

function consentLine(consent) {
  const until = consent.withdrawn_at ? ["Withdrawn", el("small", {}, moment(consent.withdrawn_at))]
    : [consent.expires_at ? moment(consent.expires_at) : "When it is withdrawn"];
  return el("tr", {},
    el("td", { class: "agent" }, el("b", {}, written(consent.agent))), what(consent),
    el("td", {}, written(consent.person), el("small", {}, moment(consent.at))),
    el("td", {}, ...until),
    el("td", {}, consent.withdrawn_at ? null : ends("Withdraw", `/api/v1/agents/${encodeURIComponent(consent.agent)}/consent/withdraw`)));
}

// Ending makes things safer, so one press is enough; what did not end says so.
function ends(words, path) {
  const button = el("button", { class: "button slim stop", type: "button" }, words);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await post(path);
      say("Done: people are asked again.");
      tell("");
    } catch (error) {
      tell(`${error.message} It was not ended: try again.`);
    }
    await refresh();
  });
  return button;
}

function tell(words) {
  const problem = one("#problem");
  one("span", problem).textContent = words;
  problem.hidden = !words;
}

async function start() {
  try {
    await whoAmI();
  } catch (error) {
    if (error.status === 401) return toLogin();
    tell(error.message);
  }
  await refresh();
}

one("#sign-out").addEventListener("click", () => signOut().then(toLogin));
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible" && all("tbody").length) refresh(); });
start();
