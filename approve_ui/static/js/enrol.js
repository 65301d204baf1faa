// Enrolment: the token of the link stays in the fragment and leaves the address before anything else happens.

import { get } from "./api.js";
import { one, showState } from "./dom.js";
import { enrol, passkeysWork } from "./passkey.js";
import { onPress } from "./session.js";

const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
const name = one("#name");

async function start() {
  if (!passkeysWork()) return showState("too-old");
  if (!token) return showState("no-token");
  const { enrolled } = await get("/api/v1/state").catch(() => ({ enrolled: false }));
  one("#who").hidden = enrolled;
  showState("ready");
}

onPress(one("#enrol"), async () => {
  const asked = !one("#who").hidden;
  if (asked && !name.value.trim()) {
    name.focus();
    throw new Error("Write your name first: it stands under everything you sign.");
  }
  try {
    await enrol(token, name.value.trim());
  } catch (error) {
    if (error.status === 400 && !asked) one("#who").hidden = false;
    throw error;
  }
  location.replace("/app/approvals");
});
one("form").addEventListener("submit", (event) => event.preventDefault());
start();
