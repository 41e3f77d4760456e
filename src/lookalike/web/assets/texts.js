/** The texts of the page in the language of the user: one file for each language, English where one is missing. */

const LANGUAGES = { en: "English", de: "Deutsch" };
const KEY = "lookalike.language";

let language = "en";
let texts = {};
let english = {};
let plurals = new Intl.PluralRules("en");
let numbers = new Intl.NumberFormat("en");

/** All languages that there are, by their codes. */
export const languages = LANGUAGES;

/** The language that is used, as a code. */
export function currentLanguage() {
  return language;
}

/** Load the texts in the language that was chosen, or that the browser prefers. */
export async function loadTexts() {
  const preferred = (navigator.languages ?? []).map((one) => one.slice(0, 2).toLowerCase());
  language = [localStorage.getItem(KEY), ...preferred].find((one) => one in LANGUAGES) ?? "en";
  english = await read("en");
  texts = language === "en" ? english : await read(language);
  plurals = new Intl.PluralRules(language);
  numbers = new Intl.NumberFormat(language);
  document.documentElement.lang = language;
}

/** Use another language from now on. */
export async function chooseLanguage(code) {
  localStorage.setItem(KEY, code);
  await loadTexts();
}

async function read(code) {
  return (await fetch(`assets/texts/${code}.json`)).json();
}

/**
 * The text with this key, and `{names}` in it replaced by `values`. If there is a `count`, the form of the plural that
 * fits it is used: `key.one` or `key.other`.
 */
export function t(key, values = {}) {
  const form = "count" in values ? `${key}.${plurals.select(values.count)}` : key;
  const text = texts[form] ?? texts[`${key}.other`] ?? english[form] ?? english[`${key}.other`] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => shown(values[name]));
}

function shown(value) {
  return typeof value === "number" ? numbers.format(value) : String(value ?? "");
}

/** A number as people write it. */
export function number(value, options = undefined) {
  return options ? new Intl.NumberFormat(language, options).format(value) : numbers.format(value);
}

/** A size in bytes as people write it. */
export function bytes(count) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const power = count < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(count) / 3));
  const digits = power === 0 || count / 1000 ** power >= 100 ? 0 : 1;
  return number(count / 1000 ** power, {
    style: "unit", unit: units[power], unitDisplay: power === 0 ? "long" : "short", maximumFractionDigits: digits,
  });
}

/** A date as people write it: of a text such as 2023-05-17 or 2023-05-17 12:30:05. */
export function date(text) {
  const found = /^(\d{4})-(\d\d)(?:-(\d\d)(?:[ T](\d\d):(\d\d))?)?/.exec(text);
  if (!found) return text;
  const [, year, month, day, hour, minute] = found.map((part) => part && Number(part));
  const value = new Date(year, month - 1, day ?? 1, hour ?? 0, minute ?? 0);
  if (day === undefined) return value.toLocaleDateString(language, { year: "numeric", month: "long" });
  const time = hour === undefined ? {} : { hour: "2-digit", minute: "2-digit" };
  return value.toLocaleString(language, { year: "numeric", month: "short", day: "numeric", ...time });
}
