/** The bar at the top: what is searched for, and where. */

import { button, fill, h, icon } from "./dom.js";
import { listenForImages } from "./drop.js";
import { termImage } from "./pictures.js";
import { go, isNarrowed, search, state } from "./state.js";
import { change, settings } from "./settings.js";
import { chooseLanguage, currentLanguage, languages, number, t } from "./texts.js";
import { imagesIn, keep } from "./uploads.js";

const MOST_FILES = 8;
const WEIGHTS = [2, 1.5, 1, 0.5, 0.25];

export class Bar {
  /** `actions` has `view(term)`, which shows an image of the query large, and `filters()`, which opens the filters. */
  constructor(element, galleries, actions) {
    this.element = element;
    this.galleries = galleries;
    this.actions = actions;
    this.file = h("input", {
      type: "file", accept: "image/*,.heic,.heif,.tif,.tiff,.jxl,.jp2", multiple: true, class: "hidden", tabindex: "-1",
      "aria-hidden": "true", onchange: () => this.take([...this.file.files], this.isAdding),
    });
    this.isAdding = false;
    this.camera = h("input", {
      type: "file", accept: "image/*", capture: "environment", class: "hidden", tabindex: "-1", "aria-hidden": "true",
      onchange: () => this.take([...this.camera.files]),
    });
    this.text = null;
    this.logo = h("img", { src: "assets/icon.svg", alt: "", width: "28", height: "28" });
    listenForImages({ take: (files, isAdded) => this.take(files, isAdded), hasQuery: () => state().terms.length > 0 });
  }

  /** Draw the bar for a state. */
  show(value) {
    const hasFocus = this.text !== null && document.activeElement === this.text;
    const written = this.text?.value ?? "";
    fill(this.element, this.brand(), this.field(value), this.tools(value), this.file, this.camera);
    this.text.value = written;
    if (hasFocus) this.text.focus();
  }

  /** Search for images that were dropped, pasted or chosen, by themselves or added to what is searched for. */
  async take(files, isAdded = false) {
    const terms = [];
    for (const file of files.slice(0, MOST_FILES)) terms.push({ kind: "upload", digest: await keep(file), weight: 1, region: null });
    this.file.value = "";
    this.camera.value = "";
    if (terms.length) search(isAdded ? [...state().terms, ...terms] : terms);
  }

  /** Let the user choose files. */
  choose({ isAdding = false } = {}) {
    this.isAdding = isAdding;
    this.file.click();
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
      !isEmpty && button(t("query.add-image"), { name: "plus", shown: false, onclick: () => this.choose({ isAdding: true }) }),
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

function weightText(weight) {
  const size = Math.abs(weight);
  return `${weight < 0 ? "−" : "+"}${size === 1 ? "" : ` ${number(size)}`}`;
}
