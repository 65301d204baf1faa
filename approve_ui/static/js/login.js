// Sign-in: one passkey, then on to where the person came from.

import { get } from "./api.js";
import { one, showState } from "./dom.js";
import { passkeysWork, signIn } from "./passkey.js";
import { onPress, safeNext, whoAmI } from "./session.js";

const goOn = () => location.replace(safeNext(new URLSearchParams(location.search).get("next")));

async function start() {
  if (await whoAmI().catch(() => null)) return goOn();
  const { enrolled } = await get("/api/v1/state").catch(() => ({ enrolled: true }));
  if (!enrolled) return showState("nobody");
  showState(passkeysWork() ? "ready" : "too-old");
}

onPress(one("#sign-in"), async () => {
  await signIn();
  goOn();
});
start();
