// Requests to the service. XMLHttpRequest, since fetch does not say how much of a body is on its way.

import { pause, root } from "./elements.js";
import { Refusal, refusalOf } from "./refusal.js";

const MOST_TRIES = 6;
const LONGEST_PAUSE_S = 30;

let key = "";

export function useKey(given) {
  key = given;
}

export function hasKey() {
  return key !== "";
}

// Gives {status, text, header, blob} of any answer; fails only where there is none.
export function send(method, url, { body = null, headers = {}, type = "text", signal, onUpload } = {}) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.responseType = type;
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    if (onUpload) {
      request.upload.onprogress = (event) => event.lengthComputable && onUpload(event.loaded / event.total);
      request.upload.onload = () => onUpload(1);
    }
    request.onload = () => done({
      status: request.status,
      text: type === "text" ? request.responseText : "",
      blob: type === "blob" ? request.response : null,
      header: (name) => request.getResponseHeader(name),
    });
    request.onerror = () => failed(refusalOf({ status: 0, text: "", header: () => null }));
    signal?.addEventListener("abort", () => {
      request.abort();
      failed(signal.reason);
    }, { once: true });
    request.send(body);
  });
}

// POST to one of the service's own paths: its document, or a Refusal.
export async function post(path, body, { signal, onUpload } = {}) {
  const headers = { Accept: "application/json", ...(key ? { "X-Api-Key": key } : {}) };
  const answer = await send("POST", new URL(path, root), { body, headers, signal, onUpload });
  if (answer.status < 200 || answer.status > 299) throw refusalOf(answer);
  try {
    return JSON.parse(answer.text);
  } catch {
    throw new Refusal("The service answered with something that is no picture.", { status: answer.status });
  }
}

// Whether the model is loaded in the environment that answers; null where nobody says.
export async function isAwake(signal) {
  try {
    const answer = await send("GET", new URL("health", root), { signal });
    return JSON.parse(answer.text).model_loaded ?? null;
  } catch {
    return null;
  }
}

// Try until it passes; `onPause` is told each second that is waited, so that nobody wonders.
export async function patiently(attempt, { signal, onPause }) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!error.passes || tries === MOST_TRIES) throw error;
      const waits = Math.min(error.retryAfterS ?? 2 ** tries, LONGEST_PAUSE_S);
      for (let left = Math.max(1, waits); left > 0; left -= 1) {
        onPause(left, error);
        await pause(1, signal);
      }
    }
  }
}
