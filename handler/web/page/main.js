// The page: pictures come in, are sent in their order, and the one that is looked at is drawn.

import { chosen, find, megabytes, root, say, warn } from "./elements.js";
import { askForKey, recallKey } from "./key.js";
import { curlOf } from "./curl.js";
import { bindIntake } from "./intake.js";
import { allAsZip, canCopy, copy, fileOf, save } from "./keep.js";
import { isPlain, watchOptions, wishOf } from "./options.js";
import { fetchOriginal, opened, shrink } from "./picture.js";
import { Queue } from "./queue.js";
import { bindSplit, showResult, showSeconds, showState, unveil } from "./stage.js";
import { showStrip } from "./strip.js";
import { bindBrushes, setWork } from "./touchup.js";

let current = null; // the picture that is looked at
let work = null; // its brushwork, once it is cut out
const told = new WeakMap(); // what was last said of a picture

const queue = new Queue({ changed: onChange, askForKey });
const setSplit = bindSplit("compare", "split");
bindSplit("sample-compare", "sample-split");

function refused(sentence) {
  warn(sentence);
  find("facts").textContent = sentence;
}

function add(picture) {
  const first = queue.pictures.length === 0;
  queue.add(picture);
  if (first || current?.state === "done" || current?.state === "failed") look(picture);
  else showAll();
  if (first) {
    find("title").focus({ preventScroll: true });
    find("work").scrollIntoView({ block: "nearest" });
  }
}

function onChange(picture) {
  if (!queue.pictures.includes(picture)) return;
  if (told.get(picture) !== picture.state && picture.state !== "waiting") {
    told.set(picture, picture.state);
    (picture.state === "failed" ? warn : say)(`${picture.name}: ${picture.words.replace(/\.$/, "")}. ${picture.note}`.trim());
  }
  if (picture === current) look(picture);
  else showAll();
}

async function look(picture) {
  const isNews = picture !== current || !work;
  if (picture !== current) work = null;
  current = picture;
  showAll();
  if (!picture) return;
  showState(picture);
  if (picture.state === "done" && !work) {
    const found = await opened(picture).catch(() => null);
    if (current !== picture) return; // another was chosen meanwhile
    if (!found) {
      Object.assign(picture, { state: "failed", words: "The result came, and this browser cannot show it." });
      look(picture);
      return;
    }
    work = found;
    setWork(work);
  }
  draw();
  if (picture.state === "done" && isNews && work.original && !picture.seen) unveil(setSplit);
  picture.seen = picture.seen || picture.state === "done";
}

function showAll() {
  document.body.classList.toggle("busy-page", queue.pictures.length > 0);
  find("work").hidden = queue.pictures.length === 0;
  find("sample").hidden = queue.pictures.length > 0;
  find("choose-button").textContent = queue.pictures.length ? "Add pictures" : "Choose pictures";
  showStrip(queue.pictures, current, { choose: look, remove });
  const ready = current?.state === "done" && work !== null;
  find("download").disabled = find("copy").disabled = !ready;
  find("download-all").hidden = queue.pictures.length < 2;
  find("download-all").disabled = queue.done.length < 2;
  if (current) find("curl").textContent = curlOf(current, wishOf());
}

function draw() {
  showAll();
  if (current?.state !== "done" || !work) {
    find("facts").textContent = "";
    return;
  }
  const wish = wishOf();
  const after = showResult(current, work, wish);
  const asItCame = isPlain(wish) && !work.touched && current.result.type === `image/${wish.format}`;
  find("facts").textContent =
    `${after.width} × ${after.height} px${asItCame ? `, ${megabytes(current.result.size)}` : ""}`;
  find("curl-note").hidden = !work.touched;
  showFace(current, after);
}

// A small picture for the strip; its address is given back when another takes its place.
function showFace(picture, canvas) {
  const small = document.createElement("canvas");
  const scale = 160 / Math.max(canvas.width, canvas.height, 160);
  [small.width, small.height] = [canvas.width, canvas.height].map((side) => Math.max(1, Math.round(side * scale)));
  small.getContext("2d").drawImage(canvas, 0, 0, small.width, small.height);
  small.toBlob((blob) => {
    if (picture.face) URL.revokeObjectURL(picture.face);
    picture.face = blob && URL.createObjectURL(blob);
    showAll();
  });
}

function remove(picture) {
  const index = queue.pictures.indexOf(picture);
  queue.remove(picture);
  if (picture.face) URL.revokeObjectURL(picture.face);
  say(`${picture.name} was removed.`);
  if (picture === current) look(queue.pictures[Math.min(index, queue.pictures.length - 1)] ?? null);
  else showAll();
  (queue.pictures.length ? find("title") : find("choose-button")).focus();
}

async function busy(button, words, action) {
  const label = button.textContent;
  button.disabled = true;
  button.textContent = words;
  try {
    await action();
  } catch (error) {
    refused(error.message);
  } finally {
    button.textContent = label;
    button.disabled = false;
    showAll(); // which knows whether there is still something to press it for
  }
}

function bindKeep() {
  find("download").addEventListener("click", () =>
    busy(find("download"), "Making the file", async () => {
      const file = await fileOf(current, work, wishOf());
      save(file);
      say(`${file.name} was saved.`);
    }));
  find("copy").hidden = !canCopy;
  find("copy").addEventListener("click", () =>
    busy(find("copy"), "Copying", async () => {
      await copy(fileOf(current, work, { ...wishOf(), format: "png" }));
      say("Copied.");
      find("facts").textContent = "Copied: paste it anywhere.";
    }));
  find("download-all").addEventListener("click", () =>
    busy(find("download-all"), "Packing", async () => {
      const { done } = queue;
      save(await allAsZip(done, wishOf(), (count) => say(`Packing ${count} of ${done.length}.`)));
    }));
  find("copy-curl").hidden = !navigator.clipboard;
  find("copy-curl").addEventListener("click", async () => {
    await navigator.clipboard.writeText(find("curl").textContent);
    say("The command was copied.");
  });
}

function bindRefusals() {
  find("retry").addEventListener("click", () => queue.again(current));
  find("shrink").addEventListener("click", () =>
    busy(find("shrink"), "Making it smaller", async () => {
      const picture = current;
      if (await shrink(picture)) queue.again(picture);
      else look(picture);
    }));
  find("fetch-original").addEventListener("click", () =>
    busy(find("fetch-original"), "Asking…", async () => {
      const picture = current;
      await fetchOriginal(picture, askForKey);
      if (picture !== current) return;
      work = null;
      await look(picture);
    }));
  find("open-key").addEventListener("click", () => askForKey(null).catch(() => {}));
}

find("docs").href = new URL("docs", root);
find("drop").hidden = find("sample").hidden = false;
recallKey();
bindIntake(add, refused);
watchOptions(draw, refused);
bindBrushes(() => showAll());
bindKeep();
bindRefusals();
for (const radio of document.querySelectorAll('input[name="mode"]')) {
  radio.addEventListener("change", () => {
    draw();
    if (chosen("mode") === "touchup") say("Paint to erase or restore.");
  });
}
setInterval(() => current && showSeconds(current), 1000);
