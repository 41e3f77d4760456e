/** The pictures of what is searched for: images of a gallery, and uploads, which a browser may be unable to show. */

import { preview, thumbnail } from "./api.js";
import { h } from "./dom.js";
import { find, urlOf } from "./uploads.js";

const shown = new Map();

/** The picture of a term: of its region, if it has one. */
export function termImage(term, size) {
  const frame = h("span", { class: "crop" });
  const image = h("img", { alt: "", decoding: "async" });
  image.addEventListener("error", () => frame.classList.add("gone"));
  image.addEventListener("load", () => cropTo(frame, image, term.region ?? [0, 0, 1, 1]));
  sourceOf(term, size).then((source) => {
    if (source === null) frame.classList.add("gone");
    else image.src = source;
  });
  frame.append(image);
  return frame;
}

/** Where the picture of a term is; null if it is an upload that this browser doesn't have, or no image. */
export async function sourceOf(term, size) {
  if (term.kind === "id") return thumbnail(term, size, size);
  if (!shown.has(term.digest)) shown.set(term.digest, uploadSource(term.digest));
  const source = await shown.get(term.digest);
  if (source === null) shown.delete(term.digest); // it may be dropped here later
  return source;
}

/** An upload itself, or what the server makes of it. */
async function uploadSource(digest) {
  const own = await urlOf(digest);
  if (own === null || (await isShown(own))) return own;
  const copy = await preview(await find(digest)).catch(() => null);
  return copy && URL.createObjectURL(copy);
}

function isShown(source) {
  return new Promise((resolve) => {
    const probe = new Image();
    probe.addEventListener("load", () => resolve(true));
    probe.addEventListener("error", () => resolve(false));
    probe.src = source;
  });
}

/** Scale and shift an image so that a region of it fills its frame, whose shape becomes that of the region. */
function cropTo(frame, image, [left, top, right, bottom]) {
  const [width, height] = [right - left, bottom - top];
  frame.style.aspectRatio = String((image.naturalWidth * width) / (image.naturalHeight * height));
  image.style.width = `${100 / width}%`;
  image.style.transform = `translate(${-100 * left}%, ${-100 * top}%)`;
  frame.classList.add("there");
}
