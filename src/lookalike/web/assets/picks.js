/** Images that are picked, to be taken away: kept until the window is closed. */

import { button, fill, h, say } from "./dom.js";
import { go } from "./state.js";
import { t } from "./texts.js";

const KEY = "lookalike.picks";
const picked = new Map(read());
const listeners = [];

/** All picks, in the order in which they were picked. */
export function picks() {
  return [...picked.values()];
}

/** Whether an image is picked. */
export function isPicked(item) {
  return picked.has(item.key);
}

/** Call `listener` whenever the picks change. */
export function onPicks(listener) {
  listeners.push(listener);
}

/** Pick an image, or take it back. */
export function toggle(item) {
  if (isPicked(item)) picked.delete(item.key);
  else picked.set(item.key, kept(item));
  changed();
}

/** Pick these images, too. */
export function add(items) {
  for (const item of items) picked.set(item.key, kept(item));
  changed();
}

/** Pick nothing. */
export function clear() {
  picked.clear();
  changed();
}

function kept(item) {
  const { gallery, id, key, path, name, ratio, rank, match, score, root, offline } = item;
  return { gallery, id, key, path, name, ratio, rank, match, score, root, offline, copies: [] };
}

function changed() {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(picks()));
  } catch {
    // There are too many to be kept; they stay until the page is closed.
  }
  say(t("picked", { count: picked.size }));
  for (const listener of listeners) listener();
}

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "[]").map((item) => [item.key, item]);
  } catch {
    return [];
  }
}

/** Draw the bar of what can be done with the picks. */
export function showPicks(element, galleries) {
  element.hidden = picked.size === 0;
  element.setAttribute("aria-label", t("picks"));
  fill(
    element,
    h("strong", {}, t("picked", { count: picked.size })),
    action("picks.copy", "copy", () => copy(galleries)),
    action("picks.csv", "table", () => download("csv")),
    action("picks.zip", "zip", () => download("zip")),
    action("picks.sheet", "print", () => go({ view: "sheet", open: null })),
    action("picks.clear", "close", clear),
  );
}

function action(key, name, onclick) {
  return button(t(key), { name, title: t(key), onclick });
}

async function copy(galleries) {
  const roots = new Map(galleries.map((one) => [one.name, one.root]));
  await copyText(picks().map((item) => join(roots.get(item.gallery), item.path)).join("\n"));
  say(t("copied"));
}

/** The path of a file in a folder, as the system of the server writes it. */
export function join(root, path) {
  const isWindows = /^[A-Za-z]:|^\\\\/.test(root);
  return isWindows ? `${root}\\${path.replaceAll("/", "\\")}` : `${root.replace(/\/$/, "")}/${path}`;
}

/** Put a text on the clipboard, also where browsers don't let a page from another machine do so. */
export async function copyText(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = h("textarea", { class: "hidden", value: text });
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** The browser saves what the server sends, as it arrives; it may be large. */
function download(form) {
  const request = picks().map(({ gallery, id, rank, match, score }) => ({ gallery, id, rank, match, score }));
  const element = h(
    "form",
    { method: "post", action: `api/picks/${form}`, hidden: true },
    h("input", { type: "hidden", name: "picks", value: JSON.stringify({ picks: request }) }),
  );
  document.body.append(element);
  element.submit();
  element.remove();
}
