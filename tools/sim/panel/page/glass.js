// The 128x64 display: every lit pixel a square of whole device pixels, so nothing is ever blurred.
import { $ } from "./dom.js";
import { on } from "./wire.js";

const WIDTH = 128, HEIGHT = 64, OFF = "#060504", LIT = "#ffb347";
let frame = new Uint8Array(WIDTH * HEIGHT / 8);

function draw() {
  const canvas = $("screen"), ratio = window.devicePixelRatio || 1, room = canvas.parentElement;
  const style = getComputedStyle(room);
  const free = room.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  // In a low window the screen takes at most a good third of it, so that the keypad is seen with it.
  const high = (window.innerHeight < 700 ? Math.max(window.innerHeight * 0.36, 128) : Infinity) * ratio / HEIGHT;
  const scale = Math.max(1, Math.floor(Math.min(free * ratio / WIDTH, high))), gap = scale > 7 ? 1 : 0;
  if (canvas.width !== WIDTH * scale) {
    canvas.width = WIDTH * scale; canvas.height = HEIGHT * scale;
    canvas.style.width = WIDTH * scale / ratio + "px"; canvas.style.height = HEIGHT * scale / ratio + "px";
  }
  const pen = canvas.getContext("2d");
  pen.fillStyle = OFF; pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = LIT;
  for (let page = 0; page < HEIGHT / 8; page++)
    for (let x = 0; x < WIDTH; x++) {
      const column = frame[page * WIDTH + x];
      for (let bit = 0; bit < 8; bit++)
        if (column >> bit & 1) pen.fillRect(x * scale, (page * 8 + bit) * scale, scale - gap, scale - gap);
    }
}

export function start() {
  on("frame", (bytes) => { frame = bytes; draw(); });
  window.addEventListener("resize", draw);
  draw();
}
