// The serial port: what it says, and a line to type on it with the lines before.
import { $, node, setText } from "./dom.js";
import { on, send } from "./wire.js";
import { onChange, t } from "./words.js";

const WORDS = ["help", "status", "log", "letters"];
let port = { path: "", mode: "off" }, said = [], at = 0;

function type(line) {
  if (line && said.at(-1) !== line) said.push(line);
  at = said.length;
  send({ do: "console", line });
}

function hint() {
  const command = { off: "", selling: `.venv/bin/python -m serial.tools.miniterm -e ${port.path}`, prompt: `.venv/bin/mpremote connect ${port.path}` }[port.mode];
  $("port-hint").replaceChildren(node("span", t("port." + port.mode) + " "), node("code", command, "", { dir: "ltr" }));
}

export function start() {
  on("state", (next) => {
    if (next.port) { port = next.port; hint(); }
    if ("serial" in next) {
      const box = $("serial"), low = box.scrollTop + box.clientHeight >= box.scrollHeight - 8;
      setText(box, next.serial.replaceAll("\r", ""));
      if (low) box.scrollTop = box.scrollHeight;
    }
  });
  onChange(hint);
  $("console").addEventListener("submit", (event) => { event.preventDefault(); type($("line").value); $("line").value = ""; });
  $("line").addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    at = Math.min(said.length, Math.max(0, at + step));
    $("line").value = said[at] ?? "";
  });
  for (const word of WORDS) {
    const button = node("button", word, "", { type: "button", lang: "en" });
    button.addEventListener("click", () => type(word));
    $("console-words").append(button);
  }
}
