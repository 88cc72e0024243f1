// The API key: asked for once the service wants one, and kept in the tab's session only if the person says so.

import { find } from "./elements.js";
import { Refusal } from "./refusal.js";
import { hasKey, useKey } from "./service.js";

const KEPT_AS = "api-key";

let asked = null;

export function recallKey() {
  const kept = sessionStorage.getItem(KEPT_AS);
  if (kept) useKey(kept);
  find("open-key").hidden = !kept;
  find("keep-key").checked = Boolean(kept);
  find("no-key").addEventListener("click", () => find("key-dialog").close("cancel"));
}

// One dialog for all pictures that wait for it. Fails if it is cancelled.
export function askForKey(refusal) {
  asked ??= dialog(refusal).finally(() => {
    asked = null;
  });
  return asked;
}

function dialog(refusal) {
  const box = find("key-dialog");
  const field = find("key");
  find("key-words").textContent = refusal && hasKey() ? refusal.message : "Whoever runs it has one for you.";
  find("open-key").hidden = false;
  box.returnValue = "cancel";
  box.showModal();
  field.focus();
  field.select();
  return new Promise((done, failed) => {
    box.addEventListener("close", () => {
      const given = field.value.trim();
      if (box.returnValue !== "use" || !given) {
        failed(new Refusal(refusal?.message ?? "No key was given.", { status: 403 }));
        return;
      }
      useKey(given);
      if (find("keep-key").checked) sessionStorage.setItem(KEPT_AS, given);
      else sessionStorage.removeItem(KEPT_AS);
      done();
    }, { once: true });
  });
}
