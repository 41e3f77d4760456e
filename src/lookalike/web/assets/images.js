/** The hits of a search, or the images of a gallery. */

import { images as askImages, search as askSearch } from "./api.js";
import { button, fill, h, icon, say } from "./dom.js";
import { Grid } from "./grid.js";
import { add, isPicked, onPicks, toggle } from "./picks.js";
import { onSettings, rowHeight, settings } from "./settings.js";
import { addressOf, everything, go, isNarrowed, search, state } from "./state.js";
import { date, t } from "./texts.js";

const FIRST = 30;
const NEXT = 400;
const LATER = 600;
const MOST = 10_000;
const MOST_FOLDED = 1_000;

/** What is above images that belong together, by their order: a folder, or a month. */
const SECTIONS = {
  path: { keyOf: (item) => item.path.slice(0, Math.max(0, item.path.lastIndexOf("/"))), textOf: (key) => key.replaceAll("/", " / ") },
  date: { keyOf: (item) => (item.values.date ?? item.modified).slice(0, 7), textOf: date },
};

export class Images {
  /** `onItems` is called when there are other images; `choose` lets the user choose a file. */
  constructor(galleries, { onItems, choose }) {
    this.galleries = galleries;
    this.onItems = onItems;
    this.choose = choose;
    this.items = [];
    this.key = null;
    this.grid = new Grid({
      open: (item) => go({ open: item.key }),
      address: (item) => addressOf({ ...state(), open: item.key }),
      like: (item) => search([{ kind: "id", gallery: item.gallery, id: item.id, weight: 1, region: null }]),
      pick: (item, isRange) => this.pick(item, isRange),
      isPicked,
      needMore: () => this.more(),
    });
    this.head = h("div", { class: "results" });
    this.note = h("div", { class: "notes" });
    this.element = h("section", { class: "images", "aria-labelledby": "results-title" }, this.head, this.note, this.grid.element);
    onSettings(() => this.grid.setOptions(this.options()));
    onPicks(() => this.grid.mark());
  }

  /** Show what `value` asks for, unless that is what is shown. */
  show(value) {
    const key = JSON.stringify({ ...value, open: null, view: null });
    if (key === this.key) {
      this.drawHead(value);
      return;
    }
    this.key = key;
    this.value = value;
    this.items = [];
    this.total = null;
    this.isDone = false;
    this.isLoading = false;
    this.problem = null;
    this.asked?.abort();
    this.asked = new AbortController();
    this.element.setAttribute("aria-busy", "true");
    this.more();
  }

  options() {
    const { terms, order } = state();
    const isSearch = terms.length > 0;
    return { height: rowHeight(), captions: isSearch, scores: isSearch && settings().scores, section: isSearch ? null : SECTIONS[order] };
  }

  get isSearch() {
    return this.value.terms.length > 0;
  }

  get most() {
    return this.isSearch && !this.value.copies ? MOST_FOLDED : this.isSearch ? MOST : Infinity;
  }

  /** Ask for the next images, if there are any. */
  async more() {
    if (this.isDone || this.isLoading || !this.value) return;
    this.isLoading = true;
    const asked = this.asked;
    const after = this.items.length;
    const step = Math.min(after === 0 ? FIRST : after <= FIRST ? NEXT : LATER, this.most - after);
    try {
      if (after === FIRST) await this.grid.settled(); // what is seen first comes first
      const found = asked.signal.aborted ? [] : await this.part(step, after, asked.signal);
      if (asked.signal.aborted) return;
      this.items = [...this.items, ...found];
      this.isDone = found.length < step || this.items.length >= this.most;
      this.isLoading = false;
      this.arrived();
    } catch (error) {
      if (error.name === "AbortError" || asked.signal.aborted) return;
      this.isLoading = false;
      this.isDone = true;
      this.problem = error;
      this.arrived();
    }
  }

  async part(limit, after, signal) {
    if (this.isSearch) return askSearch(this.value, this.galleries, { k: limit, after, signal });
    const { total, items } = await askImages(this.value, this.gallery(), { limit, after, signal });
    this.total = total;
    return items;
  }

  gallery() {
    return this.value.galleries[0] ?? this.galleries[0].name;
  }

  arrived() {
    this.element.removeAttribute("aria-busy");
    this.drawHead(this.value);
    this.drawNotes();
    const total = this.isDone ? this.items.length : this.total;
    this.grid.show(this.items, total, this.options());
    this.onItems(this.items);
  }

  drawHead(value) {
    if (this.value === undefined || value.view !== "images") return;
    const title = this.title();
    fill(
      this.head,
      h("h1", { id: "results-title" }, title),
      isNarrowed(value) && button(t("filters.clear"), { class: "link", onclick: () => go(everything) }),
      h("span", { class: "space" }),
      !this.isSearch && this.order(value),
    );
    if (this.said !== this.key + title) {
      this.said = this.key + title;
      say(title);
    }
  }

  title() {
    if (this.problem) return t("problem");
    if (!this.isSearch) return t("images", { count: this.total ?? 0 });
    const count = this.items.length;
    return this.isDone ? t("hits", { count }) : t("hits.first", { count });
  }

  order(value) {
    return h(
      "label",
      { class: "order" },
      h("span", {}, t("order")),
      h("select", { onchange: (event) => go({ order: event.target.value }) },
        ["path", "date"].map((one) => h("option", { value: one, selected: value.order === one }, t(`order.${one}`)))),
    );
  }

  drawNotes() {
    const isWeak = this.isSearch && this.items.length > 0 && this.items.every((item) => item.match === "weak");
    fill(
      this.note,
      !this.isSearch && this.invitation(),
      this.problem && this.tell(this.problem),
      isWeak && h("p", { class: "notice" }, t("nothing-alike")),
      !this.problem && this.items.length === 0 && h("p", { class: "empty" }, t(isNarrowed(this.value) ? "nothing-narrowed" : "nothing")),
    );
  }

  invitation() {
    return h(
      "button",
      { type: "button", class: "invitation", onclick: () => this.choose() },
      icon("image"),
      h("strong", {}, t("invitation")),
      h("span", {}, t("invitation.how")),
    );
  }

  tell(problem) {
    const known = ["upload-elsewhere", "unreachable", "overloaded"];
    const text = known.includes(problem.kind) ? t(problem.kind) : problem.message;
    const again = () => {
      this.key = null;
      this.show(state());
    };
    return h("div", { class: "problem", role: "alert" }, h("p", {}, text), button(t("again"), { onclick: again }));
  }

  pick(item, isRange) {
    const place = this.items.indexOf(item);
    const from = isRange && this.lastPicked !== undefined ? this.lastPicked : place;
    if (isRange) add(this.items.slice(Math.min(from, place), Math.max(from, place) + 1));
    else toggle(item);
    this.lastPicked = place;
  }
}
