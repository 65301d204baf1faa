// The gateway's API. The cookie alone authorises nothing: this tab's own token goes with every call.

const TOKEN = "secondsig-tab";

export const keepToken = (token) => localStorage.setItem(TOKEN, token);
export const dropToken = () => localStorage.removeItem(TOKEN);
export const authorised = (headers) => {
  const token = localStorage.getItem(TOKEN);
  return token ? { ...headers, "Secondsig-Tab": token } : headers;
};

/** A refusal in the gateway's words; `status` 0 means that the gateway was not reached. */
export class ApiError extends Error {
  constructor(status, error, detail, body = {}) {
    super(detail);
    Object.assign(this, { status, error, detail, body });
  }
}

async function send(path, init) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", redirect: "error", ...init, headers: authorised(init.headers) });
  } catch {
    throw new ApiError(0, "offline", "The gateway cannot be reached.");
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  const detail = body?.detail ?? `The gateway answered ${response.status} without saying why.`;
  throw new ApiError(response.status, body?.error ?? "unknown", detail, body ?? {});
}

export const get = (path) => send(path, { headers: { Accept: "application/json" } });
export const post = (path, body = {}) =>
  send(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
