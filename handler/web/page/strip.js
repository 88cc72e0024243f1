// All pictures, small, with the state of each.

import { find, make } from "./elements.js";

const ITEMS = new Map();

export function showStrip(pictures, current, { choose, remove }) {
  for (const [picture, item] of ITEMS) {
    if (pictures.includes(picture)) continue;
    item.row.remove();
    ITEMS.delete(picture);
  }
  for (const picture of pictures) {
    if (!ITEMS.has(picture)) ITEMS.set(picture, itemOf(picture, { choose, remove }));
    const { button, words, face } = ITEMS.get(picture);
    words.textContent = shortWords(picture);
    button.dataset.state = picture.state;
    if (picture === current) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    const address = picture.face ?? picture.shown;
    if (address && face.src !== address) face.src = address;
    face.hidden = !address;
  }
  find("strip").hidden = pictures.length === 0;
}

function itemOf(picture, { choose, remove }) {
  const face = make("img", { alt: "", hidden: true });
  const words = make("span", { className: "strip-words" });
  const name = make("span", { className: "strip-name", textContent: picture.name });
  const button = make("button", { type: "button", className: "strip-item" }, face, name, words);
  const away = make("button", { type: "button", className: "away", ariaLabel: `Remove ${picture.name}`, textContent: "×" });
  const row = make("li", {}, button, away);
  button.addEventListener("click", () => choose(picture));
  away.addEventListener("click", () => remove(picture));
  find("strip").append(row);
  return { row, button, words, face };
}

function shortWords({ state, progress, words }) {
  if (state === "uploading") return `${Math.round(progress * 100)}%`;
  return { waiting: "waiting", done: "done", failed: "failed", waking: "waking up", pausing: "pausing" }[state] ?? words.toLowerCase();
}
