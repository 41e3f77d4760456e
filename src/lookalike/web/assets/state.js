/**
 * What the page shows is in its address, so that back and forward work, and a search can be kept or sent.
 *
 * `terms` are `{kind: "id", gallery, id}`, `{kind: "text", text}` or `{kind: "upload", digest}`, each with a `weight`
 * and perhaps a `region`: left, top, right and bottom as shares of the image. `facets` are chosen values by column.
 */

const EMPTY = {
  galleries: [], terms: [], under: null, facets: {}, from: null, to: null, where: null, match: null, least: null,
  copies: false, order: "path", view: "images", open: null,
};

const VIEWS = ["images", "gallery", "duplicates", "sheet"];
const MATCHES = ["identical", "copy", "close", "similar"];

let current = EMPTY;
const listeners = [];

/** The state now. */
export function state() {
  return current;
}

/** Call `listener` with the state, and the one before it, whenever it changes. */
export function onChange(listener) {
  listeners.push(listener);
}

/** Change a part of the state; with `replace`, without a way back to the one before. */
export function go(changes, { replace = false } = {}) {
  const next = { ...current, ...changes };
  const address = addressOf(next);
  if (replace) history.replaceState(null, "", address);
  else if (address !== addressOf(current)) history.pushState(null, "", address);
  become(next);
}

/** Begin with the state in the address, and follow the buttons of the browser. */
export function start() {
  window.addEventListener("popstate", () => become(parse(location.search)));
  become(parse(location.search));
}

/** A new search; what was narrowed stays, as does the gallery. */
export function search(terms) {
  go({ terms, view: "images", open: null });
}

function become(next) {
  const before = current;
  current = next;
  for (const listener of listeners) listener(next, before);
}

/** The address of a state, which is only what differs from the empty one. */
export function addressOf(value) {
  const fields = new URLSearchParams();
  for (const name of value.galleries) fields.append("in", name);
  for (const term of value.terms) fields.append("q", termText(term));
  for (const [column, values] of Object.entries(value.facets))
    for (const one of values) fields.append(`=${column}`, one);
  for (const name of ["under", "from", "to", "where", "match"]) if (value[name]) fields.set(name, value[name]);
  if (value.least !== null) fields.set("least", String(value.least));
  if (value.copies) fields.set("copies", "1");
  if (value.order !== "path") fields.set("order", value.order);
  if (value.view !== "images") fields.set("view", value.view);
  if (value.open) fields.set("open", value.open);
  const text = fields.toString();
  return text ? `?${text}` : "./";
}

/** The state of an address; what can't be understood is left out. */
export function parse(address) {
  const fields = new URLSearchParams(address);
  const least = Number.parseFloat(fields.get("least") ?? "");
  const facets = {};
  for (const [name, value] of fields)
    if (name.startsWith("=")) (facets[name.slice(1)] ??= []).push(value);
  return {
    ...EMPTY,
    galleries: fields.getAll("in"),
    terms: fields.getAll("q").map(parseTerm).filter(Boolean),
    under: fields.get("under"),
    facets,
    from: dateIn(fields.get("from")),
    to: dateIn(fields.get("to")),
    where: fields.get("where"),
    match: MATCHES.includes(fields.get("match")) ? fields.get("match") : null,
    least: least >= -1 && least <= 1 ? least : null,
    copies: fields.get("copies") === "1",
    order: fields.get("order") === "date" ? "date" : "path",
    view: VIEWS.includes(fields.get("view")) ? fields.get("view") : "images",
    open: fields.get("open"),
  };
}

function dateIn(text) {
  return text && /^\d{4}-\d\d-\d\d$/.test(text) ? text : null;
}

function termText(term) {
  const value = term.kind === "id" ? `${term.gallery}/${term.id}` : term.kind === "text" ? term.text : term.digest;
  const weight = term.weight === 1 ? "" : `;w=${term.weight}`;
  const region = term.region ? `;r=${term.region.map((share) => Number(share.toFixed(4))).join(",")}` : "";
  return `${term.kind}${weight}${region}:${value}`;
}

function parseTerm(text) {
  const found = /^(id|text|upload)(?:;w=(-?[\d.]+))?(?:;r=([\d.,]+))?:(.+)$/s.exec(text);
  if (!found) return null;
  const [, kind, weightText, regionText, value] = found;
  const weight = weightText === undefined ? 1 : Number(weightText);
  const region = regionText === undefined ? null : regionText.split(",").map(Number);
  if (!Number.isFinite(weight) || (region && (region.length !== 4 || !region.every(Number.isFinite)))) return null;
  if (kind === "text") return { kind, text: value, weight, region: null };
  if (kind === "upload") return /^[0-9a-f]{64}$/.test(value) ? { kind, digest: value, weight, region } : null;
  const [gallery, id] = value.split("/");
  return gallery && /^[0-9a-f]+$/.test(id ?? "") ? { kind, gallery, id, weight, region } : null;
}

/** The condition on columns that a state amounts to, as `lookalike search --where` takes it; null if there is none. */
export function condition(value) {
  const parts = Object.entries(value.facets).map(([column, values]) => membership(column, values));
  if (value.from) parts.push(`date>=${value.from}`);
  if (value.to) parts.push(`date<=${value.to}`);
  if (value.where) parts.push(`(${value.where})`);
  const all = parts.filter(Boolean);
  return all.length ? all.join(" and ") : null;
}

function membership(column, values) {
  const quoted = values.map(quote).filter(Boolean);
  return quoted.length ? `${columnName(column)} in (${quoted.join(", ")})` : null;
}

function columnName(column) {
  return /^[A-Za-z_][\w.:-]*$/.test(column) && !/^(and|or|not|in)$/i.test(column) ? column : `[${column}]`;
}

/** A value in quotes; one that has both kinds of them can't be written. */
function quote(value) {
  return !value.includes('"') ? `"${value}"` : !value.includes("'") ? `'${value}'` : null;
}

/** Whether anything is narrowed. */
export function isNarrowed(value) {
  return Boolean(value.under || value.match || value.least !== null || condition(value));
}

/** What takes back all that is narrowed. */
export const everything = { under: null, facets: {}, from: null, to: null, where: null, match: null, least: null };
