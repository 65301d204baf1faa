// A change of the gateway itself. Few visits make one, so its dialog is fetched when the first is asked for.

import { styled } from "./dom.js";

/** Shows what would change and has it signed; answers what the gateway says, or null if the person went back. */
export async function signChange(kind, asked, person) {
  const [{ askToSign }] = await Promise.all([import("./change-dialog.js"), styled("change")]);
  return askToSign(kind, asked, person);
}
