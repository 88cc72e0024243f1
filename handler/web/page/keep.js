// What people take away: a file, the clipboard, all pictures in one ZIP.

import { make } from "./elements.js";
import { compose, matteOf, subjectBox } from "./compose.js";
import { isPlain } from "./options.js";
import { opened } from "./picture.js";
import { encode } from "./raster.js";
import { zipOf } from "./zip.js";

// The result as a file: {name, blob}.
export async function fileOf(picture, work, wish) {
  const name = `${picture.stem}-cutout.${wish.format}`;
  // As it came, where nothing was changed: a canvas would lose the colours below its faintest pixels.
  if (isPlain(wish) && !work.touched && picture.result.type === `image/${wish.format}`) return { name, blob: picture.result };
  work.box ??= subjectBox(work.canvas);
  if (wish.format !== "zip") return { name, blob: await encode(compose(work.canvas, work.box, wish), wish.format) };
  const bare = { ...wish, matte: false, background: "none", shadow: "none" };
  const subject = compose(work.canvas, work.box, bare);
  return { name, blob: await coloursAndMatte(subject, compose(work.canvas, work.box, { ...wish, matte: false, format: "jpg" })) };
}

async function coloursAndMatte(subject, colours) {
  return zipOf([
    { name: "color.jpg", blob: await encode(colours, "jpg") },
    { name: "alpha.png", blob: await encode(matteOf(subject), "png") },
  ]);
}

// One after the other, since each has its canvases only meanwhile.
export async function allAsZip(pictures, wish, onEach) {
  const entries = [];
  for (const [index, picture] of pictures.entries()) {
    onEach(index + 1);
    entries.push(await fileOf(picture, await opened(picture), wish));
  }
  return { name: "cutouts.zip", blob: await zipOf(entries) };
}

export function save({ name, blob }) {
  const address = URL.createObjectURL(blob);
  const link = make("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // the download reads it once it has begun
}

// Browsers take PNG. Safari wants the promise, not the picture: it allows copying in the click alone.
export function copy(file) {
  const png = file.then(({ blob }) => blob);
  return navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
}

export const canCopy = Boolean(globalThis.ClipboardItem && navigator.clipboard?.write);
