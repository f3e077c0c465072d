// The tray of cards: a press lays one on the reader or pulls it away, and its picture can be dragged there and back.
import { $, node, setAttribute, setText } from "./dom.js";
import { wake } from "./sound.js";
import { on, send } from "./wire.js";
import { has, number, onChange, t } from "./words.js";

const DRAG_PX = 6;
let cards = [], picked = null;  // names that wait to be laid at the same moment, null when each goes by itself

export const label = (card) => (has("card." + card.name) ? t("card." + card.name) : card.label);
const find = (name) => document.querySelector(`#cards [data-card="${name}"]`);
const move = (name, lay) => { wake(); send(lay ? { do: "lay", cards: [name] } : { do: "remove", card: name }); };

// A press: away with a card that lies there, else on with it, or to those that wait for each other.
function pressed(card) {
  if (card.on || !picked) { move(card.name, !card.on); return; }
  if (!picked.delete(card.name)) picked.add(card.name);
  show();
}

function together() {
  if (picked?.size) { wake(); send({ do: "lay", cards: [...picked] }); }
  picked = picked ? null : new Set();
  show();
}

function over(box, event) {
  const at = box.getBoundingClientRect();
  return event.clientX >= at.left && event.clientX <= at.right && event.clientY >= at.top && event.clientY <= at.bottom;
}

// Drags a card by its handle: dropped on the reader it lies there, dropped elsewhere it does not.
function draggable(handle, name) {
  handle.addEventListener("pointerdown", (start) => {
    if (start.button !== 0) return;
    let ghost = null;
    const reader = document.querySelector(".device .body");
    const moved = (event) => {
      if (!ghost && Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) < DRAG_PX) return;
      if (!ghost) {
        ghost = node("i", "", "ghost", { "data-picture": name, "aria-hidden": "true" });
        document.body.append(ghost);
        document.body.classList.add("dragging");
      }
      ghost.style.left = event.clientX + "px"; ghost.style.top = event.clientY + "px";
      $("reader").classList.toggle("target", over(reader, event));
    };
    const done = (event) => {
      for (const [kind, told] of [["pointermove", moved], ["pointerup", done], ["pointercancel", done]]) window.removeEventListener(kind, told);
      if (!ghost) return;
      ghost.remove();
      document.body.classList.remove("dragging");
      $("reader").classList.remove("target");
      // The click that follows a drag belongs to it.
      window.addEventListener("click", (click) => { click.stopPropagation(); click.preventDefault(); }, { capture: true, once: true });
      setTimeout(() => window.dispatchEvent(new MouseEvent("click")), 0);
      if (event.type === "pointerup") move(name, over(reader, event));
    };
    window.addEventListener("pointermove", moved);
    window.addEventListener("pointerup", done);
    window.addEventListener("pointercancel", done);
  });
}

function make(card) {
  const button = node("button", "", "tray", { type: "button", "data-card": card.name });
  const picture = node("i", "", "picture", { "data-picture": card.name }), words = node("span");
  words.append(node("b"), node("small", card.kind, "", { lang: "en", dir: "ltr" }));
  button.append(picture, words, node("em"));
  button.addEventListener("click", () => pressed(cards.find((now) => now.name === card.name)));
  draggable(picture, card.name);
  $("cards").append(button);
  return button;
}

function chip(card) {
  const made = node("button", label(card), "chip", { type: "button", "data-chip": card.name, "aria-label": t("card.pull", label(card)) });
  made.prepend(node("i", "", "picture", { "data-picture": card.name }));
  made.addEventListener("click", () => move(card.name, false));
  draggable(made, card.name);
  return made;
}

function show() {
  for (const card of cards) {
    const button = find(card.name) ?? make(card);
    setAttribute(button, "aria-pressed", card.on);
    setText(button.querySelector("b"), label(card));
    button.classList.toggle("picked", Boolean(picked?.has(card.name)));
    setText(button.querySelector("em"), t(card.on ? "card.away" : picked?.has(card.name) ? "card.picked" : "card.lay"));
  }
  setText($("together"), picked?.size ? t("together.lay", number(picked.size)) : t(picked ? "together.pick" : "together"));
  setAttribute($("together"), "aria-pressed", picked !== null);
  const laid = cards.filter((card) => card.on);
  $("reader").replaceChildren(...(laid.length ? laid.map(chip) : [node("span", t("reader"))]));
  $("reader").classList.toggle("full", laid.length > 0);
}

export function start() {
  on("state", (state) => { if (state.cards) { cards = state.cards; show(); } });
  onChange(show);
  $("together").addEventListener("click", together);
}
