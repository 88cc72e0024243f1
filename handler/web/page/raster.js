// Between files and canvases.

// iOS draws no larger canvas, and says so by drawing nothing: https://webkit.org/b/228475
const SAFE_PX = 16_777_216;

export function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width));
  canvas.height = Math.max(1, Math.round(height));
  return canvas;
}

// A picture as the browser sees it, upright (EXIF), or null where it cannot: no browser but Safari shows HEIC.
export async function decode(blob) {
  try {
    return await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch {
    return null;
  }
}

// Draw a picture as a canvas of a size, whatever size it has.
export function drawn(picture, width = picture.width, height = picture.height) {
  const canvas = canvasOf(width, height);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas;
}

// The size at which this device can really draw: its own, or a smaller one of the same shape.
export function drawableSize(width, height) {
  if (width * height <= SAFE_PX) return { width, height };
  const probe = canvasOf(width, height);
  const context = probe.getContext("2d");
  context?.fillRect(width - 1, height - 1, 1, 1);
  const works = context?.getImageData(width - 1, height - 1, 1, 1).data[3] === 255;
  probe.width = probe.height = 1;
  if (works) return { width, height };
  const shrink = Math.sqrt(SAFE_PX / (width * height));
  return { width: Math.floor(width * shrink), height: Math.floor(height * shrink) };
}

export function encode(canvas, format) {
  const type = { png: "image/png", jpg: "image/jpeg", webp: "image/webp" }[format];
  return new Promise((done, failed) => {
    canvas.toBlob((blob) => {
      // A browser that cannot write a format writes PNG instead of it, as Safari does for WebP.
      if (blob?.type === type) done(blob);
      else failed(new Error(`This browser cannot write ${format} of ${canvas.width} × ${canvas.height} px.`));
    }, type, 0.92);
  });
}

// A JPEG of at most so many bytes, as large as that allows; null where the browser cannot read the picture.
export async function shrunk(blob, mostBytes) {
  const picture = await decode(blob);
  if (!picture) return null;
  let { width, height } = drawableSize(picture.width, picture.height);
  for (;;) {
    const canvas = canvasOf(width, height);
    const context = canvas.getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const smaller = await encode(canvas, "jpg");
    if (smaller.size <= mostBytes) return smaller;
    const ratio = Math.sqrt(mostBytes / smaller.size) * 0.95;
    width *= ratio;
    height *= ratio;
  }
}

// Base64 to a file. In pieces: one call with all of it would overflow the stack of some browsers.
export function fromBase64(text, type) {
  if (Uint8Array.fromBase64) return new Blob([Uint8Array.fromBase64(text)], { type });
  const pieces = [];
  for (let start = 0; start < text.length; start += 1 << 20) {
    const piece = atob(text.slice(start, start + (1 << 20)));
    pieces.push(Uint8Array.from(piece, (letter) => letter.charCodeAt(0)));
  }
  return new Blob(pieces, { type });
}
