// What people answered in advance, and what agents are meant for: listed, and ended with one press.

import { get, post } from "./api.js";
import { signChange } from "./change.js";
import { moment, setServerTime } from "./clock.js";
import { all, el, one, say } from "./dom.js";
import { whyNotSigned } from "./passkey.js";
import { redraw } from "./redraw.js";
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
  redraw(one("tbody", section), ...items.map(line));
}

const what = ({ says, cedar }) => el("td", { class: "request" }, el("span", {}, written(says)),
  cedar ? el("pre", { class: "whole mono small" }, written(cedar, { lines: true })) : null);

function liveLine(grant) {
  return el("tr", { "data-row": grant.id },
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
  return el("tr", { "data-row": consent.agent },
    el("td", { class: "agent" }, el("b", {}, written(consent.agent))), what(consent),
    el("td", {}, written(consent.person), el("small", {}, moment(consent.at))),
    el("td", {}, ...until),
    el("td", {}, consent.withdrawn_at ? null : ends("Withdraw", `/api/v1/agents/${encodeURIComponent(consent.agent)}/consent/withdraw`)));
}

// Ending makes things safer, so one press is enough; what did not end says so.
function ends(words, path) {
  const button = el("button", { class: "button slim stop", type: "button" }, words);
  button.addEventListener("click", async () => {
    if (button.ariaDisabled === "true") return;
    button.ariaDisabled = "true"; // and not `disabled`, which takes the keyboard away
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

// Making one: the gateway says what it would allow, and the passkey signs just that.

const page = { me: null };
const [consent, grant] = [one("#make-consent"), one("#make-grant")];

/** Consents are for an agent's owner and for administrators, grants in Cedar for administrators. */
async function offer() {
  const { agents, administrator } = await get("/api/v1/agents");
  const own = agents.filter(({ owner }) => administrator || owner === page.me.name);
  one("#consent-agent").replaceChildren(...own.map(({ name }) => el("option", { value: name }, name)));
  consent.hidden = own.length === 0;
  grant.hidden = !administrator;
}

/** Only the fields that this form of consent has. */
function fit() {
  const form = one("#consent-form").value;
  for (const label of all("[data-form]", consent)) label.hidden = !label.dataset.form.split(" ").includes(form);
  one("#consent-resource").required = form === "project";
  one("#consent-cedar").required = form === "cedar";
  one("#consent-time").required = form === "until";
}

function consentAsked() {
  const form = one("#consent-form").value;
  return {
    agent: one("#consent-agent").value, form,
    ...(form === "project" && { resource: one("#consent-resource").value.trim() }),
    ...(form === "cedar" && { cedar: one("#consent-cedar").value.trim() }),
    ...(form !== "none" && time("#consent-time")),
  };
}

const grantAsked = () => ({ cedar: one("#grant-cedar").value.trim(), ...time("#grant-time") });
const time = (select) => (one(select).value ? { seconds: Number(one(select).value) } : {});

const makes = (section, kind, asked) => one("form", section).addEventListener("submit", async (event) => {
  event.preventDefault();
  tell("");
  try {
    if (await signChange(kind, asked(), page.me.name) === null) return;
  } catch (error) {
    if (error.status === 401) return toLogin();
    tell(whyNotSigned(error));
    one("#problem").scrollIntoView({ block: "center" });
    return;
  }
  one("form", section).reset();
  one("details", section).open = false;
  fit();
  say("Signed.");
  await refresh();
});

function tell(words) {
  const problem = one("#problem");
  one("span", problem).textContent = words;
  problem.hidden = !words;
}

async function start() {
  try {
    page.me = await whoAmI();
  } catch (error) {
    if (error.status === 401) return toLogin();
    return tell(error.message);
  }
  await refresh();
  await offer().catch((error) => tell(error.message));
}

fit();
one("#consent-form").addEventListener("change", fit);
makes(consent, "agent/consent", consentAsked);
makes(grant, "grant/cedar", grantAsked);
one("#sign-out").addEventListener("click", () => signOut().then(toLogin));
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible" && all("tbody").length) refresh(); });
start();
