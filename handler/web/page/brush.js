// Erase and restore, with undo and redo. What is kept are the strokes, not pictures: undoing draws the cut-out anew and
// all strokes but the last, so that a hundred steps of 12 megapixels fit a phone.
//
// A stroke is {tool, size, points} in pixels of the whole cut-out. That is as large as the upright original, since the
// service is always asked for the picture's own size and crop, size, shadow and background are applied here, after the
// brushes: so one pixel of the cut-out is the same one of the original, whatever result is asked for, and the original
// can be restored where the brush goes.

import { canvasOf } from "./raster.js";

const HARD_SHARE = 0.6; // of the radius; the rest fades
const SPACING_SHARE = 0.12; // of the size, from dab to dab

export class Brushwork {
  constructor(base, original, strokes = { done: [], undone: [] }) {
    this.base = base; // the cut-out as it came
    this.original = original; // of the same size, or null
    this.strokes = strokes; // kept by the picture, which outlives its canvases
    this.canvas = canvasOf(base.width, base.height);
    this.context = this.canvas.getContext("2d");
    this.redraw();
  }

  get touched() {
    return this.strokes.done.length > 0;
  }

  get canRedo() {
    return this.strokes.undone.length > 0;
  }

  begin(tool, size, point) {
    this.stroke = { tool, size, points: [point] };
    this.tip = this.tipOf(size);
    this.dab(this.stroke, point);
  }

  extend(point) {
    const { points } = this.stroke;
    this.line(this.stroke, points.at(-1), point);
    points.push(point);
  }

  end() {
    this.strokes.done.push(this.stroke);
    this.strokes.undone.length = 0;
    this.stroke = null;
  }

  undo() {
    if (!this.touched) return false;
    this.strokes.undone.push(this.strokes.done.pop());
    this.redraw();
    return true;
  }

  redo() {
    if (!this.canRedo) return false;
    this.strokes.done.push(this.strokes.undone.pop());
    this.redraw();
    return true;
  }

  redraw() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.context.drawImage(this.base, 0, 0);
    for (const stroke of this.strokes.done) {
      this.tip = this.tipOf(stroke.size);
      this.dab(stroke, stroke.points[0]);
      stroke.points.slice(1).forEach((point, index) => this.line(stroke, stroke.points[index], point));
    }
  }

  // A disc with a soft rim, drawn once for a stroke.
  tipOf(size) {
    const tip = canvasOf(size, size);
    const context = tip.getContext("2d");
    const middle = tip.width / 2;
    const shade = context.createRadialGradient(middle, middle, middle * HARD_SHARE, middle, middle, middle);
    shade.addColorStop(0, "rgb(0 0 0 / 1)");
    shade.addColorStop(1, "rgb(0 0 0 / 0)");
    context.fillStyle = shade;
    context.fillRect(0, 0, tip.width, tip.height);
    return tip;
  }

  line(stroke, from, to) {
    const distance = Math.hypot(to.x - from.x, to.y - from.y);
    const steps = Math.max(1, Math.ceil(distance / Math.max(1, stroke.size * SPACING_SHARE)));
    for (let step = 1; step <= steps; step += 1) {
      const share = step / steps;
      this.dab(stroke, { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share });
    }
  }

  dab({ tool }, { x, y }) {
    const { tip, context } = this;
    const left = Math.round(x - tip.width / 2);
    const top = Math.round(y - tip.height / 2);
    if (tool === "erase") {
      context.globalCompositeOperation = "destination-out";
      context.drawImage(tip, left, top);
      context.globalCompositeOperation = "source-over";
    } else if (this.original) {
      const patch = canvasOf(tip.width, tip.height);
      const ink = patch.getContext("2d");
      ink.drawImage(this.original, -left, -top);
      ink.globalCompositeOperation = "destination-in";
      ink.drawImage(tip, 0, 0);
      context.drawImage(patch, left, top);
    }
  }
}
