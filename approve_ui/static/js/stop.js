// The kill switch: one question, one press, and what came of it.

import { post } from "./api.js";
import { one } from "./dom.js";

export function askToStop(onStopped) {
  const dialog = one("#stop-ask");
  dialog.returnValue = "";
  dialog.showModal();
  one("h2", dialog).focus();
  dialog.addEventListener("close", () => { if (dialog.returnValue === "stop") stopAll().then(onStopped); }, { once: true });
}

async function stopAll() {
  const told = one("#stop-said");
  try {
    const { paused, denied } = await post("/api/v1/stop-all");
    one("span", told).textContent = `Everything is stopped: agents paused: ${paused.length}, requests denied: ${denied.length}.`;
  } catch (error) {
    one("span", told).textContent = `${error.message} Not everything is stopped: try again, or use secondsig stop-all.`;
  }
  told.hidden = false;
}
