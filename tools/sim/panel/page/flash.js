// The flash as a map: one square a sector, coloured by what it is used for, darker-framed the more often it was erased.
import { $, node, row, setText, table } from "./dom.js";
import { on } from "./wire.js";
import { number, onChange, t } from "./words.js";

const USES = { ".": "blank", f: "file", j: "journal", w: "written", o: "old", m: "members", v: "vault", x: "bad" };
const COLUMNS = 32;
let flash = { sectors: "", erased: {}, regions: [] };

const WEAR = "#d33";

const colour = (use) => getComputedStyle(document.documentElement).getPropertyValue("--use-" + USES[use]).trim();

function draw() {
  const canvas = $("map"), free = canvas.parentElement.clientWidth, ratio = window.devicePixelRatio || 1;
  if (!free || !flash.sectors) return;
  const cell = Math.max(2, Math.floor(Math.min(free, 460) * ratio / COLUMNS)), rows = Math.ceil(flash.sectors.length / COLUMNS);
  canvas.width = cell * COLUMNS; canvas.height = cell * rows;
  canvas.style.width = canvas.width / ratio + "px"; canvas.style.height = canvas.height / ratio + "px";
  const pen = canvas.getContext("2d"), paint = Object.fromEntries(Object.keys(USES).map((use) => [use, colour(use)])), most = Math.max(1, ...Object.values(flash.erased));
  [...flash.sectors].forEach((use, at) => {
    const x = at % COLUMNS * cell, y = Math.floor(at / COLUMNS) * cell, worn = (flash.erased[at] ?? 0) / most;
    pen.globalAlpha = 1;
    pen.fillStyle = paint[use];
    pen.fillRect(x, y, cell - 1, cell - 1);
    if (worn) { pen.globalAlpha = 0.35 + worn * 0.65; pen.fillStyle = WEAR; pen.fillRect(x + cell / 3, y + cell / 3, cell / 3, cell / 3); }
  });
  canvas.setAttribute("aria-label", t("flash.map", ...Object.keys(USES).slice(1, 3).map((use) => number([...flash.sectors].filter((is) => is === use).length))));
}

const regionOf = (at) => flash.regions.find((region) => at >= region.first && at < region.first + region.count);
function told(at) {
  const region = regionOf(at);
  if (!region) return "";
  return t("flash.sector", number(at - region.first), t("region." + region.name), t("use." + USES[flash.sectors[at]]), number(flash.erased[at] ?? 0));
}

function show() {
  draw();
  $("legend").replaceChildren(...Object.values(USES).map((name) => {
    const item = node("li", t("use." + name));
    item.prepend(node("i", "", "use-" + name));
    return item;
  }));
  table($("regions"), [t("region"), t("region.sectors"), t("region.used"), t("region.erased"), t("region.most")], flash.regions.map((region) => {
    const uses = flash.sectors.slice(region.first, region.first + region.count);
    const erased = Object.entries(flash.erased).filter(([at]) => regionOf(Number(at)) === region).map(([, count]) => count);
    return row([t("region." + region.name), number(region.count), number([...uses].filter((use) => use !== ".").length),
      number(erased.reduce((sum, count) => sum + count, 0)), number(Math.max(0, ...erased))]);
  }));
}

export function start() {
  on("state", (next) => { if (next.flash?.sectors) { flash = next.flash; show(); } });
  onChange(show);
  window.addEventListener("resize", draw);
  $("map").addEventListener("pointermove", (event) => {
    const at = $("map").getBoundingClientRect(), cell = at.width / COLUMNS;
    setText($("sector"), told(Math.floor((event.clientY - at.top) / cell) * COLUMNS + Math.floor((event.clientX - at.left) / cell)));
  });
}
