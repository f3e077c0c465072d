// The panel's page: draws what the server says and sends what hands do. It keeps no state of its own.
import * as around from "./around.js";
import * as books from "./books.js";
import * as terminalConsole from "./console.js";
import { $, setText } from "./dom.js";
import * as flash from "./flash.js";
import * as glass from "./glass.js";
import * as keypad from "./keypad.js";
import * as sound from "./sound.js";
import * as tabs from "./tabs.js";
import * as tray from "./tray.js";
import { connect, on } from "./wire.js";
import { load, toggle } from "./words.js";

// What stands on the glass, for those who cannot see it.
function screenText(state) {
  if (!state.lines) return;
  const text = state.lines.filter(Boolean).join(". ");
  setText($("lines"), text);
}

await load();
for (const part of [sound, keypad, glass, tray, around, books, flash, terminalConsole, tabs]) part.start();
on("state", screenText);
$("language").addEventListener("click", toggle);
connect();
