// Receipts, journal, messages, ledger and the last tap, as the server tells them.
import { $, node, row, setText, table } from "./dom.js";
import { label } from "./tray.js";
import { on } from "./wire.js";
import { clock, has, number, onChange, signed, t } from "./words.js";

let state = { receipts: [], printed: 0, journal: {}, messages: [], ledger: [], tap: { cards: [], first: {}, last: {} }, cards: [] };
const say = (key, plain) => (has(key) ? t(key) : plain);
const nothing = () => node("p", t("nothing"), "nothing");

// Papers come out one by one: those that hang there stay as they are. The picture is for eyes, its words for readers.
function receipts() {
  const box = $("receipts"), first = state.printed - state.receipts.length + 1;
  const hanging = new Map([...box.querySelectorAll(".paper")].map((at) => [Number(at.dataset.number), at]));
  const papers = state.receipts.map((lines, at) => {
    const number_ = first + at, paper = hanging.get(number_) ?? node("article", "", "paper", { "data-number": number_ });
    if (!paper.firstChild) paper.append(node("img", "", "", { src: `receipt-${number_}.png`, alt: "" }), node("pre", lines.join("\n"), "unseen", { dir: "auto" }));
    paper.setAttribute("aria-label", t("receipt", number(number_)));
    return paper;
  });
  box.replaceChildren(...(papers.length ? papers.reverse() : [nothing()]));
}

function journal() {
  const { waiting = 0, rejected = 0, code = "", rows = [] } = state.journal;
  setText($("journal-counts"), code ? t("journal.code", code) : t("journal.counts", number(waiting), number(rejected)));
  const head = ["SEQ", t("col.state"), t("col.time"), t("col.verb"), t("col.amount"), t("col.points"), t("col.card")];
  table($("journal"), head, rows.map((entry) => {
    const name = entry.waiting ? "waiting" : entry.state, cell = node("td");
    cell.append(node("span", say("state." + name, name) + (entry.offline ? " · " + t("offline") : "") + (entry.rc && entry.rc !== "00" ? " " + entry.rc : ""), "state " + name));
    return row([number(entry.seq).replace(/[,٬]/g, ""), cell, clock(entry.utc), say("verb." + entry.verb, entry.verb),
      entry.amount ? number(entry.amount) : "", entry.points ? signed(entry.points) : "", node("td", entry.uid ? "…" + entry.uid : "", "", { dir: "ltr" })]);
  }));
}

function pairs(list, prefix) {
  const box = node("dl");
  for (const [name, value] of list) {
    const term = node("dt");
    term.append(node("code", prefix === "de." ? "DE" + name : name, "", { dir: "ltr" }), node("span", " " + say(prefix + name, "")));
    box.append(term, node("dd", prefix === "de." && name === "39" ? `${value} ${say("rc." + value, "")}` : value, "", { dir: "auto" }));
  }
  return box;
}

function message(entry) {
  if (entry.way === "note") {
    const known = has("note." + entry.note), made = node("p", "", "remark");
    made.append(node("span", say("note." + entry.note, entry.note), "", known ? {} : { dir: "ltr", lang: "en" }), node("time", clock(entry.utc)));
    made.dataset.number = entry.number;
    return made;
  }
  const fields = Object.fromEntries(entry.fields), tags = Object.fromEntries(entry.tags);
  const made = node("details", "", "message " + entry.way), top = node("summary");
  made.dataset.number = entry.number;
  const facts = [fields["39"] !== undefined ? `${fields["39"]} ${say("rc." + fields["39"], "")}` : "", tags.SEQ ? `SEQ ${tags.SEQ}` : "",
    tags.POINTS ? `${t("col.points")} ${signed(tags.POINTS)}` : ""].filter(Boolean);
  top.append(node("b", entry.mti, "", { dir: "ltr" }), node("span", say("mti." + entry.mti, "")), node("small", facts.join(" · ")), node("time", clock(entry.utc)));
  top.querySelector("b").prepend(node("i", "", "", { "aria-label": t("way." + entry.way), role: "img" }));
  made.append(top, pairs(entry.fields, "de."), pairs(entry.tags, "tag."));
  if (entry.note) made.append(node("p", entry.note, "remark", { dir: "ltr" }));
  return made;
}

// Newest on top; what is open stays open, and what stands already is left alone.
function messages(all) {
  const box = $("messages"), standing = all ? [] : [...box.querySelectorAll("[data-number]")];
  const kept = new Map(standing.map((at) => [Number(at.dataset.number), at]));
  const wanted = [...state.messages].reverse().map((entry) => kept.get(entry.number) ?? message(entry));
  box.replaceChildren(...(wanted.length ? wanted : [nothing()]));
}

function ledger() {
  table($("ledger"), [t("col.member"), t("col.opening"), t("col.points"), t("col.moved")], state.ledger.map((entry) => {
    const moved = entry.points - entry.opening;
    const line = row([say("member." + entry.member, entry.member), number(entry.opening), number(entry.points)]);
    line.append(node("td", signed(moved), moved > 0 ? "up" : moved < 0 ? "downward" : ""));
    return line;
  }));
}

const TAP = [["us", 1000], ["field_us", 1000], ["air_us", 1000], ["exchanges"], ["answers"], ["spi_transactions"], ["spi_bytes"], ["i2c_bytes"],
  ["flash_programs"], ["flash_bytes"], ["flash_erases"]];

function tap() {
  const { cards, first, last } = state.tap;
  const names = cards.map((name) => state.cards.find((card) => card.name === name)).filter(Boolean).map(label);
  setText($("tap-card"), names.join(" + ") || t("tap.none"));
  const cell = (figures, name, by) => (name in figures ? number(by ? (figures[name] / by).toFixed(1) : figures[name]) : "–");
  table($("tap"), ["", t("tap.first"), t("tap.last")], TAP.map(([name, by]) => row([t("tap." + name), cell(first, name, by), cell(last, name, by)])));
}

const VIEWS = { receipts, journal, messages, ledger, tap };

export function start() {
  on("state", (next) => {
    state = { ...state, ...next };
    for (const [name, show] of Object.entries(VIEWS)) if (name in next) show(false);
  });
  onChange(() => { for (const show of Object.values(VIEWS)) show(true); });
}
