/**
 * A grid that keeps the shape of every image and fills each row, of any number of images: only those in view are there.
 */

import { thumbnail } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { GAP, HEADING, rowsOf, shape } from "./rows.js";
import { number, t } from "./texts.js";

const AHEAD = 700;
const TRIES = 3;
const LONGEST_WAIT = 1000;

/** Images that fly by faster than this, in pixels a millisecond, are asked for when the list comes to rest. */
const FAST = 6;
const REST = 80;

export class Grid {
  /**
   * `actions` has `open(item)`, `pick(item, isRange)`, `isPicked(item)`, `address(item)` and `needMore()`, which is
   * called when the end comes near.
   */
  constructor(actions) {
    this.actions = actions;
    this.items = [];
    this.rows = [];
    this.tiles = new Map();
    this.headings = new Map();
    this.waiting = new Map();
    this.scrolled = { top: 0, time: 0 };
    this.total = null;
    this.options = { height: 220, captions: true, scores: false, section: null };
    this.resized = new ResizeObserver(() => this.element.clientWidth !== this.width && this.layOut());
    this.renew();
    window.addEventListener("scroll", () => this.schedule(), { passive: true });
  }

  /** Begin with an empty list. It is another element, because other images are no images that have moved. */
  renew() {
    const before = this.element;
    this.element = h("ul", { class: "grid", role: "list", onkeydown: (event) => this.onKey(event) });
    this.active = 0;
    this.ahead = 0;
    this.rows = [];
    this.forget();
    this.resized.disconnect();
    before?.replaceWith(this.element);
    this.resized.observe(this.element);
  }

  /** Show these images, with these options; `total` is how many there are in all, if that is known. */
  show(items, total, options) {
    this.options = { ...this.options, ...options };
    const isLonger = this.items.length > 0 && items.length > this.items.length && this.items.every((item, place) => item === items[place]);
    this.items = items;
    this.total = total;
    if (isLonger) {
      this.layOut(this.rows);
      return;
    }
    this.renew();
    this.layOut();
    this.lookAhead();
  }

  /** What is below the window is put into the page once what is in it is seen. */
  async lookAhead() {
    const { element } = this;
    await this.settled();
    if (element !== this.element) return;
    this.ahead = AHEAD;
    this.draw();
  }

  /**
   * Change how images are shown: `height` of rows in pixels, `captions` and `scores`; `section` tells which images
   * that follow each other belong together, by `keyOf(item)`, and the text above them, by `textOf(key)`.
   */
  setOptions(options) {
    this.options = { ...this.options, ...options };
    this.drop();
    this.layOut();
  }

  /** Wait until the images that are in the page have arrived, but at most a second. */
  settled() {
    const missing = [...this.element.querySelectorAll("img:not(.there)")];
    const each = missing.map((image) => new Promise((resolve) => {
      for (const name of ["load", "error"]) image.addEventListener(name, resolve, { once: true });
    }));
    return Promise.race([Promise.all(each), new Promise((resolve) => { setTimeout(resolve, LONGEST_WAIT); })]);
  }

  /** Mark which images are picked. */
  mark() {
    for (const [place, tile] of this.tiles) {
      const isPicked = this.actions.isPicked(this.items[place]);
      tile.classList.toggle("picked", isPicked);
      tile.querySelector(".tick").checked = isPicked;
    }
  }

  /** Give the focus to an image, and bring it into view. */
  focus(place) {
    if (!this.items.length) return;
    this.active = Math.max(0, Math.min(place, this.items.length - 1));
    const row = this.rows.find((one) => place < one.start + one.count) ?? this.rows.at(-1);
    const top = this.element.getBoundingClientRect().top + row.top;
    const bar = document.getElementById("bar").offsetHeight + GAP;
    if (top < bar) window.scrollBy(0, top - bar);
    else if (top + row.height > window.innerHeight) window.scrollBy(0, top + row.height - window.innerHeight + GAP);
    this.draw();
    this.tiles.get(this.active)?.querySelector("a").focus({ preventScroll: true });
  }

