// An agent that asks far more than it usually does: one tap pauses it, and what it waits for is cancelled.

import { post } from "./api.js";
import { el, icon } from "./dom.js";
import { toLogin } from "./session.js";
import { written } from "./values.js";

export const noticesOf = (agents, onPaused) => [...agents].map(([agent, volume]) => noticeOf(agent, volume, onPaused));

function noticeOf(agent, { in_10_min: count, usual_per_hour: usual }, onPaused) {
  const said = ` ${count} questions in 10 minutes, where it usually asks ${usual || "fewer than one"} an hour.`;
  const words = el("p", {}, el("b", {}, written(agent), " asks more than usual:"), said);
  const button = el("button", { class: "button slim", type: "button" }, icon("pause"), " Pause agent");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await post(`/api/v1/agents/${encodeURIComponent(agent)}/pause`);
      button.remove();
      words.replaceChildren(el("b", {}, written(agent), " is paused."), " What it waited for is cancelled.");
      onPaused();
    } catch (error) {
      if (error.status === 401) return toLogin();
      button.disabled = false;
      words.append(el("span", { class: "small" }, ` Not paused: ${error.detail}`));
    }
  });
  return el("section", { class: "notice", "aria-label": "Unusual volume", "data-agent": agent }, icon("volume"), words, button);
}
