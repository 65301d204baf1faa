// The one navigation of all pages: four places in the masthead, and below Settings its own.

import { all, el, one } from "./dom.js";

const PLACES = [["approvals", "Approvals"], ["audit", "Audit", "?filter=decision:step_up"], ["agents", "Agents"], ["settings", "Settings"]];
const UNDER_SETTINGS = [
  ["people", "People"], ["grants", "Grants"], ["away", "Away"], ["reviews", "Reviews"], ["templates", "Templates"], ["config", "Configuration"],
];

const here = location.pathname.match(/^\/app\/([a-z]+)$/)?.[1];

/** A link; the page one is on is marked, and so is the place that it lies under. */
function place([name, words, query = ""]) {
  const under = name === "settings" && UNDER_SETTINGS.some(([below]) => below === here);
  return el("li", {}, el("a", { href: `/app/${name}${query}`, "aria-current": name === here ? "page" : under && "true" }, words));
}

function masthead(nav) {
  nav.replaceChildren(el("ul", {}, ...PLACES.map(place)));
  one("a", nav).append(" ", el("span", { class: "count", id: "count", hidden: true }));
}

function below() {
  const up = el("li", { class: "up" }, el("a", { href: "/app/settings" }, "Settings"));
  one("main").before(el("nav", { class: "below", "aria-label": "Settings" }, el("ul", {}, up, ...UNDER_SETTINGS.map(place))));
}

all(".masthead nav").forEach(masthead);
if (UNDER_SETTINGS.some(([name]) => name === here)) below();
