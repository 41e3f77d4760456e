/** How good the search is: the last evaluation of a gallery. */

import { thumbnail } from "./api.js";
import { h } from "./dom.js";
import { search } from "./state.js";
import { date, number, t } from "./texts.js";

const MOST_FAILURES = 12;
const MOST_CLASSES = 100;
const SIDE = 200;

/** The part of a page that tells it; `found` is what the server says, `folder` that of the images. */
export function quality(gallery, folder, { measured, evaluation }) {
  return [
    h("h2", {}, t("quality")),
    evaluation === null ? unknown(folder) : known(gallery, measured, evaluation),
  ];
}

function unknown(folder) {
  return [h("p", {}, t("quality.unknown")), h("p", {}, h("code", {}, `lookalike evaluate ${quoted(folder)}`))];
}

/** A path for a command line. */
export function quoted(text) {
  return /^[\w./-]+$/.test(text) ? text : `"${text}"`;
}

function known(gallery, measured, evaluation) {
  const keys = headline(evaluation.micro);
  return [
    h("p", { class: "soft" }, t("quality.measured", { date: date(measured.slice(0, 10)), count: evaluation.queries })),
    h("ul", { class: "cards", role: "list" }, keys.map((key) => h(
      "li",
      {},
      h("span", { class: "soft" }, nameOf(key)),
      h("strong", {}, percent(evaluation.micro[key])),
      h("span", { class: "soft" }, interval(evaluation.intervals[key])),
    ))),
    classes(evaluation, keys),
    failures(gallery, evaluation.failures),
    h("p", { class: "soft" }, t("quality.explained")),
  ];
}

/** The metrics that say the most: whether the first hit is right, how many of the first ones, and all in all. */
function headline(micro) {
  const ranks = Object.keys(micro).filter((key) => key.startsWith("precision@")).map((key) => Number(key.slice(10)));
  const keys = [`precision@${Math.min(...ranks)}`, `precision@${Math.max(...ranks)}`, "map", "accuracy"];
  return [...new Set(keys)].filter((key) => micro[key] !== undefined && micro[key] !== null);
}

function nameOf(key) {
  const [name, rank] = key.split("@");
  if (name === "precision") return rank === "1" ? t("quality.first") : t("quality.precision", { rank: Number(rank) });
  return t(`quality.${name}`);
}

function percent(share) {
  return share === null || share === undefined ? "–" : number(share, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

function interval(ends) {
  return ends ? t("quality.interval", { low: percent(ends[0]), high: percent(ends[1]) }) : "";
}

function classes(evaluation, keys) {
  const labels = Object.keys(evaluation.classes).sort((first, second) => evaluation.class_queries[second] - evaluation.class_queries[first]);
  if (labels.length < 2) return null;
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": t("quality.classes") },
    h(
      "table",
      { class: "figures" },
      h("thead", {}, h("tr", {}, [t("quality.class"), t("quality.queries"), ...keys.map(nameOf)].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, labels.slice(0, MOST_CLASSES).map((label) => h(
        "tr",
        {},
        h("th", { scope: "row" }, label),
        h("td", {}, number(evaluation.class_queries[label])),
        keys.map((key) => h("td", {}, percent(evaluation.classes[label][key]))),
      ))),
    ),
  );
}

/** The queries whose first hit is of another class: each opens its search. */
function failures(gallery, all) {
  const shown = all.filter((query) => query.id && query.hits[0]?.id).slice(0, MOST_FAILURES);
  if (!shown.length) return null;
  return [
    h("h3", {}, t("quality.failures")),
    h("ul", { class: "pairs", role: "list" }, shown.map((query) => h(
      "li",
      {},
      h(
        "button",
        { type: "button", "aria-label": t("quality.failure", { path: query.path, label: query.label, hit: query.hits[0].path, other: query.hits[0].label }), onclick: () => search([{ kind: "id", gallery, id: query.id, weight: 1, region: null }]) },
        [query, query.hits[0]].map((one) => h("img", { src: thumbnail({ gallery, id: one.id }, SIDE, SIDE), alt: "", loading: "lazy", title: one.path })),
      ),
      h("span", { class: "soft" }, `${query.label} → ${query.hits[0].label}`),
    ))),
  ];
}
