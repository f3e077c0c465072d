// The page's words in two languages, from words.json; the terminal's own language is another matter.
const OTHER = { en: "fa", fa: "en" };
let all = {}, language = "en";
const hear = [];

export async function load() {
  all = await (await fetch("words.json")).json();
  let kept = null;
  try { kept = localStorage.getItem("language"); } catch { /* a browser may refuse to keep anything */ }
  use(all[kept] ? kept : (navigator.language || "").startsWith("fa") ? "fa" : "en");
}

export function use(name) {
  language = name;
  const page = document.documentElement;
  page.lang = name;
  page.dir = name === "fa" ? "rtl" : "ltr";
  document.title = t("page");
  for (const at of document.querySelectorAll("[data-t]")) at.textContent = t(at.dataset.t);
  for (const at of document.querySelectorAll("[data-label]")) at.setAttribute("aria-label", t(at.dataset.label));
  for (const at of document.querySelectorAll("[data-l]")) at.label = t(at.dataset.l);
  for (const told of hear) told();
}

export function toggle() {
  use(OTHER[language]);
  try { localStorage.setItem("language", language); } catch { /* it is asked again next time */ }
}

export const onChange = (told) => hear.push(told);

// The text of a key with {0}, {1} filled in; `inWords(name)` another language's.
export function t(key, ...values) { return fill(all[language]?.[key] ?? key, values); }
export function inWords(name, key) { return all[name]?.[key] ?? key; }
export function has(key) { return key in (all[language] ?? {}); }
function fill(text, values) { return text.replace(/\{(\d)\}/g, (_, at) => values[at] ?? ""); }

const tag = () => (language === "fa" ? "fa-IR" : "en-GB");
export const number = (value) => Number(value).toLocaleString(tag());
export const signed = (value) => Number(value).toLocaleString(tag(), { signDisplay: "exceptZero" });
const TEHRAN = { timeZone: "Asia/Tehran" };
export const clock = (utc) => new Date(utc * 1000).toLocaleTimeString(tag(), { ...TEHRAN, hour: "2-digit", minute: "2-digit", second: "2-digit" });
// As the terminal writes days: 2026-01-12, in Persian 1404/10/22.
const dayTag = () => (language === "fa" ? "fa-IR" : "sv-SE");
export const when = (utc) => new Date(utc * 1000).toLocaleDateString(dayTag(), { ...TEHRAN, year: "numeric", month: "2-digit", day: "2-digit" }) + " " + clock(utc);
