// “Notifications on this device”: one press asks the browser, and tells the gateway where to send.

import { get, post } from "./api.js";
import { encode, hex, sha256, unbase64url } from "./bytes.js";
import { moment } from "./clock.js";
import { el, icon, say, styled } from "./dom.js";
import { written } from "./values.js";

const BLOCKED = "This browser blocks notifications for Secondsig. Allow them in the site's settings, beside the address, and come back.";
const UNABLE = "This browser takes no messages of sites. Keep this page open instead: it is live.";
const HOME_SCREEN = "On an iPhone or iPad: tap Share, then Add to Home Screen, and open Secondsig from there. Notifications can be turned on in that app.";

/** The worker's address, as the page's policy wants it: from a maker, made once, that knows no other address. */
let address = null;
function workerAddress() {
  const maker = { createScriptURL: () => "/sw.js" };
  address ??= globalThis.trustedTypes?.createPolicy("secondsig-worker", maker).createScriptURL("") ?? "/sw.js";
  return address;
}

const able = () => "serviceWorker" in navigator && "PushManager" in globalThis && "Notification" in globalThis;
const isApple = () => /iPhone|iPad/.test(navigator.userAgent) || (navigator.platform === "MacIntel" && navigator.maxTouchPoints > 1);
const installed = () => matchMedia("(display-mode: standalone)").matches || navigator.standalone === true;

/** Draws the panel into `section`, an empty one, and keeps it right. */
export async function mountPush(section) {
  await Promise.all([new Panel(section).refresh(), styled("lent")]);
  section.hidden = false;
}

class Panel {
  constructor(section) {
    this.said = el("p", { class: "quiet" });
    this.problem = el("p", { class: "caution", role: "alert", hidden: true }, icon("caution"), " ", el("span"));
    this.turn = el("button", { class: "button slim", type: "button", hidden: true });
    this.trial = el("button", { class: "button slim plain", type: "button", hidden: true }, "Send a test");
    this.others = el("ul", { class: "lent" });
    const title = el("h2", { id: "push-title" }, icon("bell"), " Notifications on this device");
    section.setAttribute("aria-labelledby", title.id);
    this.also = el("p", { class: "quiet lent-none", hidden: true }, "Your other devices that are told:");
    section.append(el("header", { class: "told" }, title, this.said, el("div", {}, this.turn, " ", this.trial)), this.problem, this.also, this.others);
    this.turn.addEventListener("click", () => this.press());
    this.trial.addEventListener("click", () => this.attempt(() => this.test()));
  }

  async refresh() {
    const { subscriptions } = await get("/api/v1/push/subscriptions");
    const here = await this.here();
    const own = here ? subscriptions.find((each) => each.endpoint_sha256 === here.hash) : null;
    this.own = own ?? null;
    this.show();
    const others = subscriptions.filter((each) => each !== own);
    this.also.hidden = others.length === 0;
    this.others.replaceChildren(...others.map((each) => this.line(each)));
  }

  /** This browser's subscription, with the hash that the gateway lists it by. */
  async here() {
    if (!able()) return null;
    const registration = await navigator.serviceWorker.getRegistration("/");
    const subscription = await registration?.pushManager.getSubscription();
    return subscription ? { subscription, hash: hex(await sha256(encode(subscription.endpoint))) } : null;
  }

  show() {
    const blocked = able() && Notification.permission === "denied";
    this.turn.hidden = !able() || (blocked && !this.own);
    this.turn.textContent = this.own ? "Turn off" : "Turn on";
    this.trial.hidden = !this.own;
    this.said.textContent = this.words(blocked);
  }

  words(blocked) {
    if (!able()) return isApple() && !installed() ? HOME_SCREEN : UNABLE;
    if (blocked) return BLOCKED;
    return this.own ? "On. You are told here when a request waits that you may approve, also while this page is closed."
      : "Off. A notification names the agent and what it asks for, and opens the request. It cannot decide anything.";
  }

  line(each) {
    const button = el("button", { class: "button slim stop", type: "button" }, "Remove");
    button.addEventListener("click", () => this.attempt(async () => {
      await post(`/api/v1/push/subscriptions/${encodeURIComponent(each.id)}/remove`);
      say(`${each.device} is told no more.`);
    }));
    const who = el("div", {}, el("b", {}, written(each.device)), el("small", { class: "quiet" }, "on since ", moment(each.since)));
    return el("li", {}, who, button);
  }

  press() {
    return this.attempt(() => (this.own ? this.off() : this.on()));
  }

  async attempt(act) {
    if (this.turn.getAttribute("aria-disabled") === "true") return;
    this.problem.hidden = true;
    this.turn.setAttribute("aria-disabled", "true");
    try {
      await act();
      await this.refresh();
    } catch (error) {
      this.problem.lastChild.textContent = whyNot(error);
      this.problem.hidden = false;
      await this.refresh().catch(() => this.show());
    } finally {
      this.turn.removeAttribute("aria-disabled");
    }
  }

  // The permission is asked for first: browsers want it in the same moment as the press.
  async on() {
    if ((await Notification.requestPermission()) !== "granted") throw new Error(BLOCKED);
    const { key } = await get("/api/v1/push/key");
    await navigator.serviceWorker.register(workerAddress(), { scope: "/", updateViaCache: "none" });
    const { pushManager } = await navigator.serviceWorker.ready;
    // One of an earlier key, or of somebody who used this browser before, is not taken over.
    await (await pushManager.getSubscription())?.unsubscribe();
    const made = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: unbase64url(key) });
    const { endpoint, keys } = made.toJSON();
    try {
      await post("/api/v1/push/subscriptions/add", { endpoint, p256dh: keys.p256dh, auth: keys.auth, device: deviceName() });
    } catch (error) {
      await made.unsubscribe();
      throw error;
    }
    say("Notifications are on.");
  }

  async test() {
    const { accepted, why } = await post(`/api/v1/push/subscriptions/${encodeURIComponent(this.own.id)}/test`);
    if (!accepted) throw new Error(`It was not sent: ${why}.`);
    say("A test was sent.");
  }

  async off() {
    const { id } = this.own;
    await (await this.here())?.subscription.unsubscribe();
    await post(`/api/v1/push/subscriptions/${encodeURIComponent(id)}/remove`);
    say("Notifications are off.");
  }
}

function whyNot(error) {
  if (error.name === "AbortError") return "The push service of this browser cannot be reached: try again later, or in another browser.";
  return error.message;
}

const FIRST = (names) => names.find(([pattern]) => pattern.test(navigator.userAgent))?.[1];

function deviceName() {
  const browser = FIRST([[/Edg\//, "Edge"], [/Firefox\//, "Firefox"], [/Chrom(e|ium)\//, "Chrome"], [/Safari\//, "Safari"]]) ?? "A browser";
  const system = FIRST([[/Android/, "Android"], [/iPhone/, "iPhone"], [/iPad/, "iPad"], [/Windows/, "Windows"], [/Mac OS/, "Mac"], [/Linux/, "Linux"]]);
  return system ? `${browser} on ${system}` : browser;
}

/** Shows `section` where the browser offers to install these pages as an app; the press asks it to. */
export function mountInstall(section) {
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    const button = el("button", { class: "button slim", type: "button" }, "Install");
    button.addEventListener("click", async () => {
      await event.prompt();
      section.hidden = true;
    });
    section.replaceChildren(icon("down"), el("p", {}, el("b", {}, "Keep Secondsig at hand."), " It opens like an app, with its own window."), button);
    section.hidden = false;
  });
  addEventListener("appinstalled", () => { section.hidden = true; });
}
