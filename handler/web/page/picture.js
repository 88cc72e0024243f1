// One picture and its way to a cut-out: how it is sent, what is said meanwhile, and what becomes of a refusal.

import { megabytes, way } from "./elements.js";
import { Refusal } from "./refusal.js";
import { isAwake, patiently, post, send } from "./service.js";
import { leave } from "./uploads.js";
import { decode, drawableSize, drawn, fromBase64, shrunk } from "./raster.js";
import { Brushwork } from "./brush.js";

const AROUND_A_FILE_BYTES = 2_000; // the form's other parts
const FALLS_ASLEEP_MS = 5 * 60 * 1000; // a function that nobody asks is put away after some minutes
const PNG_BYTES_PER_PIXEL = 1.2; // of a cut-out photograph: what is larger than the answer is asked for as WebP at once
const LADDER = [{ format: "png" }, { format: "webp" }, { format: "webp", size: "hd" }];

let answeredAt = -Infinity;

export class Picture {
  constructor({ file = null, url = null, name }) {
    this.file = file;
    this.url = url;
    this.name = name;
    this.stem = name.replace(/\.[^.]*$/, "") || "picture";
    this.state = "waiting"; // uploading, waking, cutting, pausing, done, failed
    this.words = "Waiting for its turn";
    this.note = "";
    this.progress = null; // 0 to 1 while that is known
    this.original = file; // what the browser decodes, where it can
    this.shown = null; // an address of something to look at meanwhile
    this.reference = null; // of what was left at an upload address; good until it is cut out
    this.result = null;
    this.strokes = { done: [], undone: [] };
    this.stop = new AbortController();
  }

  get isAtWork() {
    return !["waiting", "done", "failed"].includes(this.state);
  }

  get canShrink() {
    return this.state === "failed" && this.tooLarge && this.file !== null;
  }

  // Take it out of memory.
  discard() {
    this.stop.abort(new Refusal("The picture was taken away."));
    if (this.shown) URL.revokeObjectURL(this.shown);
  }
}

// Send it; `changed` is called whenever there is something new to tell, `askForKey` gives a key or fails.
export async function cutOut(picture, { changed, askForKey }) {
  const become = (state, words, more = {}) => {
    Object.assign(picture, { state, words, note: "", progress: null }, more);
    changed(picture);
  };
  picture.tooLarge = false;
  picture.startedAt = Date.now();
  try {
    become("cutting", "Getting ready");
    let awake = true;
    if (Date.now() - answeredAt > FALLS_ASLEEP_MS) awake = (await isAwake(picture.stop.signal)) !== false;
    picture.result = await resultOf(picture, { awake, become, askForKey });
    answeredAt = Date.now();
    become("done", "Done");
  } catch (error) {
    const words = error instanceof Refusal ? error.message : `Something broke in this page: ${error.message}`;
    become("failed", words);
  }
}

async function resultOf(picture, hooks) {
  const pixels = await pixelsOf(picture);
  const bulky = way.max_result_bytes && pixels * PNG_BYTES_PER_PIXEL > way.max_result_bytes;
  for (const rung of bulky ? LADDER.slice(1) : LADDER) {
    try {
      return await answerOf(picture, rung, hooks);
    } catch (error) {
      if (error.code === "failed_image_download") picture.reference = null; // it has expired: the next try leaves it anew
      if (error.code !== "result_too_large" || rung === LADDER.at(-1)) throw error;
    }
  }
  throw new Refusal("The result is too large.");
}

async function pixelsOf(picture) {
  const decoded = picture.original && (await decode(picture.original));
  const pixels = decoded ? decoded.width * decoded.height : 0;
  decoded?.close();
  return pixels;
}

