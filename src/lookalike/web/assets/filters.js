/** Narrow what is shown: by folder, date, values of columns, match and score. */

import { facets as askFacets } from "./api.js";
import { button, fill, h, icon } from "./dom.js";
import { everything, go, isNarrowed } from "./state.js";
import { date, number, t } from "./texts.js";

const SHOWN = 12;
const DATES = Symbol("dates");
const MATCHES = ["similar", "close", "copy", "identical"];

export class Filters {
  constructor(element, close) {
    this.element = element;
    this.close = close;
    this.opened = new Set([""]);
    this.longer = new Set();
    this.asked = null;
  }

  /** Draw the filters of a state, for one `gallery`. */
  async show(value, gallery) {
    this.asked?.abort();
    this.asked = new AbortController();
    const signal = this.asked.signal;
    let found;
    try {
      found = await this.read(value, gallery, signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      fill(this.element, this.head(value), h("p", { class: "problem" }, error.message), this.free(value));
      return;
    }
    if (signal.aborted) return;
    const focused = document.activeElement?.id;
    fill(
      this.element,
      this.head(value),
      this.folders(value, found.folders),
      this.dates(value, found.months),
      found.columns.map((column) => this.column(value, column)),
      value.terms.length > 0 && this.quality(value),
      this.free(value),
    );
    if (focused) document.getElementById(focused)?.focus();
  }

  /** Each column is counted without what is chosen in it, so that one can choose something else. */
  async read(value, gallery, signal) {
    const chosen = Object.keys(value.facets);
    const [all, elsewhere, ...each] = await Promise.all([
      askFacets(value, gallery, signal),
      askFacets({ ...value, under: null }, gallery, signal),
      ...chosen.map((name) => askFacets({ ...value, facets: { ...value.facets, [name]: [] } }, gallery, signal)),
    ]);
    const own = new Map(chosen.map((name, place) => [name, each[place].columns.find((one) => one.name === name)]));
    const names = [...new Set([...elsewhere.columns.map((one) => one.name), ...chosen])];
    const columns = names.map((name) => own.get(name) ?? all.columns.find((one) => one.name === name)).filter(Boolean);
    return { folders: elsewhere.folders, months: all.months, columns };
  }

  head(value) {
    return h(
      "div",
      { class: "head" },
      h("h2", {}, t("filters")),
      isNarrowed(value) && button(t("filters.clear"), { class: "link", onclick: () => go(everything) }),
      button(t("close"), { name: "close", shown: false, onclick: () => this.close() }),
    );
  }

  group(title, ...content) {
    return h("fieldset", {}, h("legend", {}, title), ...content);
  }

  folders(value, counts) {
    const tree = treeOf(counts);
    if (!tree.children.size) return null;
    for (let path = value.under ?? ""; path; path = path.slice(0, Math.max(0, path.lastIndexOf("/")))) this.opened.add(path);
    return this.group(t("filters.folder"), this.branch(value, tree, t("filters.all-folders")));
  }

  branch(value, node, name) {
    const isOpen = this.opened.has(node.path);
    const isChosen = (value.under ?? "") === node.path;
    const toggle = () => {
      if (isOpen) this.opened.delete(node.path);
      else this.opened.add(node.path);
      this.element.querySelector(`[data-folder="${CSS.escape(node.path)}"]`)?.replaceWith(this.branch(value, node, name));
    };
    const children = [...node.children.values()].sort((first, second) => first.name.localeCompare(second.name, undefined, { numeric: true }));
    return h(
      "div",
      { class: "branch", "data-folder": node.path },
      h(
        "div",
        { class: isChosen ? "folder chosen" : "folder" },
        children.length > 0
          ? h("button", { type: "button", class: isOpen ? "fold open" : "fold", "aria-expanded": String(isOpen), "aria-label": t("filters.unfold", { name }), onclick: toggle }, icon("right"))
          : h("span", { class: "fold" }),
        h("button", { type: "button", class: "name", "aria-pressed": String(isChosen), title: node.path, onclick: () => go({ under: node.path || null }) }, name),
        h("span", { class: "count" }, number(node.count)),
      ),
      isOpen && children.length > 0 && h("div", { class: "children" }, children.map((child) => this.branch(value, child, child.name))),
    );
  }

  dates(value, months) {
    const known = Object.keys(months);
    if (!known.length && !value.from && !value.to) return null;
    const field = (name) => h("label", {}, t(`filters.${name}`), h("input", {
      type: "date", id: `date-${name}`, value: value[name] ?? "", onchange: (event) => go({ [name]: event.target.value || null }),
    }));
    return this.group(t("filters.date"), h("div", { class: "pair" }, field("from"), field("to")), this.months(value, months));
  }

  /** The months in which images were taken, the latest first; one of them is shown alone. */
  months(value, counts) {
    const all = Object.entries(counts).filter(([month]) => /^\d{4}-\d\d$/.test(month)).reverse();
    const shown = this.longer.has(DATES) ? all : all.slice(0, SHOWN);
    const choose = ([from, to], isChosen) => go(isChosen ? { from: null, to: null } : { from, to, order: "date" });
    return [
      h("div", { class: "values" }, shown.map(([month, count]) => {
        const days = daysOf(month);
        const isChosen = value.from === days[0] && value.to === days[1];
        return h(
          "div",
          { class: isChosen ? "folder chosen" : "folder" },
          h("button", { type: "button", class: "name", id: `month-${month}`, "aria-pressed": String(isChosen), onclick: () => choose(days, isChosen) }, date(month)),
          h("span", { class: "count" }, number(count)),
        );
      })),
      shown.length < all.length && button(t("filters.more", { count: all.length - shown.length }), { class: "link", onclick: () => this.lengthen(DATES) }),
    ];
  }

  lengthen(name) {
    this.longer.add(name);
    go({}, { replace: true });
  }

  column(value, column) {
    const chosen = value.facets[column.name] ?? [];
    const choose = (one, isChosen) => {
      const values = isChosen ? [...chosen, one] : chosen.filter((other) => other !== one);
      const others = Object.fromEntries(Object.entries(value.facets).filter(([name]) => name !== column.name));
      go({ facets: values.length ? { ...others, [column.name]: values } : others });
    };
    const all = column.values;
    const shown = this.longer.has(column.name) ? all : all.filter(([one], place) => place < SHOWN || chosen.includes(one));
    return this.group(
      column.name,
      column.least !== null && h("p", { class: "soft" }, t("filters.range", { least: column.least, greatest: column.greatest })),
      h("div", { class: "values" }, shown.map(([one, count], place) => h(
        "label",
        { class: "line" },
        h("input", { type: "checkbox", id: `facet-${column.name}-${place}`, checked: chosen.includes(one), onchange: (event) => choose(one, event.target.checked) }),
        h("span", { class: "name", title: one }, one),
        h("span", { class: "count" }, number(count)),
      ))),
      shown.length < all.length && button(t("filters.more", { count: column.distinct - shown.length }), { class: "link", onclick: () => this.lengthen(column.name) }),
    );
  }

  quality(value) {
    const match = h(
      "select",
      { id: "filter-match", onchange: (event) => go({ match: event.target.value || null }) },
      h("option", { value: "", selected: !value.match }, t("filters.any-match")),
      MATCHES.map((one) => h("option", { value: one, selected: value.match === one }, t(`filters.match.${one}`))),
    );
    const least = h("input", {
      type: "number", id: "filter-least", min: "-1", max: "1", step: "0.05", value: value.least ?? "",
      onchange: (event) => go({ least: event.target.value === "" ? null : Number(event.target.value) }),
    });
    const copies = h("input", { type: "checkbox", id: "filter-copies", checked: value.copies, onchange: (event) => go({ copies: event.target.checked }) });
    return this.group(
      t("filters.quality"),
      h("label", {}, t("filters.match"), match),
      h("label", {}, t("filters.least"), least),
      h("label", { class: "line" }, copies, h("span", { class: "name" }, t("filters.copies"))),
    );
  }

  free(value) {
    const apply = (event) => {
      event.preventDefault();
      go({ where: event.target.elements.where.value.trim() || null });
    };
    return h(
      "form",
      { onsubmit: apply },
      this.group(t("filters.condition"), h("input", {
        type: "text", name: "where", id: "filter-where", value: value.where ?? "", placeholder: "km>=32 and width>1000", "aria-label": t("filters.condition"),
        spellcheck: "false", autocomplete: "off",
      })),
    );
  }
}

/** The first and the last day of a month such as 2023-05. */
function daysOf(month) {
  const [year, place] = month.split("-").map(Number);
  return [`${month}-01`, `${month}-${new Date(Date.UTC(year, place, 0)).getUTCDate()}`];
}

/** A tree of folders; the count of each includes those below it. */
function treeOf(counts) {
  const root = { name: "", path: "", count: 0, children: new Map() };
  for (const [folder, count] of Object.entries(counts)) {
    let node = root;
    node.count += count;
    for (const part of folder ? folder.split("/") : []) {
      const path = node.path ? `${node.path}/${part}` : part;
      if (!node.children.has(part)) node.children.set(part, { name: part, path, count: 0, children: new Map() });
      node = node.children.get(part);
      node.count += count;
    }
  }
  return root;
}
