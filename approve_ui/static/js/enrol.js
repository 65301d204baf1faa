// Enrolment: the token of the link stays in the fragment and leaves the address before anything else happens.

import { get } from "./api.js";
import { fill, focusHeading, one, showState } from "./dom.js";
import { enrol, passkeysWork } from "./passkey.js";
import { onPress } from "./session.js";
import { written } from "./values.js";

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
  let done;
  try {
    done = await enrol(token, name.value.trim());
  } catch (error) {
    if (error.status === 400 && !asked) one("#who").hidden = false;
    throw error;
  }
  if (done.waiting) return showWaiting(done);
  location.replace("/app/approvals");
});

// The new key counts once the inviter has heard its fingerprint from this person.
function showWaiting({ waiting, credential }) {
  fill("inviter", written(waiting.for));
  one("#fingerprint").textContent = credential.fingerprint;
  showState("waiting");
  focusHeading(one("#waiting-title"));
}

one("form").addEventListener("submit", (event) => event.preventDefault());
start();
