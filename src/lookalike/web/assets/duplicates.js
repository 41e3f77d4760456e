/** Groups of images that are the same, or nearly. */

import { duplicates, original } from "./api.js";
import { button, fill, h } from "./dom.js";
import { picture } from "./grid.js";
import { add, isPicked, onPicks, toggle } from "./picks.js";
import { bytes, number, t } from "./texts.js";

const STEP = 50;

export class Duplicates {
  constructor() {
    this.element = h("section", { class: "page" });
    onPicks(() => this.mark());
  }

  /** Show the groups of one gallery. */
  async show(gallery) {
    this.asked?.abort();
    this.asked = new AbortController();
    const { signal } = this.asked;
    fill(this.element, h("h1", {}, t("view.duplicates")), h("p", { class: "soft", role: "status" }, t("duplicates.comparing")));
    this.element.setAttribute("aria-busy", "true");
    try {
      const found = await duplicates(gallery.name, signal);
      if (!signal.aborted) this.draw(gallery, found);
    } catch (error) {
      if (error.name !== "AbortError") fill(this.element, h("p", { class: "problem", role: "alert" }, error.message || t("unreachable")));
    } finally {
      if (!signal.aborted) this.element.removeAttribute("aria-busy");
    }
  }

  draw(gallery, found) {
    const files = found.groups.reduce((sum, group) => sum + group.images.length, 0);
    const spare = found.groups.reduce((sum, group) => sum + group.spare_bytes, 0);
    const list = h("ol", { class: "groups", role: "list" });
    const rest = h("div", {});
    let shown = 0;
    const more = () => {
      const part = found.groups.slice(shown, shown + STEP);
      list.append(...part.map((group) => this.group(gallery, group)));
      shown += part.length;
      fill(rest, shown < found.groups.length && button(t("duplicates.more", { count: found.groups.length - shown }), { onclick: more }));
    };
    fill(
      this.element,
      h("h1", {}, found.groups.length ? t("duplicates.groups", { count: found.groups.length }) : t("view.duplicates")),
      found.groups.length > 0
        ? h("p", { class: "soft" }, t("duplicates.explained", { files, spare: bytes(spare) }))
        : h("p", { class: "empty" }, t("duplicates.none")),
      list,
      rest,
    );
    more();
  }

  group(gallery, group) {
    const items = group.images.map((one) => ({
      ...one, gallery: gallery.name, key: `${gallery.name}/${one.id}`, name: one.path.slice(one.path.lastIndexOf("/") + 1), ratio: 1.5, copies: [],
      match: null,
    }));
    const pickOthers = () => add(items.slice(1));
    return h(
      "li",
      { class: "card" },
      h("ul", { role: "list" }, items.map((item, place) => this.image(item, group.images[place]))),
      h(
        "p",
        { class: "soft" },
        t("duplicates.size", { count: items.length, size: bytes(group.bytes) }),
        button(t("duplicates.pick"), { class: "link", onclick: pickOthers }),
      ),
    );
  }

  image(item, one) {
    const open = h("a", { href: original(item), target: "_blank", rel: "noopener", "aria-label": item.path, title: item.path }, picture(item, 240, 180));
    const tick = h("input", { type: "checkbox", class: "tick", "data-key": item.key, checked: isPicked(item), "aria-label": t("pick", { name: item.name }), onclick: () => toggle(item) });
    const word = h("span", { class: `match ${one.match}` }, t(`duplicates.${one.match}`));
    const score = one.match !== "largest" && h("span", { class: "score" }, number(one.score, { minimumFractionDigits: 3, maximumFractionDigits: 3 }));
    return h("li", { class: "tile" }, open, tick, h("span", { class: "caption" }, word, score, h("span", { class: "name" }, item.name), h("span", { class: "soft" }, bytes(one.bytes))));
  }

  mark() {
    for (const tick of this.element.querySelectorAll(".tick")) tick.checked = isPicked({ key: tick.dataset.key });
  }
}
