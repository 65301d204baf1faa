// Reviews of broken glass: what is open, and a second person's verdict, signed with a passkey.

import { get, post } from "./api.js";
import { decode, hex, sha256, unbase64url } from "./bytes.js";
import { setServerTime, when } from "./clock.js";
import { el, one, say, tag } from "./dom.js";
import { listen } from "./events.js";
import { ARMS_AFTER_MS } from "./guard.js";
import { boundDigest, sign, whyNotSigned } from "./passkey.js";
import { leaves } from "./payload.js";
import { signOut, toLogin, whoAmI } from "./session.js";
import { headline } from "./summary.js";
import { written } from "./values.js";

const VERDICT = { justified: ["ok", "check", "Was right"], not_justified: ["stop", "cross", "Was wrong"] };
const [asking, signing] = [one("#close-ask"), one("#sign-ask")];
const page = { me: null, begun: null, asked: null };

async function refresh() {
  const { reviews, server_time } = await get("/api/v1/reviews");
  setServerTime(server_time);
  one("#none").hidden = reviews.length > 0;
  one("#reviews").replaceChildren(...reviews.map(card));
}

function card(review) {
  const { row, broken_by, closed_at } = review;
  const mine = review.owner === page.me.name || broken_by.some(({ person }) => person === page.me.name);
  const close = el("button", { class: "button", type: "button" }, "Close this review");
  close.addEventListener("click", () => ask(row.id));
  const open = mine ? el("p", { class: "quiet" }, "Somebody else must close it.") : el("p", { class: "buttons" }, close);
  return el("article", { class: "sheet review" },
    el("header", {}, el("h2", {}, el("a", { href: `/approve/${encodeURIComponent(row.id)}` }, ...headline(row))), closed_at ? tag(...VERDICT[review.verdict]) : tag("hold", "caution", "Open")),
    el("p", { class: "small" }, el("b", {}, written(row.agent)), " ", el("span", { class: "mono" }, written(row.action), " on ", written(row.resource))),
    ...broken_by.map(({ person, reason, at }) => el("p", { class: "claim" }, el("q", {}, written(reason)), el("small", {}, written(person), `, ${when(at)}`))),
    closed_at ? el("p", {}, el("q", {}, written(review.note)), el("small", {}, " ", written(review.closed_by), `, ${when(closed_at)}`)) : open);
}

function ask(envelope) {
  show(asking, () => {
    const verdict = one("input:checked", asking).value;
    prepare({ envelope, verdict, note: one("#close-note").value.trim() });
  });
}

function show(dialog, then) {
  dialog.returnValue = "";
  dialog.showModal();
  one("h2", dialog).focus();
  dialog.addEventListener("close", () => { if (dialog.returnValue) then(); }, { once: true });
}

async function prepare(asked) {
  try {
    page.begun = await post("/api/v1/changes/begin", { kind: "review/close", asked });
    const payload = await opened(page.begun, asked);
    one("h2", signing).replaceChildren(written(payload.says));
    one("#signs").replaceChildren(...[...leaves(payload)].map(([path, value]) => el("div", {}, el("dt", {}, written(path.join(" › "))), el("dd", {}, written(String(value))))));
    show(signing, () => {});
    arm();
  } catch (error) {
    problem(error);
  }
}

// What is signed hashes to the challenge, is this change, of this person, and says what was asked for.
async function opened({ payload: encoded, options }, asked) {
  const bytes = unbase64url(encoded);
  const payload = JSON.parse(decode(bytes));
  const right = boundDigest(options.challenge) === hex(await sha256(bytes)) && payload.type === "secondsig/administration" && payload.version === 1 &&
    payload.kind === "review/close" && payload.person === page.me.name && payload.change.review.envelope === asked.envelope && payload.change.verdict === asked.verdict &&
    options.rpId === payload.rp_id;
  if (!right) throw new Error("The gateway asked this device to sign something else. Nothing was signed.");
  return payload;
}

function arm() {
  const button = one("#sign-it");
  button.setAttribute("aria-disabled", "true");
  setTimeout(() => button.setAttribute("aria-disabled", "false"), ARMS_AFTER_MS);
}

async function pressSign() {
  if (one("#sign-it").getAttribute("aria-disabled") === "true") return;
  one("#sign-it").setAttribute("aria-disabled", "true");
  try {
    const credential = await sign(page.begun.options);
    await post("/api/v1/changes/finish", { challenge_id: page.begun.challenge_id, credential });
    say("The review is closed.");
    one("#problem").hidden = true;
  } catch (error) {
    problem(error);
  }
  signing.close("");
  await refresh().catch(problem);
}

function problem(error) {
  one("#problem span").textContent = `${whyNotSigned(error)} The review is still open.`;
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
  listen({ onEvent: () => { if (!asking.open && !signing.open) refresh().catch(() => {}); }, onLive: () => {}, onSignedOut: toLogin });
}

one("#sign-it").addEventListener("click", pressSign);
one("#sign-out").addEventListener("click", () => signOut().then(toLogin));
start();
