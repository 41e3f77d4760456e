/** The bar at the top: what is searched for, and where. */

import { thumbnail } from "./api.js";
import { button, fill, h, icon, say } from "./dom.js";
import { go, isNarrowed, search, state } from "./state.js";
import { change, settings } from "./settings.js";
import { chooseLanguage, currentLanguage, languages, number, t } from "./texts.js";
import { imagesIn, keep, urlOf } from "./uploads.js";

const WEIGHTS = [2, 1.5, 1, 0.5, 0.25];

export class Bar {
  /** `actions` has `view(term)`, which shows an image of the query large, and `filters()`, which opens the filters. */
  constructor(element, galleries, actions) {
    this.element = element;
    this.galleries = galleries;
    this.actions = actions;
    this.file = h("input", {
      type: "file", accept: "image/*,.heic,.heif,.tif,.tiff,.jxl,.jp2", multiple: true, class: "hidden", tabindex: "-1",
      "aria-hidden": "true", onchange: () => this.take([...this.file.files]),
    });
    this.camera = h("input", {
      type: "file", accept: "image/*", capture: "environment", class: "hidden", tabindex: "-1", "aria-hidden": "true",
      onchange: () => this.take([...this.camera.files]),
    });
    this.text = null;
    this.logo = h("img", { src: "assets/icon.svg", alt: "", width: "28", height: "28" });
    this.listen();
  }

  /** Draw the bar for a state. */
  show(value) {
    const hasFocus = this.text !== null && document.activeElement === this.text;
    const written = this.text?.value ?? "";
    fill(this.element, this.brand(), this.field(value), this.tools(value), this.file, this.camera);
    this.text.value = written;
    if (hasFocus) this.text.focus();
  }

  /** Search for images that were dropped, pasted or chosen: the first one, or all together. */
  async take(files) {
    this.file.value = "";
    this.camera.value = "";
    if (!files.length) return;
    const terms = [];
    for (const file of files.slice(0, 8)) terms.push({ kind: "upload", digest: await keep(file), weight: 1, region: null });
    search(terms);
  }

  /** Let the user choose a file. */
  choose() {
    this.file.click();
  }

