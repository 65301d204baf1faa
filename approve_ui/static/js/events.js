// Server-sent events, read by fetch because EventSource cannot carry the tab's token.

import { authorised } from "./api.js";

let from = null;

/** What the page shows was true at this event: `listen` begins there and misses nothing. */
export const listenFrom = (id) => { from = id; };

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
const SILENT_FOR_MS = 40_000; // it says something every 15 s

/**
 * Listens until the session ends. `onEvent(name, data)` gets each event; `onLive(true|false)` says whether
 * the connection stands. After a gap it resumes, or tells of `config`: then everything is to be looked at.
 */
export async function listen({ onEvent, onLive, onSignedOut = () => {} }) {
  const seen = { id: from };
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    try {
      const response = await open(seen.id);
      if (response.status === 401) return onSignedOut();
      if (response.ok) {
        onLive(true);
        wait = FIRST_WAIT_MS / 2;
        await read(response.body, seen, onEvent);
      }
    } catch {
      // a broken connection and a refused one are answered alike: try again below
    }
    onLive(false);
    await pause(wait * (0.75 + Math.random() / 2));
  }
}

function open(id) {
  const headers = { Accept: "text/event-stream", ...(id !== null && { "Last-Event-ID": id }) };
  return fetch("/api/v1/events", { headers: authorised(headers), cache: "no-store" });
}

async function read(body, seen, onEvent) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const silence = setTimeout(() => reader.cancel(), SILENT_FOR_MS);
    const { done, value } = await reader.read();
    clearTimeout(silence);
    if (done) return;
    const blocks = (buffer + value).replaceAll("\r\n", "\n").split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) dispatch(block, seen, onEvent);
  }
}

function dispatch(block, seen, onEvent) {
  const event = { name: "message", data: [] };
  for (const line of block.split("\n")) {
    const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (field === "id") seen.id = value;
    else if (field === "event") event.name = value;
    else if (field === "data") event.data.push(value);
  }
  if (event.data.length === 0) return;
  const data = JSON.parse(event.data.join("\n"));
  if (event.name !== "hello") onEvent(event.name, data);
  else if (data.missed) onEvent("config", {});
}

// Coming back on line ends the pause at once.
function pause(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
    addEventListener("online", resolve, { once: true });
  });
}
