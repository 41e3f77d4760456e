/** Ask the server. All of it is the API that programs use, too. */

import { condition } from "./state.js";
import { find } from "./uploads.js";

const TRIES = 4;

/** What the server says is wrong: a `kind` for programs, and a message. */
export class ApiError extends Error {
  constructor(kind, message, status) {
    super(message);
    this.kind = kind;
    this.status = status;
  }
}

/** The JSON at `path`; `options` are those of fetch. */
export async function ask(path, options = {}) {
  const answer = await answerTo(path, options);
  return answer.status === 204 ? null : answer.json();
}

/** A good answer. What is refused for a moment is tried again. */
async function answerTo(path, options) {
  for (let left = TRIES; ; left -= 1) {
    const answer = await reach(path, options);
    if (answer.status === 503 && left > 1 && answer.headers.has("Retry-After")) {
      await pause(Number(answer.headers.get("Retry-After")), options.signal);
      continue;
    }
    if (answer.ok) return answer;
    const problem = await answer.json().catch(() => null);
    throw new ApiError(problem?.error?.kind ?? "other", problem?.error?.message ?? answer.statusText, answer.status);
  }
}

async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("unreachable", "", 0);
  }
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("stopped", "AbortError"));
    });
  });
}

/** The galleries that are served: `{local, galleries}`. */
export function galleries() {
  return ask("api/galleries");
}

/** The status of a gallery. */
export function status(name) {
  return ask(`${place(name)}`);
}

/** The last evaluation of a gallery: `{measured, evaluation}`, which may be null. */
export function evaluation(name) {
  return ask(`${place(name)}/evaluation`);
}

/** Hits `after + 1` to `after + k` of the search in `state`: a list of items. */
export async function search(state, known, { k, after, signal }) {
  const terms = [];
  const files = [];
  for (const term of state.terms) terms.push(await termOf(term, files));
  const query = {
    ...narrowing(state), galleries: state.galleries, terms, k, after, min_score: state.least, match: state.match,
    fold: !state.copies,
  };
  const answer = await ask("api/search", { method: "POST", signal, ...body(query, files) });
  return answer.results[0].hits.map((hit) => itemOf(hit, known, hit.gallery ?? answer.gallery));
}

/** A copy of an uploaded file, `{blob, name}`, that every browser shows: a blob. */
export async function preview(file) {
  const form = new FormData();
  form.append("image", file.blob, file.name || "image");
  const answer = await answerTo("api/preview", { method: "POST", body: form });
  return answer.blob();
}

async function termOf(term, files) {
  const common = { weight: term.weight, region: term.region ?? undefined };
  if (term.kind === "text") return { text: term.text, weight: term.weight };
  if (term.kind === "id") return { id: term.id, gallery: term.gallery, ...common };
  const found = await find(term.digest);
  if (!found) throw new ApiError("upload-elsewhere", "", 0);
  files.push(found);
  return { upload: files.length - 1, ...common };
}

function body(query, files) {
  if (!files.length) return { body: JSON.stringify(query), headers: { "Content-Type": "application/json" } };
  const form = new FormData();
  for (const file of files) form.append("image", file.blob, file.name || "image");
  form.append("query", JSON.stringify(query));
  return { body: form };
}

/** Images `after + 1` to `after + limit` of a gallery, in order: `{total, items}`. */
export async function images(state, gallery, { limit, after, signal }) {
  const fields = parameters({ ...narrowing(state), order: state.order, limit, after });
  const answer = await ask(`${place(gallery)}/images?${fields}`, { signal });
  return { total: answer.total, items: answer.images.map((image) => itemOf(image, null, gallery)) };
}

/** Folders, columns and months of what `state` is narrowed to. */
export function facets(state, gallery, signal) {
  return ask(`${place(gallery)}/facets?${parameters(narrowing(state))}`, { signal });
}

/** The groups of duplicates of a gallery. */
export function duplicates(gallery, signal) {
  return ask(`${place(gallery)}/duplicates`, { signal });
}

/** What is known of an image. */
export function details(item, signal) {
  return ask(`${imagePlace(item)}/details`, { signal });
}

/** Open the folder of an image on the screen of the server. */
export function reveal(item) {
  return ask(`${imagePlace(item)}/reveal`, { method: "POST" });
}

/** The address of a thumbnail of at least `width` by `height` pixels of the screen. */
export function thumbnail(item, width, height) {
  const longest = Math.max(width, height) * (window.devicePixelRatio || 1);
  return `${imagePlace(item)}/thumbnail?side=${longest <= 320 ? 320 : longest <= 700 ? 640 : 1600}`;
}

/** The address of the file of an image, as `own`, `jpeg` or `download`. */
export function original(item, form = "own") {
  return `${imagePlace(item)}/original?as=${form}`;
}

const SHOWN = /\.(jpe?g|jpe|jfif|png|apng|webp|gif|avif|bmp)$/i;

/** The address of an image at its full size, in a format that browsers show. */
export function fullSize(item) {
  return original(item, SHOWN.test(item.path) ? "own" : "jpeg");
}

function narrowing(state) {
  return { under: state.under, where: condition(state) };
}

function parameters(values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined);
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
}

function place(gallery) {
  return `api/galleries/${encodeURIComponent(gallery)}`;
}

function imagePlace(item) {
  return `${place(item.gallery)}/images/${item.id}`;
}

/** An image as all views know it; `known` are the galleries, by whose paths a hit names its own. */
function itemOf(one, known, gallery) {
  const name = known ? known.find((each) => each.gallery === gallery)?.name : gallery;
  const [width, height] = [Number(one.values.width), Number(one.values.height)];
  return {
    ...one,
    gallery: name,
    key: `${name}/${one.id}`,
    name: one.path.slice(one.path.lastIndexOf("/") + 1),
    ratio: width > 0 && height > 0 ? width / height : 1.5,
    copies: (one.copies ?? []).map((copy) => itemOf(copy, known, copy.gallery ?? gallery)),
  };
}
