// How the result is to look, read from the form; the same for all pictures.

import { chosen, find, make } from "./elements.js";
import { decode, drawableSize, drawn } from "./raster.js";

const SWATCHES = {
  White: "#ffffff", Black: "#1c1917", Sky: "#81d4fa", Meadow: "#a5d6a7", Sun: "#ffe082", Coral: "#ff8a65",
};

let backdrop = null;
let backdropName = "";

export function wishOf() {
  return {
    background: chosen("background"),
    colour: find("colour").value,
    backdrop,
    backdropName,
    shadow: chosen("shadow"),
    format: find("format").value,
    size: find("size").value,
    crop: find("crop").checked,
    margin: Number(find("margin").value),
    matte: find("matte").checked,
  };
}

// Whether the result is the cut-out as it came.
export function isPlain(wish) {
  const picture = wish.background === "picture" && wish.backdrop;
  return !(wish.matte || wish.crop || picture) && wish.background !== "colour" && wish.shadow === "none" && wish.size === "auto";
}

export function watchOptions(changed, refused) {
  for (const [name, colour] of Object.entries(SWATCHES)) {
    const swatch = make("button", { type: "button", title: name, ariaLabel: name, ariaPressed: "false" });
    swatch.style.setProperty("--colour", colour);
    swatch.dataset.colour = colour;
    swatch.addEventListener("click", () => {
      find("colour").value = colour;
      update();
    });
    find("swatches").append(swatch);
  }
  const update = () => {
    show();
    changed();
  };
  find("options").addEventListener("input", update);
  find("options").addEventListener("submit", (event) => event.preventDefault());
  find("backdrop-button").addEventListener("click", () => find("backdrop").click());
  find("backdrop").addEventListener("change", async ({ target }) => {
    const [file] = target.files;
    const picture = file && (await decode(file));
    if (file && !picture) refused("This browser cannot show that background. A JPEG or PNG will do.");
    if (!picture) return;
    const { width, height } = drawableSize(picture.width, picture.height);
    backdrop = drawn(picture, width, height);
    backdropName = file.name;
    picture.close();
    update();
  });
  show();
}

function show() {
  const wish = wishOf();
  find("colours").hidden = wish.background !== "colour";
  find("backdrop-row").hidden = wish.background !== "picture";
  find("backdrop-button").textContent = backdropName ? `Another than ${backdropName}` : "Choose a background";
  find("margin-row").hidden = !wish.crop;
  for (const swatch of find("swatches").children) swatch.ariaPressed = String(swatch.dataset.colour === wish.colour);
}