  /** Compute the rows anew, and draw them; `known` are those that stay. */
  layOut(known = []) {
    if (!known.length) this.width = this.element.clientWidth; // which makes the browser compute the page
    if (!this.width) return;
    this.rows = rowsOf(this.items, this.width, this.options, known);
    const last = this.rows.at(-1);
    this.element.style.height = `${last ? last.top + last.height : 0}px`;
    this.isMoved = true;
    if (known.length) this.schedule();
    else this.draw();
  }

  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  /** Put the images in view into the page, and take the others out. */
  draw() {
    const offset = this.element.getBoundingClientRect().top;
    const [from, to] = [-offset - this.ahead, -offset + window.innerHeight + this.ahead];
    const wanted = new Set();
    for (let number_ = this.firstRow(from); number_ < this.rows.length && this.rows[number_].top < to; number_ += 1)
      this.drawRow(this.rows[number_], wanted);
    for (const [start, heading] of this.headings) {
      if (wanted.has(start)) continue;
      heading.remove();
      this.headings.delete(start);
    }
    for (const [place, tile] of this.tiles) {
      if (wanted.has(place)) continue;
      if (tile.contains(document.activeElement)) continue; // the focus must not get lost
      tile.remove();
      this.tiles.delete(place);
      this.waiting.delete(place);
    }
    this.isMoved = false;
    this.load();
    const last = this.rows.at(-1);
    if (last && last.top < to + 2 * window.innerHeight) this.actions.needMore();
  }

  /** Ask for the images of new tiles: at once, or when the list has come to rest. */
  load() {
    const [top, time] = [window.scrollY, performance.now()];
    const isFast = Math.abs(top - this.scrolled.top) > FAST * (time - this.scrolled.time);
    this.scrolled = { top, time };
    clearTimeout(this.rest);
    if (isFast) this.rest = setTimeout(() => this.loadNow(), REST);
    else this.loadNow();
  }

  loadNow() {
    for (const begin of this.waiting.values()) begin();
    this.waiting.clear();
  }

  firstRow(from) {
    let [low, high] = [0, this.rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].top + this.rows[middle].height < from) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  drawRow(row, wanted) {
    let left = 0;
    for (let place = row.start; place < row.start + row.count; place += 1) {
      const isEnd = place === row.start + row.count - 1 && !row.isLast;
      const width = isEnd ? this.width - left : Math.round(shape(this.items[place]) * row.image);
      const isNew = !this.tiles.has(place);
      if (isNew) this.add(place, width, row.image);
      if (isNew || this.isMoved) put(this.tiles.get(place), left, row.top, width, row.height, row.image);
      wanted.add(place);
      left += width + GAP;
    }
    this.drawHeading(row);
  }

  drawHeading(row) {
    const before = this.headings.get(row.start);
    if (before && !this.isMoved) return;
    before?.remove();
    this.headings.delete(row.start);
    if (row.heading === null) return;
    const text = this.options.section.textOf(row.heading);
    const heading = h("li", { class: "section" }, h("h2", { title: text }, text));
    heading.style.transform = `translateY(${row.top - HEADING}px)`;
    this.headings.set(row.start, heading);
    this.element.insertBefore(heading, this.tiles.get(row.start));
  }

  add(place, width, height) {
    const tile = this.tile(this.items[place], place, width, height);
    this.element.insertBefore(tile, this.following(place));
    this.tiles.set(place, tile);
  }

  /** The tile in the page before which that of this place belongs; null if it is the last. */
  following(place) {
    const last = Math.max(-1, ...this.tiles.keys());
    for (let one = place + 1; one <= last; one += 1) if (this.tiles.has(one)) return this.tiles.get(one);
    return null;
  }

