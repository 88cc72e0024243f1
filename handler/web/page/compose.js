// A cut-out and what is wished for to the result, as the service would make it: crop → size → shadow → background.
//
// It is made here, so that a change of mind costs neither a request nor a wait, and the brushes have the whole picture to
// work on. The numbers are those of the service's own rooms (handler/pixels): a test compares both.

import { canvasOf } from "./raster.js";

const SUBJECT_ALPHA = 13; // what counts as seen: cut.py
const MEGAPIXELS = { auto: Infinity, preview: 0.25, medium: 1.5, hd: 4 }; // table.py
const DROP = { blur: 0.025, down: 0.03 }; // in shares of the subject's longer side: shadow.py
const GROUND = { blur: 0.02, height: 0.14 };
const SHADOW_OPACITY = 0.5;
const BAND_ROWS = 256; // of alpha looked at at once

// The box of what can be seen; the whole picture where that is nothing.
export function subjectBox(canvas) {
  const { width, height } = canvas;
  const band = canvasOf(width, Math.min(BAND_ROWS, height));
  const context = band.getContext("2d", { willReadFrequently: true });
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let start = 0; start < height; start += BAND_ROWS) {
    const rows = Math.min(BAND_ROWS, height - start);
    context.clearRect(0, 0, width, rows);
    context.drawImage(canvas, 0, -start);
    const { data } = context.getImageData(0, 0, width, rows);
    for (let y = 0; y < rows; y += 1) {
      const row = y * width * 4 + 3;
      let x = 0;
      while (x < width && data[row + x * 4] < SUBJECT_ALPHA) x += 1;
      if (x === width) continue;
      let last = width - 1;
      while (data[row + last * 4] < SUBJECT_ALPHA) last -= 1;
      left = Math.min(left, x);
      right = Math.max(right, last);
      top = Math.min(top, start + y);
      bottom = start + y;
    }
  }
  if (right < 0) return { left: 0, top: 0, width, height };
  return { left, top, width: right - left + 1, height: bottom - top + 1 };
}

// Which part of the picture is seen, and how large: it may reach beyond the picture, by its margins.
export function layoutOf(picture, box, wish) {
  const share = wish.crop ? wish.margin / 100 : 0;
  const across = Math.round(box.width * share);
  const down = Math.round(box.height * share);
  const part = wish.crop
    ? { left: box.left - across, top: box.top - down, width: box.width + 2 * across, height: box.height + 2 * down }
    : { left: 0, top: 0, width: picture.width, height: picture.height };
  const most = MEGAPIXELS[wish.size] * 1e6;
  const shrink = Math.min(1, Math.sqrt(most / (part.width * part.height)));
  const [width, height] = [part.width, part.height].map((side) => Math.max(1, Math.floor(side * shrink + 1e-9)));
  return { part, width, height };
}

// A picture seen through a layout.
export function laidOut(picture, { part, width, height }) {
  const canvas = canvasOf(width, height);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.setTransform(width / part.width, 0, 0, height / part.height, 0, 0);
  context.drawImage(picture, -part.left, -part.top);
  return canvas;
}

// Put under a subject what lies behind it, in this order.
export function compose(cutout, box, wish) {
  const layout = layoutOf(cutout, box, wish);
  const subject = laidOut(cutout, layout);
  if (wish.matte) return matteOf(subject);
  const { width, height } = subject;
  const canvas = canvasOf(width, height);
  const context = canvas.getContext("2d");
  paintGround(context, wish);
  const scale = width / layout.part.width;
  const seen = {
    left: (box.left - layout.part.left) * scale,
    top: (box.top - layout.part.top) * scale,
    width: box.width * scale,
    height: box.height * scale,
  };
  if (wish.shadow !== "none") castShadow(context, subject, seen, wish.shadow);
  context.drawImage(subject, 0, 0);
  return canvas;
}

export function matteOf(subject) {
  const canvas = canvasOf(subject.width, subject.height);
  const context = canvas.getContext("2d");
  context.drawImage(subject, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "black";
  context.fillRect(0, 0, canvas.width, canvas.height);
  return canvas;
}

function paintGround(context, wish) {
  const { width, height } = context.canvas;
  if (wish.background === "picture" && wish.backdrop) {
    const { backdrop } = wish;
    const scale = Math.max(width / backdrop.width, height / backdrop.height); // covers, and is centred
    const [across, down] = [backdrop.width * scale, backdrop.height * scale];
    context.imageSmoothingQuality = "high";
    context.drawImage(backdrop, (width - across) / 2, (height - down) / 2, across, down);
  } else if (wish.background === "colour" || wish.format === "jpg") {
    context.fillStyle = wish.background === "colour" ? wish.colour : "white";
    context.fillRect(0, 0, width, height);
  }
}

// A canvas's own shadow is drawn of something far outside, so that the shadow alone is seen. Unlike `filter`, which
// Safari lacks, every browser has it. A blur of b is a Gaussian's of b / 2:
// https://html.spec.whatwg.org/multipage/canvas.html#when-shadows-are-drawn
function castShadow(context, subject, box, kind) {
  const longer = Math.max(box.width, box.height);
  const away = 2 * (subject.width + subject.height);
  const { blur, down = 0 } = kind === "drop" ? DROP : GROUND;
  context.save();
  context.shadowColor = `rgb(0 0 0 / ${SHADOW_OPACITY})`;
  context.shadowBlur = 2 * Math.max(1, longer * blur);
  context.shadowOffsetX = away;
  if (kind === "drop") {
    context.shadowOffsetY = longer * down;
    context.drawImage(subject, -away, 0);
  } else { // the subject lying flat, its middle where it stands
    const flat = Math.max(1, box.height * GROUND.height);
    const at = [box.left - away, box.top + box.height - flat / 2, box.width, flat];
    context.drawImage(subject, box.left, box.top, box.width, box.height, ...at);
  }
  context.restore();
}
