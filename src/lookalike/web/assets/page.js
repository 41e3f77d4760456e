/** The page: it shows what the address says, and follows it. */

import { galleries as askGalleries } from "./api.js";
import { Duplicates } from "./duplicates.js";
import { fill, h } from "./dom.js";
import { Filters } from "./filters.js";
import { GalleryView } from "./gallery.js";
import { Images } from "./images.js";
import { onPicks, showPicks } from "./picks.js";
import { Bar } from "./query.js";
import { go, onChange, start, state } from "./state.js";
import { Sheet } from "./sheet.js";
import { loadTexts, t } from "./texts.js";
import { Viewer } from "./viewer.js";

const FILTERS = "lookalike.filters";
const REFRESH = 30_000;

const content = document.getElementById("content");
const filters = document.getElementById("filters");
const pickBar = document.getElementById("picks");

class Page {
  constructor({ galleries, local }) {
    this.galleries = galleries;
    this.bar = new Bar(document.getElementById("bar"), galleries, {
      view: (term) => this.viewer.showTerm(term),
      filters: () => this.toggleFilters(),
    });
    this.filters = new Filters(filters, () => this.toggleFilters());
    this.images = new Images(galleries, { onItems: () => this.followOpen(state()), choose: () => this.bar.choose() });
    this.galleryView = new GalleryView();
    this.duplicates = new Duplicates();
    this.sheet = new Sheet();
    this.viewer = new Viewer({
      close: () => this.closeViewer(),
      step: (by) => this.step(by),
      list: () => ({ place: this.place(), total: this.images.items.length }),
      isLocal: local,
    });
    const wantsFilters = localStorage.getItem(FILTERS) === "1";
    filters.hidden = !(wantsFilters && window.innerWidth >= 900);
    onPicks(() => showPicks(pickBar, galleries));
    showPicks(pickBar, galleries);
    window.addEventListener("keydown", (event) => this.onKey(event));
    setInterval(() => this.refresh(), REFRESH);
  }

  show(value, before) {
    this.bar.show(value);
    document.title = value.terms.length ? `${t("title.search")} · Lookalike` : "Lookalike";
    document.querySelector(".skip").textContent = t("skip");
    filters.setAttribute("aria-label", t("filters"));
    if (!filters.hidden) this.showFilters(value);
    this.showView(value, before);
    if (before && value.terms !== before.terms && !value.open) this.viewer.close();
    this.followOpen(value);
  }

  showView(value, before) {
    const chosen = this.chosen(value);
    const isOther = before === null || value.view !== before.view;
    if (value.view === "images") {
      this.images.show(value);
      this.put(this.images.element, isOther);
    } else if (value.view === "gallery") {
      if (isOther || value.galleries !== before.galleries) this.galleryView.show(chosen);
      this.put(this.galleryView.element, isOther);
    } else if (value.view === "duplicates") {
      if (isOther || value.galleries !== before.galleries) this.duplicates.show(chosen[0]);
      this.put(this.duplicates.element, isOther);
    } else {
      this.sheet.show();
      this.put(this.sheet.element, isOther);
    }
    if (value.view === "images" && before && value.terms !== before.terms && !value.open) window.scrollTo(0, 0);
  }

  put(element, isOther) {
    if (content.firstElementChild !== element) fill(content, element);
    if (isOther) window.scrollTo(0, 0);
  }

  showFilters(value) {
    this.filters.show(value, this.chosen(value)[0].name);
  }

  toggleFilters() {
    filters.hidden = !filters.hidden;
    localStorage.setItem(FILTERS, filters.hidden ? "0" : "1");
    if (filters.hidden) document.getElementById("filters-button").focus();
    else this.showFilters(state());
  }

  chosen(value) {
    const found = this.galleries.filter((one) => value.galleries.includes(one.name));
    return found.length ? found : this.galleries;
  }

  /** Open or close the large view as the address says. */
  followOpen(value) {
    if (!value.open) {
      if (this.viewer.isOpen && this.viewer.item) this.viewer.close();
      return;
    }
    const [gallery, id] = value.open.split("/");
    const item = this.images.items.find((one) => one.key === value.open);
    if (item) this.viewer.show(item);
    else if (/^[0-9a-f]+$/.test(id ?? "") && this.images.items.length) this.viewer.show({ gallery, id, key: value.open, path: "", name: "", ratio: 1.5, copies: [] });
  }

  place() {
    return this.images.items.findIndex((one) => one.key === state().open);
  }

  step(by) {
    const place = this.place() + by;
    const item = this.images.items[place];
    if (!item || this.place() < 0) return;
    go({ open: item.key }, { replace: true });
    if (place + 5 > this.images.items.length) this.images.more();
  }

  closeViewer() {
    const place = this.place();
    go({ open: null });
    if (place >= 0) this.images.grid.focus(place);
  }

  async refresh() {
    if (document.hidden) return;
    const found = await askGalleries().catch(() => null);
    if (found) found.galleries.forEach((one) => Object.assign(this.galleries.find((other) => other.name === one.name) ?? {}, one));
  }

  onKey(event) {
    const isWriting = event.target.matches?.("input:not([type=checkbox]), select, textarea");
    if (isWriting || this.viewer.isOpen || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") {
      event.preventDefault();
      document.querySelector(".words")?.focus();
    } else if (event.key === "f") {
      this.toggleFilters();
    }
  }
}

async function begin() {
  await loadTexts();
  try {
    const page = new Page(await askGalleries());
    let isFirst = true;
    onChange((value, before) => {
      page.show(value, isFirst ? null : before);
      isFirst = false;
    });
    start();
  } catch (error) {
    fill(content, h("p", { class: "problem", role: "alert" }, error.kind === "unreachable" ? t("unreachable") : error.message));
    throw error;
  }
}

begin();
