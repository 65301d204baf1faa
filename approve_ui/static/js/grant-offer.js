// After an approval: not to be asked again about this, for a while or until it is revoked.

import { signChange } from "./change.js";
import { el, one } from "./dom.js";
import { written } from "./values.js";

/** Lets `person` answer the question `envelope` in advance: for `seconds`, or until it is revoked. */
export async function answerInAdvance(envelope, person, seconds) {
  const offer = one("#again");
  const covers = one("input[name=covers]:checked", offer).value;
  const answer = await signChange("grant/envelope", { envelope, covers, ...(seconds && { seconds }) }, person);
  if (answer === null) return;
  const done = one("#again-done", offer);
  done.replaceChildren("Signed. ", el("span", {}, written(answer.grant.says)), " ", el("a", { href: "/app/grants" }, "See or revoke it"));
  one("#again-choice", offer).hidden = true;
  done.hidden = false;
}
