/** A contact sheet of the images that were picked, to be printed. */

import { thumbnail } from "./api.js";
import { button, fill, h } from "./dom.js";
import { picks } from "./picks.js";
import { go } from "./state.js";
import { number, t } from "./texts.js";

const SIDE = 300;

export class Sheet {
  constructor() {
    this.element = h("section", { class: "page sheet" });
  }

  /** Show what is picked now. */
  show() {
    const items = picks();
    const today = new Date().toLocaleDateString(document.documentElement.lang, { dateStyle: "long" });
    fill(
      this.element,
      h("h1", {}, t("picks.sheet")),
      h("p", { class: "soft" }, `${t("picked", { count: items.length })} · ${today}`),
      h("div", { class: "screen" }, button(t("print"), { name: "print", class: "primary", onclick: () => window.print() }), button(t("back"), { name: "left", onclick: () => go({ view: "images" }) })),
      h("ol", { class: "prints", role: "list" }, items.map((item, place) => this.image(item, place))),
    );
  }

  image(item, place) {
    const words = [item.match && t(`match.${item.match}`), item.score !== undefined && number(item.score, { maximumFractionDigits: 3 })];
    return h(
      "li",
      {},
      h("img", { src: thumbnail(item, SIDE, SIDE), alt: "" }),
      h("strong", {}, `${number(place + 1)}. ${item.name}`),
      h("span", {}, words.filter(Boolean).join(" · ")),
      h("span", { class: "soft path" }, item.path),
    );
  }
}
