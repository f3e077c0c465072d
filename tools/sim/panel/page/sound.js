// The buzzer: a square wave, at the moments the terminal's made one.
import { $, setAttribute } from "./dom.js";
import { on } from "./wire.js";

let audio = null, tone = null, muted = false;

// Browsers let a page sound only after a hand touched it.
export function wake() {
  if (!audio && window.AudioContext) audio = new AudioContext();
  if (audio?.state === "suspended") audio.resume();
}

function sound(hz) {
  if (tone) { tone.stop(); tone = null; }
  if (!hz || !audio || muted) return;
  tone = audio.createOscillator();
  const volume = audio.createGain();
  tone.type = "square"; tone.frequency.value = hz; volume.gain.value = 0.04;
  tone.connect(volume).connect(audio.destination);
  tone.start(); tone.stop(audio.currentTime + 2);
}

export function start() {
  try { muted = localStorage.getItem("muted") === "yes"; } catch { /* it sounds */ }
  const show = () => setAttribute($("sound"), "aria-pressed", !muted);
  show();
  $("sound").addEventListener("click", () => {
    muted = !muted; show(); sound(0);
    try { localStorage.setItem("muted", muted ? "yes" : "no"); } catch { /* it sounds next time */ }
  });
  on("tones", (list) => {
    const first = list.length ? list[0][0] : 0;
    for (const [ms, hz] of list) setTimeout(() => sound(hz), ms - first);
  });
}