async function answerOf(picture, { format, size = "auto" }, { awake, become, askForKey }) {
  const { signal } = picture.stop;
  const onUpload = (share) => {
    if (share < 1) become("uploading", "Uploading", { progress: share, note: `${Math.round(share * 100)}%` });
    else becomeBusy();
  };
  const becomeBusy = () => {
    if (!awake) {
      become("waking", "Waking up", { note: "Nobody was here for a while, so the first picture takes longer." });
    } else {
      become("cutting", picture.url ? "Fetching and cutting out" : "Cutting out");
    }
  };
  const onPause = (left, error) => {
    const words = error.status === 429 ? "It is busy here" : "Not quite ready";
    become("pausing", words, { note: `Trying again in ${left} s.` });
  };
  const attempt = async () => {
    const form = new FormData();
    if (picture.url) form.append("image_url", picture.url);
    else if (picture.file.size + AROUND_A_FILE_BYTES > way.max_upload_bytes) {
      picture.reference ??= await left(picture, { signal, onUpload });
      form.append("image_url", picture.reference);
    } else form.append("image_file", picture.file, picture.name);
    form.append("format", format);
    form.append("size", size);
    if (!form.has("image_file")) becomeBusy();
    return post("v1.0/removebg", form, { signal, onUpload: form.has("image_file") ? onUpload : null });
  };
  const { data } = await withKey(() => patiently(attempt, { signal, onPause }), askForKey);
  if (data.result_b64) return fromBase64(data.result_b64, `image/${format}`);
  become("cutting", "Fetching the result");
  const { status, blob } = await send("GET", data.result_url, { type: "blob", signal });
  if (status !== 200) throw new Refusal("The result was made and could not be fetched. Trying again makes it anew.");
  return blob;
}

async function withKey(attempt, askForKey) {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (error.code !== "auth_failed") throw error;
      await askForKey(error);
    }
  }
}

// Large files go by way of a bucket. Where there is none, the person decides whether less will do.
async function left(picture, hooks) {
  try {
    const reference = await leave(picture.file, picture.name, hooks);
    if (reference !== null) return reference;
  } catch (error) {
    picture.tooLarge = error.code === "file_too_large";
    throw error;
  }
  picture.tooLarge = true;
  throw new Refusal(
    `The picture has ${megabytes(picture.file.size)}, and one request carries ${megabytes(way.max_upload_bytes)} here. ` +
    "It can be sent smaller, with less detail.",
  );
}

// With the person's consent: what is sent from now on is a smaller copy, and the original, too.
export async function shrink(picture) {
  const smaller = await shrunk(picture.file, way.max_upload_bytes - AROUND_A_FILE_BYTES);
  if (smaller === null) {
    picture.words = "This browser cannot read the picture, so it cannot make it smaller. Save it as a smaller JPEG first.";
    picture.tooLarge = false;
    return false;
  }
  picture.file = picture.original = smaller;
  picture.reference = null;
  return true;
}

// A picture that the browser cannot decode, or that only the service has seen, laid over itself by the service: its
// cut-out on itself as the background is the original, upright and in colours that every browser shows. With hard edges:
// a soft edge's estimated colours over the original would be another colour.
export async function fetchOriginal(picture, askForKey) {
  const form = new FormData();
  if (picture.url) {
    form.append("image_url", picture.url);
    form.append("bg_image_url", picture.url);
  } else {
    form.append("image_file", picture.file, picture.name);
    form.append("bg_image_file", picture.file, picture.name);
  }
  form.append("semitransparency", "false");
  form.append("format", "jpg");
  form.append("size", "auto");
  const { data } = await withKey(() => post("v1.0/removebg", form, { signal: picture.stop.signal }), askForKey);
  picture.original = data.result_b64
    ? fromBase64(data.result_b64, "image/jpeg")
    : (await send("GET", data.result_url, { type: "blob" })).blob;
}

// The canvases of a picture that is cut out. Only the one that is looked at has some: twenty pictures of a phone's camera
// would need gigabytes.
export async function opened(picture) {
  const result = await decode(picture.result);
  const { width, height } = drawableSize(result.width, result.height);
  const original = picture.original && (await decode(picture.original));
  const work = new Brushwork(drawn(result, width, height), original && drawn(original, width, height), picture.strokes);
  result.close();
  original?.close();
  return work;
}
