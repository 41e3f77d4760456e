/** One image, large, with the query beside it, and all that can be done with it. */

import { details, fullSize, original, reveal, thumbnail } from "./api.js";
import { button, fill, h, icon, say } from "./dom.js";
import { copyText, isPicked, toggle } from "./picks.js";
import { sourceOf, termImage } from "./pictures.js";
import { search, state } from "./state.js";
import { bytes, date, number, t } from "./texts.js";
import { Stage } from "./zoom.js";

const PREVIEW = 1600;
const KEY = "lookalike.details";

function wantsDetails() {
  return window.innerWidth >= 900 && localStorage.getItem(KEY) !== "0";
}

export class Viewer {
  /** `actions` has `close()`, `step(by)`, `isLocal` and `list()`: the place of the image among all, `{place, total}`. */
  constructor(actions) {
    this.actions = actions;
    this.stage = new Stage({ onZoom: () => this.sharpen(), onRegion: () => {} });
    this.side = h("aside", { class: "side", "aria-label": t("details"), hidden: !wantsDetails() });
    this.query = h("div", { class: "beside" });
    this.top = h("div", { class: "top" });
    this.tools = h("div", { class: "actions", role: "toolbar" });
    this.element = h(
      "dialog",
      { class: "viewer", tabindex: "-1" },
      this.top,
      h("div", { class: "middle" }, this.query, this.stage.element, this.side),
      this.tools,
    );
    this.element.addEventListener("keydown", (event) => this.onKey(event));
    this.element.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.leave();
    });
    this.element.addEventListener("close", () => this.item && this.actions.close());
    document.body.append(this.element);
    this.item = null;
    this.term = null;
  }

  get isOpen() {
    return this.element.open;
  }

  /** Show an image of a gallery. */
  show(item) {
    if (this.isOpen && this.item?.key === item.key) {
      this.draw();
      return;
    }
    this.item = item;
    this.term = { kind: "id", gallery: item.gallery, id: item.id, weight: 1, region: null };
    this.begin(thumbnail(item, 1, 1).replace(/side=\d+/, "side=640"), item.name);
    this.stage.sharpen(thumbnail(item, PREVIEW, PREVIEW));
    this.loadDetails(item);
  }

  /** Show an image of the query, which may be an upload. */
  async showTerm(term) {
    this.item = null;
    this.term = { ...term, region: null, weight: 1 };
    const source = await sourceOf(term, PREVIEW);
    if (source === null) {
      say(t("upload-elsewhere"));
      return;
    }
    fill(this.side);
    this.begin(source, t("query.image"));
    this.startRegion();
  }

  /** Close it, without a change of the address. */
  close() {
    this.item = null;
    if (this.isOpen) this.element.close();
  }

  begin(source, name) {
    this.stage.show(source, name);
    this.draw();
    this.element.setAttribute("aria-label", name);
    if (!this.isOpen) this.element.showModal();
    this.element.focus(); // and not a button, which would be drawn again
  }

  /** Draw what is around the image. */
  draw() {
    this.drawTop();
    this.drawTools();
    const terms = state().terms.filter((term) => term.kind !== "text");
    this.query.hidden = terms.length === 0 || this.item === null;
    fill(this.query, h("h2", {}, t("query")), terms.map((term) => termImage(term, 320)));
  }

  drawTop() {
    const { place, total } = this.actions.list();
    const item = this.item;
    fill(
      this.top,
      h("span", { class: "title" }, item ? item.name : t("query.image")),
      item?.match && h("span", { class: `match ${item.match}` }, t(`match.${item.match}`)),
      item?.score !== undefined && h("span", { class: "soft" }, number(item.score, { minimumFractionDigits: 3, maximumFractionDigits: 3 })),
      item?.offline && h("span", { class: "offline" }, t("offline")),
      item && place >= 0 && h("span", { class: "soft place" }, t("viewer.place", { place: place + 1, total })),
      h("span", { class: "space" }),
      item && button(t("details"), { name: "details", shown: false, "aria-pressed": String(!this.side.hidden), onclick: () => this.toggleDetails() }),
      button(t("close"), { name: "close", shown: false, onclick: () => this.leave() }),
    );
  }

  drawTools() {
    if (this.stage.isDrawing) {
      fill(
        this.tools,
        h("span", { class: "hint" }, t("region.hint")),
        button(t("region.search"), { name: "like", class: "primary", onclick: () => this.searchRegion() }),
        button(t("cancel"), { name: "close", onclick: () => this.stopRegion() }),
      );
      return;
    }
    const item = this.item;
    const { place, total } = this.actions.list();
    const hasTerms = state().terms.length > 0;
    fill(
      this.tools,
      item && button(t("viewer.before"), { name: "left", shown: false, disabled: place <= 0, onclick: () => this.actions.step(-1) }),
      item && button(t("viewer.next"), { name: "right", shown: false, disabled: place < 0 || place + 1 >= total, onclick: () => this.actions.step(1) }),
      item && button(t("like"), { name: "like", class: "primary", onclick: () => search([this.term]) }),
      button(t("region"), { name: "region", onclick: () => this.startRegion() }),
      item && hasTerms && button(t("plus"), { name: "plus", onclick: () => search([...state().terms, this.term]) }),
      item && hasTerms && button(t("minus"), { name: "minus", onclick: () => search([...state().terms, { ...this.term, weight: -0.5 }]) }),
      item && button(t("pick.this"), { name: "check", "aria-pressed": String(isPicked(item)), onclick: () => this.pick() }),
      button(t("zoom.out"), { name: "minus", shown: false, class: "zoom", onclick: () => this.stage.zoomOut() }),
      button(t("zoom.in"), { name: "plus", shown: false, class: "zoom", onclick: () => this.stage.zoomIn() }),
    );
  }

  pick() {
    toggle(this.item);
    this.drawTools();
  }

  toggleDetails() {
    this.side.hidden = !this.side.hidden;
    if (window.innerWidth >= 900) localStorage.setItem(KEY, this.side.hidden ? "0" : "1");
    this.drawTop();
  }

  async loadDetails(item) {
    this.asked?.abort();
    this.asked = new AbortController();
    try {
      const found = await details(item, this.asked.signal);
      if (this.item === item) this.drawDetails(item, found);
    } catch (error) {
      if (error.name !== "AbortError") fill(this.side, h("p", { class: "problem" }, error.message));
    }
  }

  drawDetails(item, found) {
    const { width, height, date: taken, camera, ...others } = found.values;
    const folder = found.path.slice(0, Math.max(0, found.path.lastIndexOf("/")));
    const rows = [
      [t("details.name"), item.name],
      folder && [t("details.folder"), folder],
      taken && [t("details.date"), date(taken)],
      [t("details.modified"), date(found.modified)],
      camera && [t("details.camera"), camera],
      width && [t("details.size"), `${number(Number(width))} × ${number(Number(height))}`],
      [t("details.bytes"), bytes(found.bytes)],
      ...Object.entries(others),
      item.percentile !== undefined && item.percentile !== null && [t("details.percentile"), number(item.percentile / 100, { style: "percent", maximumFractionDigits: 0 })],
    ].filter(Boolean);
    fill(
      this.side,
      h("dl", {}, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      h(
        "div",
        { class: "column" },
        button(t("copy-path"), { name: "copy", onclick: () => this.copy(found.file) }),
        this.actions.isLocal && button(t("open-folder"), { name: "folder", onclick: () => this.openFolder(item) }),
        h("a", { class: "button", href: original(item, "download"), download: item.name }, icon("download"), h("span", {}, t("download"))),
      ),
      item.copies?.length > 0 && h("h2", {}, t("copies", { count: item.copies.length })),
      item.copies?.length > 0 && h("ul", { class: "files" }, item.copies.map((copy) => h("li", {}, copy.path))),
    );
  }

  async copy(text) {
    await copyText(text);
    say(t("copied"));
  }

  async openFolder(item) {
    try {
      await reveal(item);
    } catch (error) {
      say(error.message);
      fill(this.side, h("p", { class: "problem" }, error.message), ...this.side.childNodes);
    }
  }

  sharpen() {
    if (this.item) this.stage.sharpen(fullSize(this.item));
  }

  startRegion() {
    this.stage.reset();
    this.stage.startDrawing();
    this.draw();
  }

  stopRegion() {
    this.stage.stopDrawing();
    this.element.focus();
    if (this.item === null) this.leave();
    else this.draw();
  }

  searchRegion() {
    search([{ ...this.term, region: this.stage.region }]);
    this.close();
  }

  leave() {
    if (this.item === null) this.close();
    else this.actions.close();
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isDrawing = this.stage.isDrawing;
    const keys = isDrawing
      ? { Escape: () => this.stopRegion(), Enter: () => event.target === this.stage.box && this.searchRegion() }
      : {
        Escape: () => this.leave(),
        ArrowLeft: () => this.actions.step(-1),
        ArrowRight: () => this.actions.step(1),
        "+": () => this.stage.zoomIn(),
        "=": () => this.stage.zoomIn(),
        "-": () => this.stage.zoomOut(),
        0: () => this.stage.reset(),
        i: () => this.item && this.toggleDetails(),
        m: () => this.item && search([this.term]),
        r: () => this.startRegion(),
        x: () => this.item && this.pick(),
      };
    if (!(event.key in keys)) return;
    if (event.key !== "Enter") event.preventDefault();
    keys[event.key]();
  }
}
