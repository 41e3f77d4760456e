/** Make elements. Nothing is ever parsed as HTML, so that no name of a file can become a part of the page. */

const SVG = "http://www.w3.org/2000/svg";

/** Strokes on a square of 24 units. */
const ICONS = {
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.2v.1",
  camera: "M4 8h3l2-3h6l2 3h3v11H4zM12 16.5a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4z",
  filter: "M4 6h16M7 12h10M10 18h4",
  close: "M6 6l12 12M18 6L6 18",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  down: "M6 9l6 6 6-6",
  like: "M9.5 16a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM14.5 17a4.5 4.5 0 1 0 0-9",
  region: "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M9 9h6v6H9z",
  folder: "M3 6h6l2 2h10v11H3z",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  check: "M5 13l4 4 10-10",
  details: "M12 11v6M12 7.5v.1M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z",
  gallery: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  twins: "M4 4h11v11H4zM9 18v2h11V9h-2",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 9.4a2.4 2.4 0 1 0 0-4.8 2.4 2.4 0 0 0 0 4.8zM9 19.4a2.4 2.4 0 1 0 0-4.8 2.4 2.4 0 0 0 0 4.8z",
  print: "M7 8V4h10v4M7 17H4V8h16v9h-3M7 14h10v6H7z",
  zip: "M5 4h9l5 5v11H5zM10 4v3M10 9v2M10 13v4",
  table: "M4 5h16v14H4zM4 10h16M4 14.5h16M10 5v14",
};

/**
 * An element with properties and children. `on...` are listeners, `class`, `data-...` and `aria-...` attributes; `true`
 * sets an attribute without a value; null and false leave it out. Children that are null or false are left out.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "indeterminate") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...present(children));
  return element;
}

/** A drawing that says nothing by itself: what it is on has a name. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button with an icon; its `label` is shown, or only told to those who can't see it. */
export function button(label, { name = null, shown = true, ...properties } = {}) {
  const words = shown ? {} : { "aria-label": label, title: label };
  const kind = shown ? "button" : "button only-icon";
  return h(
    "button",
    { type: "button", ...words, ...properties, class: `${kind} ${properties.class ?? ""}`.trim() },
    name && icon(name),
    shown && h("span", {}, label),
  );
}

/** Replace all children of an element. */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
}

function present(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

/** Tell something to those who can't see it. */
export function say(text) {
  document.getElementById("said").textContent = text;
}
