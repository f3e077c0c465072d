// The keypad, by mouse, finger and keyboard: a key goes down and comes up as the hand does, one at a time.
import { $, node, setAttribute } from "./dom.js";
import { wake } from "./sound.js";
import { send } from "./wire.js";
import { has, inWords, onChange, t } from "./words.js";

const KEYS = ["SALE", "REDEEM", "BALANCE", "MENU", "1", "2", "3", "UP", "4", "5", "6", "DOWN", "7", "8", "9", "CANCEL", "CLEAR", "0", "000", "OK"];
const ARROWS = { UP: "▲", DOWN: "▼" };
const KEYBOARD = {
  Enter: "OK", Escape: "CANCEL", Backspace: "CLEAR", Delete: "CLEAR", ArrowUp: "UP", ArrowDown: "DOWN", ".": "000", "٫": "000",
  F1: "SALE", F2: "REDEEM", F3: "BALANCE", F4: "MENU",
};
const PERSIAN = "۰۱۲۳۴۵۶۷۸۹", ARABIC = "٠١٢٣٤٥٦٧٨٩";
let held = null;

const cap = (key) => document.querySelector(`.pad [data-key="${key}"]`);

function down(key) {
  up();
  held = key;
  wake();
  send({ do: "down", key });
  cap(key).classList.add("down");
}

function up() {
  if (held === null) return;
  send({ do: "up", key: held });
  cap(held).classList.remove("down");
  held = null;
}

// The terminal's key for what was typed, also from a Persian keyboard.
function keyOf(typed) {
  if (/^[0-9]$/.test(typed)) return typed;
  const digit = typed.length === 1 ? Math.max(PERSIAN.indexOf(typed), ARABIC.indexOf(typed)) : -1;
  return digit >= 0 ? String(digit) : KEYBOARD[typed];
}

// Caps stand as the terminal's texts name them, with the Persian word below, as terminals in Persian shops have it; only
// what is read aloud follows the page's language.
function letter() {
  for (const key of KEYS) {
    const word = has("key." + key) ? t("key." + key) : key;
    setAttribute(cap(key), "aria-label", word.toUpperCase().startsWith(key) ? word : `${key} (${word})`);
  }
}

export function start() {
  for (const key of KEYS) {
    const button = node("button", "", key.length > 1 && key !== "000" ? "name" : "", { type: "button", "data-key": key });
    button.append(node("b", ARROWS[key] ?? key, "", { lang: "en" }));
    if (key.length > 1 && key !== "000" && !ARROWS[key]) button.append(node("small", inWords("fa", "key." + key), "", { lang: "fa", dir: "rtl" }));
    if (["OK", "CANCEL", "CLEAR"].includes(key)) button.classList.add(key.toLowerCase());
    button.addEventListener("pointerdown", (event) => { if (event.button === 0) { event.preventDefault(); down(key); } });
    button.addEventListener("click", (event) => { if (event.detail === 0) { down(key); up(); } });  // keyboard and assistive tools
    $("pad").append(button);
  }
  for (const name of ["pointerup", "pointercancel", "blur"]) window.addEventListener(name, up);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input, select, textarea, a[href]")) return;
    const key = keyOf(event.key);  // Space is left to the button in focus, Enter is OK
    if (!key || (event.key.startsWith("Arrow") && event.target.matches("[role=tab], [tabindex]:not(button)"))) return;
    event.preventDefault();
    if (!event.repeat) down(key);
  });
  document.addEventListener("keyup", (event) => { if (held !== null && keyOf(event.key) === held) up(); });
  // A button pressed by mouse must not keep Space for itself.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button, summary");
    if (button && event.detail > 0) button.blur();
  });
  onChange(letter);
  letter();
}
