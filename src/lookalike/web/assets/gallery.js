/** What is in a gallery: its encoder, what was skipped and why, and what is still to be done. */

import { evaluation, status } from "./api.js";
import { fill, h } from "./dom.js";
import { quality, quoted } from "./quality.js";
import { bytes, date, number, t } from "./texts.js";

const ATLAS = "https://apple.github.io/embedding-atlas/";
const MOST_FILES = 200;

export class GalleryView {
  constructor() {
    this.element = h("section", { class: "page" });
  }

  /** Show the galleries with these names, the first one first. */
  async show(galleries) {
    fill(this.element, h("p", { class: "soft" }, t("loading")));
    try {
      const found = await Promise.all(galleries.map((one) => Promise.all([status(one.name), evaluation(one.name)])));
      fill(this.element, galleries.map((one, place) => this.gallery(one, ...found[place])));
    } catch (error) {
      fill(this.element, h("p", { class: "problem", role: "alert" }, error.message || t("unreachable")));
    }
  }

  gallery(gallery, found, evaluated) {
    return h(
      "article",
      {},
      h("h1", {}, gallery.name),
      h("p", { class: "soft path" }, found.folder),
      this.notices(gallery, found),
      h("ul", { class: "cards", role: "list" }, [
        [t("status.images"), number(found.images), found.offline ? t("status.offline", { count: found.offline }) : ""],
        [t("status.encoder"), found.encoder.name, gallery.text ? t("status.text") : t("status.no-text")],
        [t("status.updated"), found.updated ? date(found.updated) : "–", ""],
        [t("status.disk"), bytes(found.disk_bytes), found.thumbnail_bytes ? t("status.thumbnails", { size: bytes(found.thumbnail_bytes) }) : ""],
      ].map(([name, value, remark]) => h("li", {}, h("span", { class: "soft" }, name), h("strong", {}, value), h("span", { class: "soft" }, remark)))),
      this.passedOver(found.passed_over),
      this.files(t("status.skipped", { count: found.skipped.length }), found.skipped, (one) => one.reason),
      this.files(t("status.notes", { count: found.notes.length }), found.notes, (one) => one.note),
      quality(gallery.name, found.folder, evaluated),
      h("h2", {}, t("status.map")),
      h("p", {}, t("status.map.how")),
      h("p", {}, h("code", {}, `lookalike export photos.parquet --gallery ${quoted(found.folder)}`)),
      h("p", {}, h("code", {}, 'pip install "lookalike[parquet]" embedding-atlas')),
      h("p", {}, h("code", {}, "embedding-atlas photos.parquet --vector embedding --image image")),
      h("p", {}, h("a", { href: ATLAS, target: "_blank", rel: "noopener noreferrer" }, t("status.map.link"))),
    );
  }

  notices(gallery, found) {
    const texts = [
      gallery.updating && t("status.updating", { done: gallery.updating[0], total: gallery.updating[1] }),
      !gallery.updating && found.unfinished_files && t("status.unfinished", { images: found.images, files: found.unfinished_files }),
      found.switching_to && t("status.switching", { encoder: found.switching_to }),
      found.without_properties > 0 && t("status.unread", { count: found.without_properties }),
      found.network && t("status.network"),
    ].filter(Boolean);
    return texts.map((text) => h("p", { class: "notice" }, text));
  }

  passedOver(counts) {
    const parts = Object.entries(counts).map(([kind, count]) => t(`passed.${kind}`, { count }));
    return parts.length > 0 && h("p", { class: "soft" }, t("status.passed-over", { kinds: parts.join(", ") }));
  }

  files(title, all, reason) {
    if (!all.length) return null;
    return h(
      "details",
      { open: all.length <= 20 },
      h("summary", {}, title),
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, h("table", {}, h("tbody", {}, all.slice(0, MOST_FILES).map((one) => h(
        "tr", {}, h("td", { class: "path" }, one.path), h("td", {}, reason(one)),
      ))))),
      all.length > MOST_FILES && h("p", { class: "soft" }, t("status.first", { shown: MOST_FILES, count: all.length })),
    );
  }
}
