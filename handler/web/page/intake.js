// How pictures come in: chosen, dropped, pasted, by their address, or the cat.

import { find } from "./elements.js";
import { Picture } from "./picture.js";
import { drawn, encode } from "./raster.js";

const PICTURE_ENDINGS = /\.(jpe?g|png|webp|gif|tiff?|bmp|avif|hei[cf]|ico|cur)$/i;

function isPicture(file) {
  return file.type.startsWith("image/") || PICTURE_ENDINGS.test(file.name);
}

export function bindIntake(add, refused) {
  const takeFiles = (files) => {
    const all = [...files];
    const pictures = all.filter(isPicture);
    if (all.length > pictures.length) refused(`${all.find((file) => !isPicture(file)).name} is no picture.`);
    for (const file of pictures) {
      const picture = new Picture({ file, name: file.name || "picture.png" });
      picture.shown = URL.createObjectURL(file);
      add(picture);
    }
  };
  const takeAddress = (url) => add(new Picture({ url, name: nameIn(url) }));
  bindChoice(takeFiles);
  bindDrop(takeFiles);
  bindAddress(takeAddress);
  document.addEventListener("paste", (event) => {
    if (event.target.matches?.("input")) return;
    const text = event.clipboardData.getData("text/plain").trim();
    if (event.clipboardData.files.length) takeFiles(event.clipboardData.files);
    else if (/^https?:\/\/\S+$/.test(text)) takeAddress(text);
  });
  find("try-cat").addEventListener("click", async () => {
    const blob = await encode(drawn(find("cat"), 451, 300), "jpg");
    takeFiles([new File([blob], "cat.jpg", { type: "image/jpeg" })]);
  });
}

function nameIn(url) {
  const last = new URL(url).pathname.split("/").filter(Boolean).at(-1) ?? "picture";
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

function bindChoice(takeFiles) {
  find("choose-button").addEventListener("click", () => find("choose").click());
  find("choose").addEventListener("change", ({ target }) => {
    takeFiles(target.files);
    target.value = ""; // so that the same file can be chosen again
  });
}

function bindDrop(takeFiles) {
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  const veil = find("veil");
  document.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    veil.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) veil.hidden = true;
  });
  document.addEventListener("drop", (event) => {
    veil.hidden = true;
    if (!carries(event)) return;
    event.preventDefault();
    takeFiles(event.dataTransfer.files);
  });
}

function bindAddress(takeAddress) {
  const [button, form, field] = [find("url-button"), find("url-form"), find("url")];
  button.addEventListener("click", () => {
    form.hidden = !form.hidden;
    button.ariaExpanded = String(!form.hidden);
    if (!form.hidden) field.focus();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    takeAddress(field.value.trim());
    field.value = "";
  });
}
