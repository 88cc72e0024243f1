// The picture that is looked at: at work, refused, or cut out, beside what it was.

import { chosen, find } from "./elements.js";
import { compose, laidOut, layoutOf, subjectBox } from "./compose.js";

const SLOW_S = 10;
const UNVEIL_MS = 1100;

const STILL = matchMedia("(prefers-reduced-motion: reduce)");

export function bindSplit(compareId, splitId) {
  const [compare, split] = [find(compareId), find(splitId)];
  const show = () => compare.style.setProperty("--split", `${split.value}%`);
  split.addEventListener("input", show);
  show();
  return (value) => {
    split.value = value;
    show();
  };
}

// Show a picture in the state that it is in; canvases are drawn by `showResult`.
export function showState(picture) {
  const busy = !["done", "failed"].includes(picture.state);
  find("title").textContent = picture.name;
  find("busy").hidden = !busy;
  find("failed").hidden = picture.state !== "failed";
  find("modes").hidden = picture.state !== "done";
  find("stage").ariaBusy = String(busy);
  if (picture.state !== "done") {
    for (const id of ["compare", "touchup", "brushes", "no-original"]) find(id).hidden = true;
  }
  if (busy) {
    find("busy-picture").hidden = !picture.shown;
    if (picture.shown && find("busy-picture").src !== picture.shown) find("busy-picture").src = picture.shown;
    find("busy-words").textContent = picture.words;
    find("busy-note").textContent = picture.note;
    // Without a value it shows that something is done, and not how much of it.
    if (picture.progress === null) find("busy-progress").removeAttribute("value");
    else find("busy-progress").value = picture.progress;
    showSeconds(picture);
  }
  if (picture.state === "failed") {
    find("failed-words").textContent = picture.words;
    find("shrink").hidden = !picture.canShrink;
    find("retry").hidden = picture.canShrink;
  }
}

export function showSeconds(picture) {
  const seconds = Math.round((Date.now() - (picture.startedAt ?? Date.now())) / 1000);
  const counts = picture.isAtWork && picture.state !== "uploading" && seconds > 1;
  find("busy-seconds").textContent = counts ? `${seconds} s` : "";
  if (picture.state === "cutting" && seconds >= SLOW_S && !picture.note) {
    picture.note = "Longer than usual: it may be starting another instance.";
    find("busy-note").textContent = picture.note;
  }
}

// Draw the result and the original through the same layout, so that the slider compares like with like.
export function showResult(picture, work, wish) {
  work.box ??= subjectBox(work.canvas);
  const after = compose(work.canvas, work.box, wish);
  replaceInk(find("after"), after);
  const before = work.original && laidOut(work.original, layoutOf(work.canvas, work.box, wish));
  if (before) replaceInk(find("before"), before);
  const comparing = chosen("mode") === "compare";
  find("compare").hidden = !comparing;
  find("compare").classList.toggle("alone", !before);
  find("compare").style.setProperty("--ratio", after.width / after.height);
  find("split").hidden = !before;
  find("touchup").hidden = find("brushes").hidden = comparing;
  find("no-original").hidden = Boolean(before);
  find("no-original-words").textContent = picture.url
    ? "Only the service has seen this picture, so there is no original to compare with."
    : "Your browser cannot show this kind of picture; the service can. So there is no original to compare with.";
  return after;
}

function replaceInk(shown, drawn) {
  shown.width = drawn.width;
  shown.height = drawn.height;
  shown.getContext("2d").drawImage(drawn, 0, 0);
}

// The original is wiped away, once, when its cut-out comes; whoever takes the handle meanwhile has it.
export function unveil(setSplit) {
  const end = 50;
  if (STILL.matches || document.hidden) {
    setSplit(end);
    return;
  }
  let taken = false;
  find("split").addEventListener("input", () => {
    taken = true;
  }, { once: true });
  const start = performance.now();
  const step = (now) => {
    if (taken) return;
    const share = Math.min(1, Math.max(0, now - start) / UNVEIL_MS);
    setSplit(100 - (100 - end) * (1 - (1 - share) ** 3));
    if (share < 1) requestAnimationFrame(step);
  };
  step(start);
}
