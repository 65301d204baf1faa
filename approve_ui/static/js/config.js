// The configuration in force, and the change that waits for a signature.

import { get } from "./api.js";
import { signChange } from "./change.js";
import { el, fill, one, say } from "./dom.js";
import { listen } from "./events.js";
import { whyNotSigned } from "./passkey.js";
import { signOut, toLogin, whoAmI } from "./session.js";
import { written } from "./values.js";

const problem = one("#problem");
const page = { me: null, view: null };

async function load() {
  try {
    page.me ??= await whoAmI();
    page.view = await get("/api/v1/config");
  } catch (error) {
    return tell(error);
  }
  const { config, trust, files, refused, diff, wrong, administrator } = page.view;
  fill("config", config);
  fill("trust", trust === "signed" ? "A passkey signs each change" : "The files, as they are");
  fill("files", files ?? "");
  one("#files").hidden = !files;
  one("#refused").hidden = refused.length === 0;
  one("#refused-why").replaceChildren(...refused.map((why) => el("li", {}, written(why))));
  one("#waits").hidden = !diff;
  one("#wrong").hidden = !wrong;
  one("#wrong span").replaceChildren(written(wrong ?? ""));
  one("#diff").replaceChildren(...(diff ?? "").split("\n").map(lineOf));
  one("#sign").hidden = !administrator;
  one("#not-yours").hidden = administrator;
  one("#in-force").hidden = false;
}

const lineOf = (line) => el("span", { class: line.startsWith("+") ? "added" : line.startsWith("-") ? "gone" : "" }, written(line), "\n");

function tell(error) {
  if (error.status === 401) return toLogin();
  one("span", problem).textContent = whyNotSigned(error);
  problem.hidden = false;
}

one("#sign").addEventListener("click", async () => {
  problem.hidden = true;
  try {
    if (await signChange("config/apply", {}, page.view.me)) say("The configuration is in force.");
  } catch (error) {
    return tell(error);
  }
  await load();
});
one("#sign-out").addEventListener("click", () => signOut().then(toLogin));
await load();
listen({ onEvent: (name) => { if (name === "config") load(); }, onLive: () => {}, onSignedOut: toLogin });
