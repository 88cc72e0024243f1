// The brushes' handling: pointer and keys to strokes on the whole cut-out.

import { chosen, find, say } from "./elements.js";

const KEY_STEP = 1 / 40; // of the picture's longer side

let brushwork = null; // of the picture that is looked at
let at = null; // where the keyboard's brush is, in pixels of the picture
let edited = () => {};

export function setWork(given) {
  brushwork = given;
  at = null;
  const [paper, ghost] = [find("paper"), find("ghost")];
  paper.replaceWith(dress(brushwork.canvas, paper));
  ghost.width = brushwork.canvas.width;
  ghost.height = brushwork.canvas.height;
  if (brushwork.original) ghost.getContext("2d").drawImage(brushwork.original, 0, 0);
  find("restore").disabled = !brushwork.original;
  if (!brushwork.original) document.querySelector('input[name="brush"][value="erase"]').checked = true;
  find("sheet").style.setProperty("--ratio", brushwork.canvas.width / brushwork.canvas.height);
  zoom();
  showSteps();
}

// The brushwork's own canvas is the one that is seen: no copy of millions of pixels for each movement.
function dress(canvas, former) {
  if (canvas === former) return canvas;
  for (const { name, value } of former.attributes) {
    if (name !== "width" && name !== "height") canvas.setAttribute(name, value);
  }
  canvas.addEventListener("pointerdown", press);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", () => hideCursor());
  canvas.addEventListener("keydown", type);
  canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && showCursor(spot()));
  canvas.addEventListener("blur", () => hideCursor());
  return canvas;
}

export function bindBrushes(onEdit) {
  edited = onEdit;
  find("undo").addEventListener("click", () => step("undo"));
  find("redo").addEventListener("click", () => step("redo"));
  find("zoom").addEventListener("input", zoom);
  document.addEventListener("keydown", (event) => {
    if (find("touchup").hidden || !(event.ctrlKey || event.metaKey) || event.target.type === "url") return;
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    step(key === "y" || event.shiftKey ? "redo" : "undo");
  });
}

function step(way) {
  if (!brushwork?.[way]()) return;
  say(way === "undo" ? "Undone." : "Redone.");
  tell();
}

function tell() {
  brushwork.box = null;
  showSteps();
  edited();
}

function showSteps() {
  find("undo").disabled = !brushwork.touched;
  find("redo").disabled = !brushwork.canRedo;
}

function zoom() {
  find("sheet").style.setProperty("--zoom", find("zoom").value);
}

// In pixels of the picture: a share of its shorter side, so that the same brush looks the same on each.
function brushSize() {
  const shorter = Math.min(brushwork.canvas.width, brushwork.canvas.height);
  return Math.max(2, Math.round((shorter * (find("brush-size").value / 100) ** 1.5) / 2));
}

function pointOf(event) {
  const box = brushwork.canvas.getBoundingClientRect();
  return {
    x: ((event.clientX - box.left) / box.width) * brushwork.canvas.width,
    y: ((event.clientY - box.top) / box.height) * brushwork.canvas.height,
  };
}

function press(event) {
  if (!event.isPrimary || event.button !== 0) return;
  event.preventDefault();
  brushwork.canvas.focus({ preventScroll: true });
  brushwork.canvas.setPointerCapture(event.pointerId);
  at = pointOf(event);
  brushwork.begin(chosen("brush"), brushSize(), at);
  showCursor(at);
}

function move(event) {
  if (!event.isPrimary) return;
  showCursor(pointOf(event));
  if (!brushwork.stroke) return;
  for (const one of event.getCoalescedEvents?.() ?? [event]) brushwork.extend(pointOf(one));
}

function lift(event) {
  if (!event.isPrimary || !brushwork.stroke) return;
  at = pointOf(event);
  brushwork.end();
  tell();
}

function spot() {
  at ??= { x: brushwork.canvas.width / 2, y: brushwork.canvas.height / 2 };
  return at;
}

function type(event) {
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const way = arrows[event.key];
  if (way) {
    const far = Math.max(brushwork.canvas.width, brushwork.canvas.height) * KEY_STEP * (event.shiftKey ? 4 : 1);
    const { x, y } = spot();
    at = {
      x: Math.min(brushwork.canvas.width, Math.max(0, x + way[0] * far)),
      y: Math.min(brushwork.canvas.height, Math.max(0, y + way[1] * far)),
    };
  } else if (event.key === " ") {
    brushwork.begin(chosen("brush"), brushSize(), spot());
    brushwork.end();
    tell();
    say(chosen("brush") === "erase" ? "Erased." : "Restored.");
  } else if (event.key === "[" || event.key === "]") {
    find("brush-size").value = Number(find("brush-size").value) + (event.key === "]" ? 5 : -5);
  } else return;
  event.preventDefault();
  showCursor(spot());
}

// A ring as large as the brush.
function showCursor({ x, y }) {
  const cursor = find("cursor");
  cursor.hidden = false;
  cursor.style.setProperty("--x", `${(x / brushwork.canvas.width) * 100}%`);
  cursor.style.setProperty("--y", `${(y / brushwork.canvas.height) * 100}%`);
  cursor.style.setProperty("--size", `${(brushSize() / brushwork.canvas.width) * 100}%`);
}

function hideCursor() {
  if (!brushwork?.stroke) find("cursor").hidden = true;
}
