// Reviews of broken glass: what is open, and a second person's verdict, signed with a passkey.

import { get } from "./api.js";
import { signChange } from "./change.js";
import { moment, setServerTime } from "./clock.js";
import { el, one, say, tag } from "./dom.js";
import { listen } from "./events.js";
import { redraw } from "./redraw.js";
import { signOut, toLogin, whoAmI } from "./session.js";
import { headline } from "./summary.js";
import { written } from "./values.js";

const VERDICT = { justified: ["ok", "check", "Was right"], not_justified: ["stop", "cross", "Was wrong"] };
const asking = one("#close-ask");
const page = { me: null, signing: false };

async function refresh() {
  const { reviews, server_time } = await get("/api/v1/reviews");
  setServerTime(server_time);
  one("#none").hidden = reviews.length > 0;
  redraw(one("#reviews"), ...reviews.map(card));
}

function card(review) {
  const { row, broken_by, closed_at } = review;
  const mine = review.owner === page.me.name || broken_by.some(({ person }) => person === page.me.name);
  const close = el("button", { class: "button", type: "button" }, "Close this review");
  close.addEventListener("click", () => ask(row.id));
  const open = mine ? el("p", { class: "quiet" }, "Somebody else must close it.") : el("p", { class: "buttons" }, close);
  return el("article", { class: "sheet review", "data-row": row.id },
    el("header", {}, el("h2", {}, el("a", { href: `/approve/${encodeURIComponent(row.id)}` }, ...headline(row))), closed_at ? tag(...VERDICT[review.verdict]) : tag("hold", "caution", "Open")),
    el("p", { class: "small" }, el("b", {}, written(row.agent)), " ", el("span", { class: "mono" }, written(row.action), " on ", written(row.resource))),
    ...broken_by.map(({ person, reason, at }) => el("p", { class: "claim" }, el("q", {}, written(reason)), el("small", {}, written(person), ", ", moment(at)))),
    closed_at ? el("p", {}, el("q", {}, written(review.note)), el("small", {}, " ", written(review.closed_by), ", ", moment(closed_at))) : open);
}

function ask(envelope) {
  asking.returnValue = "";
  asking.showModal();
  one("h2", asking).focus();
  asking.addEventListener("close", () => {
    if (asking.returnValue) close({ envelope, verdict: one("input:checked", asking).value, note: one("#close-note").value.trim() });
  }, { once: true });
}

async function close(asked) {
  page.signing = true;
  one("#problem").hidden = true;
  try {
    const closed = await signChange("review/close", asked, page.me.name);
    if (closed !== null) say("The review is closed.");
  } catch (error) {
    problem(error);
  }
  page.signing = false;
  await refresh().catch(problem);
}

function problem(error) {
  one("#problem span").textContent = `${error.message} The review is still open.`;
  one("#problem").hidden = false;
}

async function start() {
  try {
    page.me = await whoAmI();
    await refresh();
  } catch (error) {
    if (error.status === 401) return toLogin();
    one("#problem span").textContent = error.message;
    one("#problem").hidden = false;
    return;
  }
  listen({ onEvent: () => { if (!asking.open && !page.signing) refresh().catch(() => {}); }, onLive: () => {}, onSignedOut: toLogin });
}

one("#sign-out").addEventListener("click", () => signOut().then(toLogin));
start();
