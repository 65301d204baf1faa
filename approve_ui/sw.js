// The service worker: it shows what the gateway sends and opens what is tapped. It keeps nothing and answers no page.

const UNREADABLE = { title: "A request waits", body: "Open Secondsig to see it.", tag: "unreadable", url: "/app/approvals", decided: false };
const PLACE = /^\/(approve\/env_[0-9A-Za-z]{16,40}|app\/[a-z]+)$/;
const SEEN_MS = 2000;

/** The message, if it is whole and leads to a page of ours; else words that say nothing of any request. */
function read(data) {
  try {
    const said = data.json();
    const whole = ["title", "body", "tag", "url"].every((name) => typeof said[name] === "string");
    return whole && said.title && said.tag && PLACE.test(said.url) ? said : UNREADABLE;
  } catch {
    return UNREADABLE;
  }
}

// What was decided takes the place of the question without a sound, and goes by itself: a browser that is sent
// something and shows nothing stops taking messages.
async function show({ title, body, tag, url, decided }) {
  const quiet = decided === true;
  await self.registration.showNotification(title, { body, tag, data: url, silent: quiet, renotify: !quiet });
  if (quiet) setTimeout(() => withdraw(tag, title), SEEN_MS);
}

async function withdraw(tag, title) {
  const shown = await self.registration.getNotifications({ tag });
  for (const notification of shown) if (notification.title === title) notification.close();
}

async function open(url) {
  const place = PLACE.test(url) ? url : UNREADABLE.url;
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = windows.find((each) => new URL(each.url).pathname === place);
  await (there ? there.focus() : self.clients.openWindow(place));
}

// A newer worker takes the place of an older one at once: neither holds anything.
self.skipWaiting();
self.addEventListener("push", (event) => event.waitUntil(show(read(event.data))));
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data));
});
