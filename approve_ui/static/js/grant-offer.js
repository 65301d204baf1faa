// After an approval: not to be asked again about this, for a while or until it is revoked.

import { el, one } from "./dom.js";
import { onPress } from "./session.js";
import { beginChange, finishChange, showChange } from "./signed-change.js";
import { written } from "./values.js";

const FIFTEEN_MINUTES = 900;

const offer = one("#again");
const [choice, review, place, problem, done] = ["#again-choice", "#again-review", "#again-shown", "#again-problem", "#again-done"].map((s) => one(s, offer));
let opened = null;

/** Lets `person` answer the question `envelope` in advance. */
export function offerGrants(envelope, person) {
  press("#again-minutes", () => ask(envelope, person(), FIFTEEN_MINUTES));
  press("#again-standing", () => ask(envelope, person(), null));
  press("#again-sign", signIt);
  one("#again-back", offer).addEventListener("click", () => step(choice));
}

function press(selector, act) {
  onPress(one(selector, offer), act, problem);
}

async function ask(envelope, person, seconds) {
  const covers = one("input[name=covers]:checked", offer).value;
  opened = await beginChange("grant/envelope", { envelope, covers, ...(seconds && { seconds }) }, person);
  showChange(place, opened);
  step(review);
  one("#again-sign", offer).focus();
}

async function signIt() {
  const { grant } = await finishChange(place, opened);
  done.replaceChildren("Signed. ", el("span", {}, written(grant.says)), " ", el("a", { href: "/app/grants" }, "See or revoke it"));
  step(done);
}

function step(shown) {
  for (const part of [choice, review, done]) part.hidden = part !== shown;
  problem.hidden = true;
}
