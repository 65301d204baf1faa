// The way to a first signature: fetched apart from the queue, which does not wait for it.

import { copyButton, one, styled } from "./dom.js";

const [empty, tour] = [one("#empty"), one("#tour")];
let now;

/** Until something was decided the way stands open, also while the first question waits. */
export async function showTour(waiting, first) {
  now = { waiting, first };
  await styled("tour");
  show(now);
}

function show({ waiting, first }) {
  empty.hidden = waiting > 0 && !first;
  one("#empty-title").textContent = waiting ? "Your first request is held" : "Nothing is waiting";
  one("#held-yet").textContent = waiting ? "It stands above, and its time runs" : "Waiting for the first request";
  if (tour.dataset.first !== String(first)) tour.open = first;
  tour.dataset.first = first;
  const done = waiting ? 3 : 0;
  tour.querySelectorAll("li").forEach((step, at) => {
    step.classList.toggle("done", at < done);
    step.toggleAttribute("aria-current", false);
    if (first && at === done) step.setAttribute("aria-current", "step");
  });
}

copyButton(one("#copy-try"), () => one("#try").textContent);
copyButton(one("#copy-connect"), () => one("#connect").textContent);
