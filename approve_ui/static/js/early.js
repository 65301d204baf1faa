// Asks for what the approval page will show while the rest of the page is still on its way.

import { get, post } from "./api.js";

const api = `/api/v1/envelopes/${encodeURIComponent(location.pathname.split("/").at(-1))}`;
const asked = { me: get("/api/v1/me") };

// One after the other: the feed begins at the event that the first answer names, so the next may not be older.
asked.me.then(() => {
  asked.view = get(api);
  asked.view.then(({ may, row }) => {
    if (!may.approve || row.state !== "pending") return;
    asked.challenge = post(`${api}/sign`);
    asked.challenge.catch(() => {}); // told to whoever takes it
  }).catch(() => {});
}).catch(() => {});

/** The answer to what was asked early, for one use: what is shown later is asked for anew. */
export function early(what) {
  const answer = asked[what];
  delete asked[what];
  return answer;
}
