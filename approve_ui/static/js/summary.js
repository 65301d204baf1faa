// A question in short, as lists have it and as the approval page shows it to those who may not sign.

import { el } from "./dom.js";
import { sentence, written } from "./values.js";

export const headline = (row) => sentence(row.summary);

/** The short part of a sheet; it is not what is signed, and says so. */
export function rowSheet(row) {
  const team = row.team ? [" in Team ", written(row.team)] : [];
  const verb = el("span", { "data-slot": "verb" }, "asks to");
  const fact = (term, ...content) => el("div", {}, el("dt", {}, term), el("dd", {}, ...content));
  const purpose = el("div", {}, el("dt", {}, "Purpose"), row.purpose
    ? el("dd", { class: "claim" }, el("q", {}, written(row.purpose)), el("small", {}, "Claimed by ", written(row.agent), ", not verified"))
    : el("dd", { class: "quiet" }, "none"));
  return [
    el("header", { class: "ask" },
      el("p", { class: "who" }, el("span", { class: "face", "aria-hidden": "true" }, row.agent.slice(0, 2)), el("span", {}, el("b", {}, written(row.agent)), ...team, " ", verb)),
      el("h1", { id: "what", class: "text" in (row.summary[0] ?? {}) ? "lower" : null }, ...headline(row))),
    el("section", { class: "facts", "aria-label": "In short" }, el("dl", { class: "fields" },
      fact("Action", el("span", { class: "mono" }, written(row.action))),
      fact("Resource", el("span", { class: "mono" }, written(row.resource))),
      purpose,
      fact("From", el("span", { class: "mono" }, written(row.address))))),
    el("section", {}, el("p", { class: "quiet small" }, "This is the question in short. Every field that is signed is shown to those who can sign it.")),
  ];
}
