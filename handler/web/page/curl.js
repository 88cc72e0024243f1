// The command that asks the service for the same.

import { root } from "./elements.js";
import { hasKey } from "./service.js";

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export function curlOf(picture, wish) {
  const fields = [];
  const give = (name, value) => fields.push(`-F ${/^[\w=.%-]+$/.test(value) ? `${name}=${value}` : quoted(`${name}=${value}`)}`);
  // curl takes a name in double quotes as it is, semicolons and commas too: https://curl.se/docs/manpage.html#-F
  const file = (name, called) => fields.push(`-F ${quoted(`${name}=@"${called.replace(/["\\]/g, "\\$&")}"`)}`);
  if (picture.url) give("image_url", picture.url);
  else file("image_file", picture.name);
  if (wish.size !== "auto") give("size", wish.size);
  if (wish.crop) give("crop", "true");
  if (wish.crop && wish.margin) give("crop_margin", `${wish.margin}%`);
  if (wish.matte) give("channels", "alpha");
  if (!wish.matte && wish.shadow !== "none") {
    give("add_shadow", "true");
    give("shadow_type", wish.shadow === "drop" ? "drop" : "3D");
  }
  if (!wish.matte && wish.background === "colour") give("bg_color", wish.colour.slice(1));
  if (!wish.matte && wish.background === "picture" && wish.backdrop) file("bg_image_file", wish.backdropName);
  give("format", wish.format);
  const head = ["curl", ...(hasKey() ? ['-H "X-Api-Key: $API_KEY"'] : [])].join(" ");
  const tail = `${quoted(new URL("v1.0/removebg", root).href)} -o ${quoted(`${picture.stem}-cutout.${wish.format}`)}`;
  return [head, ...fields, tail].join(" \\\n  ");
}
