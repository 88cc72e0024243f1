// A picture that one request cannot carry goes to a bucket first, by an address that the service gives for it.

import { megabytes } from "./elements.js";
import { Refusal, refusalOf } from "./refusal.js";
import { post, send } from "./service.js";

// Gives the reference that stands for the picture in image_url; null where the service gives no address.
export async function leave(file, name, hooks) {
  const data = await addressOf(hooks.signal);
  if (data === null) return null;
  if (data.max_bytes && file.size > data.max_bytes) {
    const words = `The picture has ${megabytes(file.size)}, and ${megabytes(data.max_bytes)} are taken here.`;
    throw new Refusal(words, { code: "file_too_large" });
  }
  const form = new FormData();
  for (const [field, value] of Object.entries(data.fields)) form.append(field, value);
  // The address takes pictures alone, and not every browser knows a phone's by its name. What it is, its bytes say.
  const type = file.type.startsWith("image/") ? file.type : "image/unknown";
  if (!("Content-Type" in data.fields)) form.append("Content-Type", type);
  form.append("file", file, name); // last: S3 ignores what follows the file
  const answer = await send("POST", data.url, { body: form, ...hooks });
  if (answer.status >= 500) throw refusalOf(answer);
  if (answer.status < 200 || answer.status > 299) {
    throw new Refusal("The bucket did not take the picture. Trying again gives it a new address.", answer);
  }
  return data.image_url;
}

async function addressOf(signal) {
  try {
    return (await post("v1.0/uploads", null, { signal })).data;
  } catch (error) {
    const isOffered = !(error.status >= 400 && error.status < 500) || error.passes || error.code === "auth_failed";
    if (isOffered) throw error;
    return null;
  }
}