  listen() {
    const drop = document.getElementById("drop");
    let depth = 0;
    const hasFiles = (event) => event.dataTransfer?.types?.includes("Files");
    const show = (isOver) => {
      drop.hidden = !isOver;
      if (isOver) fill(drop, h("p", {}, icon("image"), t("drop.here")));
    };
    window.addEventListener("dragenter", (event) => {
      if (hasFiles(event)) show((depth += 1) > 0);
    });
    window.addEventListener("dragleave", (event) => {
      if (hasFiles(event)) show((depth -= 1) > 0);
    });
    window.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
    window.addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      show((depth = 0) > 0);
      this.takeOrTell(imagesIn(event.dataTransfer));
    });
    window.addEventListener("paste", (event) => {
      const files = imagesIn(event.clipboardData);
      if (files.length) this.take(files);
    });
  }

  takeOrTell(files) {
    if (files.length) this.take(files);
    else say(t("drop.no-image"));
  }

  brand() {
    const reset = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      go({ terms: [], view: "images", open: null, under: null, facets: {}, from: null, to: null, where: null, match: null, least: null });
    };
    return h("a", { class: "brand", href: "./", onclick: reset, "aria-label": t("home") },
      this.logo, h("span", {}, "Lookalike"));
  }

  field(value) {
    const takesText = this.chosen(value).every((one) => one.text) && this.galleries.length > 0;
    const isEmpty = value.terms.length === 0;
    const placeholder = takesText ? t(isEmpty ? "query.placeholder" : "query.add-text") : t("query.images-only");
    this.text = h("input", {
      type: "search", class: "words", placeholder, "aria-label": placeholder, disabled: !takesText, enterkeyhint: "search",
      maxlength: "500", autocomplete: "off", hidden: !takesText && !isEmpty,
      onkeydown: (event) => this.onKey(event, value),
    });
    return h(
      "div",
      { class: "field", role: "search" },
      h("ul", { class: "terms", role: "list" }, value.terms.map((term, place) => this.chip(term, place, value))),
      this.text,
      button(t("query.choose"), { name: "image", shown: false, onclick: () => this.choose() }),
      button(t("query.photograph"), { name: "camera", shown: false, class: "touch", onclick: () => this.camera.click() }),
    );
  }

  onKey(event, value) {
    if (event.key === "Enter" && this.text.value.trim()) {
      const text = this.text.value.trim();
      const isMinus = text.startsWith("-") && value.terms.length > 0 && text.length > 1;
      this.text.value = "";
      search([...value.terms, { kind: "text", text: isMinus ? text.slice(1).trim() : text, weight: isMinus ? -0.5 : 1, region: null }]);
    } else if (event.key === "Backspace" && !this.text.value && value.terms.length) {
      search(value.terms.slice(0, -1));
    }
  }

  chip(term, place, value) {
    const label = this.label(term);
    const remove = () => search(value.terms.filter((_, other) => other !== place));
    const isSingle = value.terms.length === 1;
    return h(
      "li",
      { class: term.weight < 0 ? "term minus" : "term" },
      term.kind === "text"
        ? h("span", { class: "said" }, `“${term.text}”`)
        : h("button", { type: "button", class: "image", "aria-label": t("query.view", { name: label }), onclick: () => this.actions.view(term) }, termImage(term, 64)),
      term.region && h("span", { class: "part", title: t("query.part") }, icon("region")),
      !isSingle && this.weight(term, place, value),
      button(t("query.remove", { name: label }), { name: "close", shown: false, class: "small", onclick: remove }),
    );
  }

  weight(term, place, value) {
    const choose = (event) => {
      const terms = value.terms.map((one, other) => (other === place ? { ...one, weight: Number(event.target.value) } : one));
      search(terms);
    };
    const weights = [...WEIGHTS, ...WEIGHTS.map((one) => -one).reverse()];
    if (!weights.includes(term.weight)) weights.push(term.weight);
    return h(
      "select",
      { class: "weight", "aria-label": t("query.weight"), title: t("query.weight"), onchange: choose },
      weights.map((one) => h("option", { value: String(one), selected: one === term.weight }, weightText(one))),
    );
  }

  label(term) {
    return term.kind === "text" ? term.text : t(term.region ? "query.part" : "query.image");
  }

  tools(value) {
    const view = (name, iconName) => {
      const isShown = value.view === name;
      return button(t(`view.${name}`), {
        name: iconName, shown: false, "aria-pressed": String(isShown),
        onclick: () => go({ view: isShown ? "images" : name, open: null }),
      });
    };
    const active = isNarrowed(value);
    return h(
      "nav",
      { class: "tools", "aria-label": t("tools") },
      this.galleries.length > 1 && this.chooser(value),
      button(t("filters"), { name: "filter", shown: false, class: active ? "active" : "", id: "filters-button", onclick: () => this.actions.filters() }),
      view("gallery", "gallery"),
      view("duplicates", "twins"),
      this.settings(),
    );
  }

  chooser(value) {
    const choose = (event) => go({ galleries: event.target.value ? [event.target.value] : [], facets: {}, under: null, where: null });
    return h(
      "select",
      { class: "chooser", "aria-label": t("gallery.choose"), onchange: choose },
      h("option", { value: "", selected: value.galleries.length === 0 }, t("gallery.all")),
      this.galleries.map((one) => h("option", { value: one.name, selected: value.galleries.includes(one.name) }, one.name)),
    );
  }

  settings() {
    const now = settings();
    const panel = h(
      "div",
      { class: "panel", popover: "auto", id: "settings" },
      h("label", {}, t("settings.size"), h("input", {
        type: "range", min: "110", max: "420", step: "10", value: String(now.size), oninput: (event) => change({ size: Number(event.target.value) }),
      })),
      h("label", { class: "line" }, h("input", { type: "checkbox", checked: now.scores, onchange: (event) => change({ scores: event.target.checked }) }), t("settings.scores")),
      h("label", {}, t("settings.language"), h("select", { onchange: (event) => this.useLanguage(event.target.value) },
        Object.entries(languages).map(([code, name]) => h("option", { value: code, selected: code === currentLanguage(), lang: code }, name)))),
      h("p", { class: "keys" }, t("settings.keys")),
    );
    const open = button(t("settings"), { name: "settings", shown: false, popovertarget: "settings" });
    return h("div", { class: "settings" }, open, panel);
  }

  async useLanguage(code) {
    await chooseLanguage(code);
    go({}, { replace: true });
  }

  chosen(value) {
    return value.galleries.length ? this.galleries.filter((one) => value.galleries.includes(one.name)) : this.galleries;
  }
}

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

/** Scale and shift an image so that a region of it fills its frame, whose shape becomes that of the region. */
function cropTo(frame, image, [left, top, right, bottom]) {
  const [width, height] = [right - left, bottom - top];
  frame.style.aspectRatio = String((image.naturalWidth * width) / (image.naturalHeight * height));
  image.style.width = `${100 / width}%`;
  image.style.transform = `translate(${-100 * left}%, ${-100 * top}%)`;
  frame.classList.add("there");
}

/** Where the picture of a term is; null if it is an upload that this browser doesn't have. */
export async function sourceOf(term, size) {
  return term.kind === "id" ? thumbnail(term, size, size) : urlOf(term.digest);
}

function weightText(weight) {
  const size = Math.abs(weight);
  return `${weight < 0 ? "−" : "+"}${size === 1 ? "" : ` ${number(size)}`}`;
}