  tile(item, place, width, height) {
    const isPicked = this.actions.isPicked(item);
    const { image, begin } = laterPicture(item, width, height);
    this.waiting.set(place, begin);
    const mark = h("input", {
      type: "checkbox", class: "tick", checked: isPicked, tabindex: "-1", "aria-label": t("pick", { name: item.name }),
      onclick: (event) => this.actions.pick(item, event.shiftKey),
    });
    const link = h(
      "a",
      {
        href: this.actions.address(item), tabindex: place === this.active ? "0" : "-1", "aria-label": this.describe(item),
        onclick: (event) => this.onOpen(event, item), onfocus: () => this.activate(place),
      },
      image,
    );
    return h(
      "li",
      {
        class: isPicked ? "tile picked" : "tile", "data-key": item.key, "aria-posinset": place + 1,
        "aria-setsize": this.total ?? this.items.length,
      },
      link,
      mark,
      item.copies.length > 0 && h("span", { class: "badge", "aria-hidden": "true" }, icon("twins"), number(item.copies.length + 1)),
      this.options.captions && this.caption(item),
    );
  }

  caption(item) {
    const score = this.options.scores && item.score !== undefined;
    return h(
      "span",
      { class: "caption", "aria-hidden": "true", title: item.path },
      item.match && h("span", { class: `match ${item.match}` }, t(`match.${item.match}`)),
      score && h("span", { class: "score" }, number(item.score, { minimumFractionDigits: 3, maximumFractionDigits: 3 })),
      item.offline && h("span", { class: "offline" }, t("offline")),
      h("span", { class: "name" }, item.name),
    );
  }

  describe(item) {
    const copies = item.copies.length ? t("copies", { count: item.copies.length }) : null;
    const match = item.match && t(`match.${item.match}`);
    return [item.path, match, copies, item.offline && t("offline")].filter(Boolean).join(", ");
  }

  activate(place) {
    this.tiles.get(this.active)?.querySelector("a").setAttribute("tabindex", "-1");
    this.active = place;
    this.tiles.get(place)?.querySelector("a").setAttribute("tabindex", "0");
  }

  onOpen(event, item) {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return; // another tab or window
    event.preventDefault();
    this.actions.open(item);
  }

  onKey(event) {
    const item = this.items[this.active];
    if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = this.rows.find((one) => this.active < one.start + one.count);
    const steps = {
      ArrowRight: 1, ArrowLeft: -1, ArrowDown: row.count, ArrowUp: -row.count, Home: -this.items.length,
      End: this.items.length,
    };
    if (event.key in steps) this.focus(this.active + steps[event.key]);
    else if (event.key === "x" || event.key === " ") this.actions.pick(item, event.shiftKey);
    else if (event.key === "m") this.actions.like(item);
    else return;
    event.preventDefault();
  }

  drop() {
    this.forget();
    fill(this.element);
  }

  forget() {
    for (const known of [this.tiles, this.headings, this.waiting]) known.clear();
  }
}

function put(tile, left, top, width, height, image) {
  tile.style.transform = `translate(${left}px, ${top}px)`;
  tile.style.width = `${width}px`;
  tile.style.height = `${height}px`;
  tile.firstElementChild.style.height = `${image}px`;
}

/** A thumbnail; one that can't be had at this moment is asked for again, and one that is gone says so. */
export function picture(item, width, height) {
  const { image, begin } = laterPicture(item, width, height);
  begin();
  return image;
}

/** The same, which is asked for when it is told to `begin`. */
function laterPicture(item, width, height) {
  const image = h("img", { alt: "", decoding: "async", draggable: "false" });
  const begin = () => { image.src = thumbnail(item, width, height); };
  let left = TRIES;
  image.addEventListener("load", () => image.classList.add("there"));
  image.addEventListener("error", () => {
    left -= 1;
    if (left > 0) setTimeout(() => { image.src = `${thumbnail(item, width, height)}&try=${left}`; }, 1500);
    else image.replaceWith(h("span", { class: "gone" }, t("gone")));
  });
  return { image, begin };
}
