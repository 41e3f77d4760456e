/** How the user likes to see images; kept in this browser. */

const KEY = "lookalike.settings";
const DEFAULTS = { size: 220, scores: false };

let current = read();
const listeners = [];

/** The settings now: `size` of rows in pixels, `scores` shown or not. */
export function settings() {
  return current;
}

/** Change some of them. */
export function change(changes) {
  current = { ...current, ...changes };
  localStorage.setItem(KEY, JSON.stringify(current));
  for (const listener of listeners) listener(current);
}

/** Call `listener` whenever they change. */
export function onSettings(listener) {
  listeners.push(listener);
}

/** The height of rows: smaller on phones, where there is room for two images in each. */
export function rowHeight() {
  return window.innerWidth < 600 ? Math.round(current.size * 0.62) : current.size;
}

function read() {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return DEFAULTS;
  }
}
