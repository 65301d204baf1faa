// Who may sign: people and their passkeys, invitations, recoveries.

import { get, post } from "./api.js";
import { signChange } from "./change.js";
import { moment } from "./clock.js";
import { copyButton, el, icon, one, say, tag } from "./dom.js";
import { listen } from "./events.js";
import { whyNotSigned } from "./passkey.js";
import { redraw, whenFree } from "./redraw.js";
import { signOut, toLogin, whoAmI } from "./session.js";
import { written } from "./values.js";

const page = { me: null, view: null };
const problem = one("#problem");

async function load(draw) {
  try {
    page.me ??= await whoAmI();
    page.view = await get("/api/v1/people");
  } catch (error) {
    if (error.status === 401) return toLogin();
    return tell(error);
  }
  draw();
}

const whenNobodyTypes = () => whenFree("#people", show);
const whenClosed = () => whenFree("dialog", show);

function show() {
  const { people, recoveries, administrator, groups, me } = page.view;
  redraw(one("#people"), ...people.map(personOf));
  redraw(one("#recoveries"), ...recoveries.map(recoveryOf));
  one("#invite").hidden = !administrator;
  one("#alone").hidden = !(administrator && people.filter((p) => p.administrator && p.keys.some((k) => !k.waits_for)).length < 2);
  const chosen = new Set([...one("#groups").querySelectorAll("input:checked")].map((box) => box.value));
  one("#groups").replaceChildren(...groups.map((group) => el("label", {}, el("input", { type: "checkbox", value: group, checked: chosen.size ? chosen.has(group) : group === "approvers" }), " ", written(group))));
  one("#my-key").hidden = !people.some((p) => p.name === me);
  for (const section of document.querySelectorAll("[data-loaded]")) section.hidden = false;
}

function personOf(person) {
  const { administrator, me } = page.view;
  const mine = person.name === me;
  const buttons = [];
  if (administrator && !mine) buttons.push(button("Recover", () => change("person/recover", { person: person.name })));
  if (administrator || mine) buttons.push(button(mine ? "Leave" : "Revoke", () => sure(`Revoke every passkey of ${person.name}?`, () => post("/api/v1/people/revoke", { person: person.name })), "stop"));
  return el("li", { class: "person", "data-row": person.name },
    el("div", { class: "who" },
      el("h3", {}, written(person.name), mine ? el("small", { class: "quiet" }, " you") : null),
      el("p", { class: "quiet" }, written(person.groups.join(", ")), person.administrator && !person.groups.includes("administrators") ? ", administrator" : "", ". Enrolled ", moment(person.enrolled_at), ".")),
    el("ul", { class: "keys" }, ...person.keys.map((key) => keyOf(person, key))),
    el("div", { class: "buttons-row" }, ...buttons));
}

function keyOf(person, key) {
  const { administrator, me } = page.view;
  const may = administrator || person.name === me || key.waits_for === me;
  const revoke = may ? button("Revoke", () => sure(`Revoke the passkey ${key.fingerprint}?`, () => post("/api/v1/keys/revoke", { credential: key.id })), "slim") : null;
  return el("li", { "data-row": key.id },
    el("div", {}, el("b", {}, written(key.name)), " ", key.waits_for ? tag("hold", "caution", "Waits for ", written(key.waits_for)) : null,
      el("small", { class: "quiet" }, key.device_bound ? "Stays in one device. " : "May live on several devices. "),
      // Whoever confirms has to hear the fingerprint from its owner, so it is not shown to them.
      key.waits_for && key.waits_for === me && person.name !== me ? null : el("small", { class: "mono" }, key.fingerprint)),
    key.waits_for === me ? confirmOf(person, key) : null,
    revoke);
}

function confirmOf(person, key) {
  const input = el("input", { autocomplete: "off", spellcheck: "false", inputmode: "text", maxlength: "19", placeholder: "0000 0000 0000 0000" });
  const label = el("label", {}, "Fingerprint that ", written(person.name), " reads out", input);
  const form = el("form", { class: "confirm" }, label, el("button", { class: "button slim sign", type: "submit" }, icon("passkey"), " Confirm"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    change("person/confirm", { credential: key.id, fingerprint: input.value });
  });
  return form;
}

function recoveryOf({ person, started_by, started_at }) {
  return el("li", { class: "notice", "data-row": person }, icon("caution"),
    el("p", {}, el("b", {}, "Recovery of ", written(person)), `, started by `, written(started_by), ", ", moment(started_at), ". It revokes every passkey and makes a new link."),
    page.view.administrator ? button("Sign it as well", () => change("person/recover", { person })) : null,
    button("Cancel the recovery", () => act(() => post("/api/v1/people/cancel-recovery", { person }))));
}

function button(words, press, kind = "") {
  const made = el("button", { class: `button slim ${kind}`, type: "button" }, words);
  made.addEventListener("click", press);
  return made;
}

async function change(kind, asked) {
  await act(async () => {
    const done = await signChange(kind, asked, page.view.me);
    if (done === null) return;
    if (done.url) showLink(done);
    say("Signed.");
  });
}

async function act(doIt) {
  problem.hidden = true;
  try {
    await doIt();
  } catch (error) {
    return tell(error);
  }
  await load(whenClosed);
}

function tell(error) {
  if (error.status === 401) return toLogin();
  one("span", problem).textContent = whyNotSigned(error);
  problem.hidden = false;
  problem.scrollIntoView({ block: "center" });
}

function showLink({ url, minutes }) {
  one("#link-url").textContent = url;
  one("#link-minutes").textContent = String(minutes);
  const dialog = one("#link");
  dialog.showModal();
  dialog.addEventListener("close", () => { one("#link-url").textContent = ""; }, { once: true });
}

function sure(question, doIt) {
  const dialog = one("#sure");
  one("h2", dialog).replaceChildren(written(question));
  dialog.returnValue = "";
  dialog.showModal();
  one("h2", dialog).focus();
  dialog.addEventListener("close", () => { if (dialog.returnValue === "yes") act(doIt); }, { once: true });
}

one("#invite form").addEventListener("submit", (event) => {
  event.preventDefault();
  const groups = [...one("#groups").querySelectorAll("input:checked")].map((box) => box.value);
  change("person/invite", { name: one("#name").value.trim(), groups });
});
one("#add-key").addEventListener("click", () => change("key/add", {}));
one("#sign-out").addEventListener("click", () => signOut().then(toLogin));
copyButton(one("#copy-link"), () => one("#link-url").textContent);
await load(show);
listen({ onEvent: (name) => { if (name === "config") load(whenNobodyTypes); }, onLive: () => {}, onSignedOut: toLogin });
