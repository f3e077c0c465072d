"use strict";
// The panel's page: draws what the server says and sends what hands do. It keeps no state of its own.
const $ = (id) => document.getElementById(id);
const WIDTH = 128, HEIGHT = 64;
const KEYS = ["SALE", "REDEEM", "BALANCE", "MENU", "1", "2", "3", "UP", "4", "5", "6", "DOWN", "7", "8", "9", "CANCEL", "CLEAR", "0", "000", "OK"];
const FACES = { UP: "▲", DOWN: "▼" };
const KEYBOARD = {
  Enter: "OK", Escape: "CANCEL", Backspace: "CLEAR", Delete: "CLEAR", ArrowUp: "UP", ArrowDown: "DOWN", ".": "000",
  F1: "SALE", F2: "REDEEM", F3: "BALANCE", F4: "MENU",
};
let socket = null, frame = new Uint8Array(WIDTH * HEIGHT / 8), state = {};

function send(message) { if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message)); }

// --- screen: every lit pixel a square of whole device pixels, so nothing is ever blurred
function draw() {
  const canvas = $("screen"), ratio = window.devicePixelRatio || 1, room = canvas.parentElement;
  const style = getComputedStyle(room);
  const free = room.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const scale = Math.max(1, Math.floor(free * ratio / WIDTH)), gap = scale > 3 ? 1 : 0;
  if (canvas.width !== WIDTH * scale) {
    canvas.width = WIDTH * scale; canvas.height = HEIGHT * scale;
    canvas.style.width = WIDTH * scale / ratio + "px"; canvas.style.height = HEIGHT * scale / ratio + "px";
  }
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#060504"; pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = "#ffb347";
  for (let page = 0; page < HEIGHT / 8; page++)
    for (let x = 0; x < WIDTH; x++) {
      const column = frame[page * WIDTH + x];
      for (let bit = 0; bit < 8; bit++)
        if (column >> bit & 1) pen.fillRect(x * scale, (page * 8 + bit) * scale, scale - gap, scale - gap);
    }
}

// --- keypad, by pointer and by keyboard
function press(key) {
  wake();
  send({ do: "press", key });
  const button = document.querySelector(`.pad button[data-key="${key}"]`);
  button.classList.add("down"); setTimeout(() => button.classList.remove("down"), 110);
}
for (const key of KEYS) {
  const button = document.createElement("button");
  button.type = "button"; button.dataset.key = key; button.textContent = FACES[key] || key;
  button.setAttribute("aria-label", key);
  if (key.length > 3 || key === "OK" || key === "UP") button.classList.add("name");
  if (["OK", "CANCEL", "CLEAR"].includes(key)) button.classList.add(key.toLowerCase());
  button.addEventListener("pointerdown", (event) => { event.preventDefault(); press(key); });
  button.addEventListener("click", (event) => { if (event.detail === 0) press(key); });  // keyboard and assistive tools
  $("pad").append(button);
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const at = event.target;
  if (at.matches("input, select, textarea, a[href]")) return;  // Space is left to the button in focus, Enter is OK
  const key = /^[0-9]$/.test(event.key) ? event.key : KEYBOARD[event.key];
  if (!key || (event.key.startsWith("Arrow") && at.matches("[tabindex]"))) return;
  event.preventDefault();
  if (!event.repeat) press(key);
});
// A button pressed by mouse must not keep Space for itself.
document.addEventListener("click", (event) => {
  const button = event.target.closest("button, summary");
  if (button && event.detail > 0) button.blur();
});

// --- sound: a square wave, as the buzzer makes
let audio = null, tone = null;
function wake() { if (!audio && window.AudioContext) audio = new AudioContext(); if (audio && audio.state === "suspended") audio.resume(); }
function sound(hz) {
  if (tone) { tone.stop(); tone = null; }
  if (!hz || !audio || $("mute").checked) return;
  tone = audio.createOscillator(); tone.type = "square"; tone.frequency.value = hz;
  const volume = audio.createGain(); volume.gain.value = 0.04;
  tone.connect(volume).connect(audio.destination); tone.start(); tone.stop(audio.currentTime + 2);
}
function tones(list) {
  if (!list.length) return;
  const first = list[0][0];
  for (const [ms, hz] of list) setTimeout(() => sound(hz), ms - first);
}

