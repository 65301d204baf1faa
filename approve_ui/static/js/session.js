// What every page does with the signed-in person.

import { dropToken, get, post } from "./api.js";
import { setServerTime } from "./clock.js";
import { all, fill, one } from "./dom.js";
import { listenFrom } from "./events.js";
import { whyNotSigned } from "./passkey.js";

/** The signed-in person; throws the API's 401 if there is none. */
export async function whoAmI(asked = get("/api/v1/me")) {
  const me = await asked;
  setServerTime(me.server_time);
  listenFrom(me.event);
  const { display, name } = me.person;
  fill("me", display || name);
  fill("initials", (display || name).split(" ").map((word) => word.slice(0, 1)).join("").slice(0, 2).toUpperCase());
  for (const account of all("[data-signed-in]")) account.hidden = false;
  return me.person;
}

export async function signOut() {
  await post("/api/v1/logout").catch(() => {});
  dropToken();
}

export function toLogin() {
  location.replace(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/** Where sign-in may lead: one of our own pages, never another site. */
export function safeNext(next) {
  const home = "/app/approvals";
  if (!URL.canParse(next ?? "", location.origin)) return home;
  const { origin, pathname, search } = new URL(next, location.origin);
  return next && origin === location.origin && /^\/(app\/[a-z]+|approve\/[\w-]+)$/.test(pathname) ? pathname + search : home;
}

/** Runs `ceremony` when `button` is pressed; what went wrong stands in `problem`, the page's own by default. */
export function onPress(button, ceremony, problem = one("#problem")) {
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    problem.hidden = true;
    try {
      await ceremony();
    } catch (error) {
      one("span", problem).textContent = whyNotSigned(error);
      problem.hidden = false;
    } finally {
      button.removeAttribute("aria-disabled");
    }
  });
}
