// After an approval: not to be asked again about this, for a while or until it is revoked.

import { signChange } from "./change.js";
import { el, one } from "./dom.js";
import { onPress } from "./session.js";
import { written } from "./values.js";

const FIFTEEN_MINUTES = 900;

const offer = one("#again");
const [choice, problem, done] = ["#again-choice", "#again-problem", "#again-done"].map((s) => one(s, offer));

/** Lets the person whom `me` names answer the question `envelope` in advance. */
export function offerGrants(envelope, me) {
  onPress(one("#again-minutes"), () => ask(envelope, me(), { seconds: FIFTEEN_MINUTES }), problem);
  onPress(one("#again-standing"), () => ask(envelope, me(), {}), problem);
}

async function ask(envelope, person, time) {
  const covers = one("input[name=covers]:checked", offer).value;
  const answer = await signChange("grant/envelope", { envelope, covers, ...time }, person);
  if (answer === null) return;
  done.replaceChildren("Signed. ", el("span", {}, written(answer.grant.says)), " ", el("a", { href: "/app/grants" }, "See or revoke it"));
  choice.hidden = true;
  done.hidden = false;
}
