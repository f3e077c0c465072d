// What stands around the terminal: cable, power, printer, the switch's faults and the clock.
import { $, setAttribute, setText } from "./dom.js";
import { on, send } from "./wire.js";
import { number, onChange, t, when } from "./words.js";

let state = { net: true, powered: true, paper: true, plugged: true, leds: {}, utc: 0 };
let failure = null, failing = 0, link = "connecting";

const SWITCHES = [["net", "net"], ["power", "powered"], ["paper", "paper"], ["plug", "plugged"]];

function show() {
  for (const [id, name] of SWITCHES) {
    setAttribute($(id), "aria-checked", state[name]);
    setText($(id).querySelector("span"), t(`${id}.${state[name] ? "on" : "off"}`));
  }
  for (const colour of ["green", "red"]) {
    $("led-" + colour).classList.toggle("on", Boolean(state.leds[colour]));
    setAttribute($("led-" + colour), "aria-label", t(`led.${colour}.${state.leds[colour] ? "on" : "off"}`));
  }
  setText($("clock"), state.utc ? when(state.utc) : "");
  setText($("link"), t("link." + link));
  $("link").className = link;
  setText($("language"), t("language.other"));
  notice();
}

// An error for a while, else what was asked for and has not happened or ended yet.
function notice() {
  const waits = [];
  if (state.cut_in) waits.push(state.cut_in === 1 ? t("notice.cut.next") : t("notice.cut", number(state.cut_in)));
  if (state.cut_at) waits.push(t("notice.cut.came", number(state.cut_at)));
  if (state.replaced) waits.push(t("notice.replaced"));
  if (state.fault) waits.push(t("notice.fault", t("fault." + state.fault)));
  setText($("notice"), failure ? t("error." + failure.code, failure.value) : waits.join(t("notice.and")));
  $("notice").className = failure ? "lost" : "";
}

export function start() {
  on("state", (next) => { state = { ...state, ...next }; show(); });
  on("link", (now) => { link = now; show(); });
  on("error", (error) => {
    failure = error; notice();
    clearTimeout(failing); failing = setTimeout(() => { failure = null; notice(); }, 6000);
  });
  onChange(show);
  $("net").addEventListener("click", () => send({ do: "net", up: !state.net }));
  $("power").addEventListener("click", () => send({ do: "power", on: !state.powered }));
  $("paper").addEventListener("click", () => send({ do: "printer", what: state.paper ? "paper-out" : "paper-in" }));
  $("plug").addEventListener("click", () => send({ do: "printer", what: state.plugged ? "unplug" : "plug" }));
  $("reset").addEventListener("click", () => send({ do: "reset" }));
  $("cut-now").addEventListener("click", () => send({ do: "power", on: false }));
  $("cut").addEventListener("submit", (event) => {
    event.preventDefault();
    send({ do: "cut", op: Number($("cut-op").value), torn: $("cut-torn").value });
  });
  $("fault").addEventListener("submit", (event) => { event.preventDefault(); send({ do: "switch", fault: $("fault-kind").value }); });
  $("fault-none").addEventListener("click", () => send({ do: "switch", fault: "" }));
  for (const button of document.querySelectorAll("[data-later]"))
    button.addEventListener("click", () => send({ do: "later", seconds: Number(button.dataset.later) }));
}