// --- cards, switches, faults
function cards(list) {
  const tray = $("cards");
  for (const card of list) {
    let button = tray.querySelector(`[data-card="${card.name}"]`);
    if (!button) {
      button = document.createElement("button");
      button.type = "button"; button.className = "tray"; button.dataset.card = card.name;
      button.innerHTML = "<i></i><span><b></b><small></small></span><em></em>";
      button.querySelector("b").textContent = card.label;
      button.querySelector("small").textContent = card.kind;
      button.addEventListener("click", () => {
        wake(); send({ do: button.getAttribute("aria-pressed") === "true" ? "remove" : "lay", card: card.name });
      });
      tray.append(button);
    }
    button.setAttribute("aria-pressed", card.on);
    button.querySelector("em").textContent = card.on ? "pull away" : "lay on";
  }
  const laid = list.filter((card) => card.on).map((card) => card.label);
  $("reader").textContent = laid.join(" + ") || "lay card here";
  $("reader").classList.toggle("full", laid.length > 0);
}
function toggle(id, on, yes, no) {
  $(id).setAttribute("aria-checked", on); $(id).querySelector("span").textContent = on ? yes : no;
}
$("net").addEventListener("click", () => send({ do: "net", up: !state.net }));
$("power").addEventListener("click", () => send({ do: "power", on: !state.powered }));
$("printer").addEventListener("click", () => send({ do: "printer", what: state.paper ? "paper-out" : "paper-in" }));
$("reset").addEventListener("click", () => send({ do: "reset" }));
$("cut-now").addEventListener("click", () => send({ do: "power", on: false }));
$("cut").addEventListener("submit", (event) => {
  event.preventDefault(); send({ do: "cut", op: Number($("cut-op").value), torn: $("cut-torn").value });
});
$("fault").addEventListener("submit", (event) => { event.preventDefault(); send({ do: "switch", fault: $("fault-kind").value }); });
$("fault-kind").addEventListener("change", () => {
  $("fault-do").textContent = $("fault-kind").selectedOptions[0].parentElement.label.startsWith("until") ? "From now on" : "Next time";
});
$("fault-none").addEventListener("click", () => send({ do: "switch", fault: "" }));

// --- what the server says
function node(tag, text, name) { const made = document.createElement(tag); made.textContent = text; if (name) made.className = name; return made; }
function fill(box, nodes) {
  const low = box.scrollTop + box.clientHeight >= box.scrollHeight - 8;
  box.replaceChildren(...nodes);
  if (low) box.scrollTop = box.scrollHeight;
}
function receipts(list) {  // the newest on top, and the box as high as it is
  const box = $("receipts");
  box.replaceChildren(...[...list].reverse().map((lines) => node("pre", lines.join("\n"))));
  box.scrollTop = 0;
  const newest = box.firstElementChild;
  box.style.maxHeight = newest ? `max(300px, ${Math.ceil(newest.getBoundingClientRect().bottom - box.getBoundingClientRect().top) + 8}px)` : "";
}
function show(next) {
  const before = state; state = { ...state, ...next };
  const changed = (name) => name in next && JSON.stringify(before[name]) !== JSON.stringify(next[name]);
  if (changed("cards")) cards(state.cards);
  toggle("net", state.net, "cable in", "cable pulled");
  toggle("power", state.powered, "on", "off");
  toggle("printer", state.paper, "has paper", "paper out");
  for (const colour of ["green", "red"]) {
    $("led-" + colour).classList.toggle("on", state.leds[colour]);
    $("led-" + colour).setAttribute("aria-label", `${colour} light ${state.leds[colour] ? "on" : "off"}`);
  }
  if (changed("lines")) { const text = state.lines.filter(Boolean).join(". "); $("lines").textContent = text; $("screen").setAttribute("aria-label", "screen: " + text); }
  if (changed("receipts")) receipts(state.receipts);
  if (changed("ledger")) $("ledger").tBodies[0].replaceChildren(...state.ledger.map((row) => {
    const line = document.createElement("tr"), moved = row.points - row.opening;
    line.append(node("td", row.member), node("td", row.opening.toLocaleString("en")), node("td", row.points.toLocaleString("en")),
      node("td", moved > 0 ? "+" + moved : String(moved), moved > 0 ? "up" : moved < 0 ? "downward" : ""));
    return line;
  }));
  if (changed("journal")) $("journal").replaceChildren(...Object.entries(state.journal).map(([name, count]) => {
    const span = node("span", " " + name); span.prepend(node("b", String(count))); return span;
  }));
  if (changed("messages")) fill($("messages"), state.messages.map((message) => node("p", message, message.startsWith("<") ? "in" : "")));
  if (changed("serial")) { $("serial").textContent = state.serial; $("serial").scrollTop = $("serial").scrollHeight; }
  if (changed("serial_hint")) $("serial-hint").textContent = state.serial_hint;
  notice();
}

// --- beside the link: an error for a while, else what was asked for and has not happened or ended yet
let failed = "", failing = 0;
function notice() {
  const waits = [];
  if (state.cut_in) waits.push(state.cut_in === 1 ? "power will be cut at the next flash operation" : `power will be cut in ${state.cut_in} flash operations`);
  if (state.replaced) waits.push("another server answers in the switch's place, until Never mind");
  const text = failed || waits.join("; ");
  if ($("notice").textContent !== text) $("notice").textContent = text;
  $("notice").className = failed ? "lost" : "";
}
function fail(text) {
  failed = text; notice();
  clearTimeout(failing); failing = setTimeout(() => { failed = ""; notice(); }, 6000);
}

function connect() {
  socket = new WebSocket(`ws://${location.host}/ws`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { $("link").textContent = "connected"; $("link").className = ""; };
  socket.onmessage = (event) => {
    if (event.data instanceof ArrayBuffer) { frame = new Uint8Array(event.data); draw(); return; }
    const message = JSON.parse(event.data);
    if (message.state) show(message.state);
    if (message.tones) tones(message.tones);
    if (message.error) fail(message.error);
  };
  socket.onclose = () => {
    $("link").textContent = "the terminal's program has ended; waiting for it"; $("link").className = "lost";
    setTimeout(connect, 1000);
  };
}
window.addEventListener("resize", draw);
draw();
connect();
