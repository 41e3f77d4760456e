/** Zoom and pan an image in a stage: by wheel, fingers, double click and keys; and draw a box on it. */

import { h } from "./dom.js";
import { t } from "./texts.js";

const MOST = 12;
const STEP = 1.4;
const LEAST_SHARE = 0.01;
const NUDGE = 0.02;

export class Stage {
  /** `onZoom` is called when the image is first enlarged, and `onRegion` with a region while it is drawn. */
  constructor({ onZoom, onRegion }) {
    this.onZoom = onZoom;
    this.onRegion = onRegion;
    this.image = h("img", { alt: "", draggable: "false" });
    this.box = h("div", { class: "box", hidden: true, tabindex: "0", role: "application" });
    this.element = h("div", { class: "stage" }, this.image, this.box);
    this.pointers = new Map();
    this.isDrawing = false;
    this.region = null;
    this.reset();
    this.listen();
  }

  /** Show an image at its whole size. */
  show(source, name) {
    this.image.src = source;
    this.image.alt = name;
    this.reset();
    this.stopDrawing();
  }

  /** Show the same image from another source, such as a larger one. */
  sharpen(source) {
    const larger = new Image();
    larger.onload = () => { if (this.element.isConnected) this.image.src = source; };
    larger.src = source;
  }

  reset() {
    [this.scale, this.x, this.y] = [1, 0, 0];
    this.apply();
  }

  /** Enlarge or shrink by a factor, around a point of the window or the middle. */
  zoom(factor, point = null) {
    const area = this.element.getBoundingClientRect();
    const [px, py] = point ? [point.x - area.x - area.width / 2, point.y - area.y - area.height / 2] : [0, 0];
    const scale = Math.min(MOST, Math.max(1, this.scale * factor));
    const change = scale / this.scale;
    this.x = px - (px - this.x) * change;
    this.y = py - (py - this.y) * change;
    if (scale > 1 && this.scale === 1) this.onZoom();
    this.scale = scale;
    if (scale === 1) [this.x, this.y] = [0, 0];
    this.apply();
  }

  zoomIn() { this.zoom(STEP); }
  zoomOut() { this.zoom(1 / STEP); }

  get isEnlarged() { return this.scale > 1; }

  /** Let the user draw a box; it begins with the middle of the image, for those who use keys. */
  startDrawing() {
    this.isDrawing = true;
    this.element.classList.add("drawing");
    this.setRegion([0.25, 0.25, 0.75, 0.75]);
    this.box.hidden = false;
    this.box.setAttribute("aria-label", t("region.keys"));
    this.box.focus();
  }

  stopDrawing() {
    this.isDrawing = false;
    this.region = null;
    this.element.classList.remove("drawing");
    this.box.hidden = true;
  }

  apply() {
    this.image.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    this.element.classList.toggle("enlarged", this.scale > 1);
    if (this.region) this.placeBox();
  }

  listen() {
    const stage = this.element;
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 400), event);
    }, { passive: false });
    stage.addEventListener("dblclick", (event) => {
      if (!this.isDrawing) this.zoom(this.isEnlarged ? 0 : 3, event);
    });
    stage.addEventListener("pointerdown", (event) => this.onDown(event));
    stage.addEventListener("pointermove", (event) => this.onMove(event));
    for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
    this.box.addEventListener("keydown", (event) => this.onKey(event));
    this.image.addEventListener("load", () => this.region && this.placeBox());
    new ResizeObserver(() => this.region && this.placeBox()).observe(stage);
  }

  onDown(event) {
    if (event.button) return;
    this.element.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.isDrawing) this.anchor = this.share(event);
  }

  onMove(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    if (this.isDrawing) this.draw(event);
    else if (this.pointers.size === 2) this.pinch(event.pointerId, now);
    else if (this.isEnlarged) {
      this.x += now.x - before.x;
      this.y += now.y - before.y;
      this.apply();
    }
    this.pointers.set(event.pointerId, now);
  }

  pinch(id, now) {
    const [other] = [...this.pointers].filter(([one]) => one !== id).map(([, point]) => point);
    const before = this.pointers.get(id);
    const distance = (point) => Math.hypot(point.x - other.x, point.y - other.y);
    this.zoom(distance(now) / Math.max(1, distance(before)), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
  }

  draw(event) {
    const [x, y] = this.share(event);
    const [left, right] = [Math.min(x, this.anchor[0]), Math.max(x, this.anchor[0])];
    const [top, bottom] = [Math.min(y, this.anchor[1]), Math.max(y, this.anchor[1])];
    if (right - left >= LEAST_SHARE && bottom - top >= LEAST_SHARE) this.setRegion([left, top, right, bottom]);
  }

  /** Where on the image an event is, as shares of its width and height. */
  share(event) {
    const area = this.area();
    const within = (value) => Math.min(1, Math.max(0, value));
    return [within((event.clientX - area.x) / area.width), within((event.clientY - area.y) / area.height)];
  }

  /** Where the image is in the window: its element is as large as the stage, and it is in the middle of that. */
  area() {
    const { x, y, width, height } = this.image.getBoundingClientRect();
    const scale = Math.min(width / (this.image.naturalWidth || width), height / (this.image.naturalHeight || height));
    const [own, tall] = [(this.image.naturalWidth || width) * scale, (this.image.naturalHeight || height) * scale];
    return { x: x + (width - own) / 2, y: y + (height - tall) / 2, width: own, height: tall };
  }

  /** Arrow keys move the box, with Shift its lower right corner. */
  onKey(event) {
    const steps = { ArrowLeft: [-NUDGE, 0], ArrowRight: [NUDGE, 0], ArrowUp: [0, -NUDGE], ArrowDown: [0, NUDGE] };
    if (!(event.key in steps)) return;
    event.preventDefault();
    event.stopPropagation();
    const [dx, dy] = steps[event.key];
    let [left, top, right, bottom] = this.region;
    if (event.shiftKey) {
      right = Math.min(1, Math.max(left + 2 * NUDGE, right + dx));
      bottom = Math.min(1, Math.max(top + 2 * NUDGE, bottom + dy));
    } else {
      const [sx, sy] = [Math.max(-left, Math.min(1 - right, dx)), Math.max(-top, Math.min(1 - bottom, dy))];
      [left, top, right, bottom] = [left + sx, top + sy, right + sx, bottom + sy];
    }
    this.setRegion([left, top, right, bottom]);
  }

  setRegion(region) {
    this.region = region;
    this.placeBox();
    this.onRegion(region);
  }

  placeBox() {
    const [left, top, right, bottom] = this.region;
    const [area, stage] = [this.area(), this.element.getBoundingClientRect()];
    this.box.style.left = `${area.x - stage.x + left * area.width}px`;
    this.box.style.top = `${area.y - stage.y + top * area.height}px`;
    this.box.style.width = `${(right - left) * area.width}px`;
    this.box.style.height = `${(bottom - top) * area.height}px`;
  }
}
