"use strict";
// The switch's page. Everything shown comes from /api/NAME, everything done goes to /api/do; nothing is built from HTML text.

const $ = (id) => document.getElementById(id);
const TOKEN_KEY = "vafa-switch-token";
const LANGUAGE = { fa: "Persian", en: "English" };
const LANGUAGES = Object.entries(LANGUAGE);
let known = { faults: {}, tiers: [], ways: [], languages: [], sections: [] };
let timer = 0, shown = 0;

// --- the token: behind the # of the printed address, kept for this tab alone
let token = "";
function takeToken() {
  const given = /^#token=([\w-]+)$/.exec(location.hash);
  if (given) { sessionStorage.setItem(TOKEN_KEY, given[1]); history.replaceState(null, "", "#/members"); }
  token = sessionStorage.getItem(TOKEN_KEY) || "";
}

// --- building
function el(name, properties, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "class") made.className = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) if (child !== null && child !== undefined && child !== false) made.append(child);
  return made;
}
const figure = (number) => Number(number).toLocaleString("en-US");
const signed = (number) => el("span", { class: number > 0 ? "up" : number < 0 ? "down" : "" }, (number > 0 ? "+" : number < 0 ? "−" : "") + figure(Math.abs(number)));
const mono = (text) => el("span", { class: "mono" }, text);
const clock = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Tehran", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" });
function when(seconds) {
  if (!seconds) return "";
  const parts = Object.fromEntries(clock.formatToParts(new Date(seconds * 1000)).map((part) => [part.type, part.value]));
  return `${parts.year}-${parts.month}-${parts.day} ${parts.hour}:${parts.minute}:${parts.second}`;
}
function span(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} min`;
  return `${Math.floor(seconds / 86400)} days`;
}
const empty = (text) => el("p", { class: "empty" }, text);
// A table; a heading that begins with # is a column of numbers, one that ends with ~ is left out on a phone, where each
// row becomes a card with its headings.
function table(heads, rows, none) {
  if (!rows.length) return empty(none);
  const names = heads.map((head) => head.replace(/[#~]/g, ""));
  const kind = (head) => (head.startsWith("#") ? "num" : "") + (head.endsWith("~") ? " minor" : "");
  return el("div", { class: "scroll" }, el("table", { class: "cards" },
    el("thead", {}, el("tr", {}, heads.map((head, at) => el("th", { scope: "col", class: kind(head) }, names[at])))),
    el("tbody", {}, rows.map((cells) => el("tr", {}, cells.map((cell, at) => {
      const actions = Array.isArray(cell);
      return el("td", { "data-label": names[at], class: actions ? (cell.length ? "acts" : "acts none") : kind(heads[at]) + (cell === "" || cell === null ? " none" : "") }, actions ? cell : cell ?? "");
    }))))));
}
function field(label, name, properties, size) {
  const { options, ...rest } = properties || {};
  const input = options
    ? el("select", { name, ...rest }, options.map((option) => { const [value, text] = Array.isArray(option) ? option : [option, option]; return el("option", { value }, text); }))
    : el("input", { name, autocomplete: "off", ...rest });
  return el("label", { class: size }, label, input);
}
// A form whose fields go to one action; `fixed` goes along with them.
function form(action, fixed, submit, fields, properties) {
  return el("form", { ...properties, onsubmit: async (event) => {
    event.preventDefault();
    const body = { ...fixed, ...Object.fromEntries(new FormData(event.target)) };
    if (await act(action, body)) event.target.reset();
  } }, fields, el("button", { type: "submit" }, submit));
}
const button = (text, run, style) => el("button", { type: "button", class: `small ${style || ""}`, onclick: run }, text);
const memberLink = (id, text) => el("a", { href: `#/member/${id}` }, text);

// --- talking to the switch
function say(text) { $("said").textContent = text; $("wrong").textContent = ""; }
function complain(text) { $("wrong").textContent = text; $("said").textContent = ""; }
async function ask(path, options) {
  let answer;
  try { answer = await fetch(path, { ...options, headers: { "X-Vafa-Token": token, "Content-Type": "application/json" } }); }
  catch { throw new Error("The switch does not answer. Is it still serving?"); }
  const said = await answer.json().catch(() => ({ error: `The switch answered ${answer.status}` }));
  if (!answer.ok) throw new Error(said.error);
  return said;
}
const read = (name, query) => ask(`/api/${name}${query ? "?" + new URLSearchParams(query) : ""}`);
async function act(action, body) {
  try {
    const said = await ask("/api/do", { method: "POST", body: JSON.stringify({ ...body, do: action }) });
    say(said.done);
    await refresh();
    return true;
  } catch (error) { complain(error.message); return false; }
}

// --- lists that more than one section shows
function bookings(rows) {
  return table(["#id~", "when", "where", "#SEQ", "what", "card~", "#amount", "#points", "code", "why"], rows.map((row) => [
    figure(row.id), when(row.at), row.terminal ? mono(row.terminal) : "office", row.seq ? figure(row.seq) : "", row.verb + (row.mti ? ` ${row.mti}` : ""), row.uid ? mono(row.uid) : "",
    row.amount ? figure(row.amount) : "", signed(row.points), row.mti ? el("span", { class: row.rc === "00" ? "tag good" : "tag bad" }, row.rc) : "", row.reason]), "Nothing is booked yet.");
}
function texts(rows) {
  return table(["#id~", "written", "to", "about", "state", "text"], rows.map((row) => [
    figure(row.id), when(row.at), mono(row.to), row.kind, el("span", { class: row.state === "queued" ? "tag" : "tag off" }, row.state), el("span", { class: "sms", dir: "auto", lang: row.language }, row.text)]), "No message was written yet.");
}
function stateTag(state) { return el("span", { class: state === "active" ? "tag good" : "tag bad" }, state); }
function cardActions(card) {
  const set = (state) => () => act("card.state", { uid: card.uid, state });
  return card.state === "active" ? [button("Lost", set("lost"), "danger"), button("Stolen", set("stolen"), "danger")] : [button("Unblock", set("active"))];
}
// A search field that looks again while one types.
function search(label, look, more) {
  let soon = 0;
  const input = el("input", { type: "search", name: "q", id: "search", autocomplete: "off", oninput: () => { clearTimeout(soon); soon = setTimeout(() => look(input.value), 200); } });
  return el("form", { class: "bare", role: "search", onsubmit: (event) => { event.preventDefault(); look(input.value); } }, el("label", { class: "wide" }, label, input), more);
}

// --- sections: `draw` puts the parts that stay, and returns what fills in the parts that change
const SECTIONS = {
  members: { title: "Members", draw(main) {
    const list = el("div");
    let word = "";
    main.append(
      search("Name, number or card", (q) => { word = q; refresh(); }), list, el("h3", {}, "New member"),
      form("member.add", {}, "Add member", [
        field("Name", "name", { required: true, maxlength: 60 }, "wide"), field("Number", "number", { inputmode: "numeric", placeholder: "next free" }, "narrow"),
        field("Opening points", "points", { inputmode: "numeric", placeholder: "0" }, "narrow"), field("Tier", "tier", { options: known.tiers }, "narrow"),
        field("Mobile", "mobile", { inputmode: "tel", placeholder: "none" }), field("Language", "language", { options: LANGUAGES }, "narrow")]));
    return async () => {
      const { members } = await read("members", { q: word });
      list.replaceChildren(table(["number", "name", "cards", "#points"], members.map((one) => [
        one.number ? figure(one.number).replaceAll(",", "") : "–", memberLink(one.id, one.name || "(nameless)"), one.cards.length ? mono(one.cards.join(", ")) : "none", figure(one.points)]),
      word ? "Nobody fits." : "There are no members yet."));
    };
  } },
  member: { hidden: true, draw(main, id) {
    const head = el("div"), cards = el("div"), booked = el("div"), written = el("div"), forms = el("div", { class: "forms" });
    main.append(el("p", {}, el("a", { href: "#/members" }, "← All members")), head, cards, forms, el("h3", {}, "Last bookings"), booked, el("h3", {}, "Text messages"), written);
    return async () => {
      const one = await read("member", { id });
      document.title = `${one.name || "nameless"} – Vafa switch`;
      const facts = { points: figure(one.points), tier: one.tier, visits: figure(one.visits), "last visit": one.last_visit || "never", "spent (rial)": figure(one.purchases), messages: one.contact ? `${one.contact.mobile} ${LANGUAGE[one.contact.language]}` : "no number" };
      if (one.reserved) facts["of them reserved"] = figure(one.reserved);
      head.replaceChildren(el("h2", {}, one.name || "(nameless)", one.number ? ` · ${one.number}` : ""), el("dl", { class: "figures" }, Object.entries(facts).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))));
      cards.replaceChildren(el("h3", {}, "Cards"), table(["UID", "way", "state", ""], one.cards.map((card) => [mono(card.uid), card.way, stateTag(card.state), cardActions(card)]), "No card yet."));
      if (!forms.childElementCount && one.number) forms.append(
        el("section", {}, el("h3", {}, "Give or take points"), form("member.points", { member: one.number }, "Book", [field("Points, −50 takes", "points", { required: true }, "narrow"), field("Reason", "reason", { required: true, maxlength: 120 })])),
        el("section", {}, el("h3", {}, "Bind a card"), form("card.bind", { member: one.number }, "Bind", [field("UID in hex", "uid", { required: true, maxlength: 20, class: "mono" }), field("Way", "way", { options: known.ways }, "narrow")])),
        el("section", {}, el("h3", {}, "Where messages go"), form("member.contact", { member: one.number }, "Save", [field("Mobile, empty: no messages", "mobile", { inputmode: "tel" }), field("Language", "language", { options: LANGUAGES }, "narrow")])));
      booked.replaceChildren(bookings(one.bookings));
      written.replaceChildren(texts(one.messages));
    };
  } },
  cards: { title: "Cards", draw(main) {
    const list = el("div"), blocked = el("input", { type: "checkbox", id: "blocked", onchange: () => refresh() });
    let word = "";
    main.append(search("UID or owner", (q) => { word = q; refresh(); }), el("div", { class: "bar" }, blocked, el("label", { for: "blocked" }, "only those that are blocked")), list,
      el("h3", {}, "Bind a new card"), form("card.bind", {}, "Bind", [field("UID in hex", "uid", { required: true, maxlength: 20, class: "mono" }), field("Member (name or number)", "member", { required: true }), field("Way", "way", { options: known.ways }, "narrow")]),
      el("h3", {}, "Give a card to another member"), form("card.move", {}, "Move", [field("UID in hex", "uid", { required: true, maxlength: 20, class: "mono" }), field("New owner (name or number)", "member", { required: true }),
        el("p", { class: "hint" }, "What was booked stays with the former owner; the points of a nameless member whose only card it was come along.")]));
    return async () => {
      const { cards } = await read("cards", { q: word, blocked: blocked.checked ? 1 : 0 });
      list.replaceChildren(table(["UID", "owner", "way", "state", ""], cards.map((card) => [mono(card.uid), memberLink(card.member_id, card.name || "(nameless)"), card.way, stateTag(card.state), cardActions(card)]), "No card fits."));
    };
  } },
  terminals: { title: "Terminals", every: 3000, draw(main) {
    const list = el("div");
    main.append(el("p", { class: "hint" }, "“Waited” is how old the sale in the last offline upload was when it came, since this switch started: what the queue of the terminal looked like then."), list,
      el("p", { class: "hint" }, "A new terminal comes with its keys: .venv/bin/python -m tools.bench_switch terminal add ID --merchant ID"));
    return async () => {
      const { terminals } = await read("terminals");
      const now = Date.now() / 1000;
      list.replaceChildren(table(["id", "merchant", "#KID", "#high SEQ", "last seen", "waited", "state", ""], terminals.map((one) => [
        mono(one.id), mono(one.merchant), figure(one.kid), figure(one.high_seq), one.seen ? el("span", { title: when(one.seen) }, `${span(Math.max(0, Math.floor(now - one.seen)))} ago`) : "never", span(one.waited_s),
        stateTag(one.blocked ? "blocked" : "active"), [one.blocked ? button("Unblock", () => act("terminal.unblock", { terminal: one.id })) : button("Block", () => act("terminal.block", { terminal: one.id }), "danger")]]), "No terminal is known yet."));
    };
  } },
  messages: { title: "Messages", every: 1000, draw(main) {
    const list = el("ol", { class: "log", "aria-label": "Messages, newest first" }), none = empty("Nothing came yet."), only = el("input", { id: "only", maxlength: 8, autocomplete: "off", oninput: () => filter() }), hold = el("input", { type: "checkbox", id: "hold" });
    const filter = () => { for (const line of list.children) line.hidden = only.value !== "" && !line.dataset.terminal.includes(only.value.toUpperCase()); };
    let after = 0;
    main.append(el("div", { class: "bar" }, el("label", { for: "only" }, "Only terminal"), el("span", {}, only), hold, el("label", { for: "hold" }, "hold still"), button("Clear", () => list.replaceChildren())), none, list);
    return async () => {
      if (hold.checked) return;
      const { messages } = await read("messages", { after });
      for (const one of messages) {
        after = Math.max(after, one.number);
        list.prepend(messageLine(one));
      }
      while (list.childElementCount > 300) list.lastElementChild.remove();
      none.hidden = list.childElementCount > 0; list.hidden = !none.hidden;
      if (messages.length) filter();
    };
  } },
  books: { title: "Ledger", draw(main) {
    const sums = el("div"), list = el("div"), verdict = el("div", { role: "status" });
    const check = button("Check the books", async () => {
      verdict.replaceChildren("…");
      try {
        const { problems, transactions } = await read("check");
        verdict.replaceChildren(problems.length ? el("ul", { class: "problems" }, problems.slice(0, 50).map((text) => el("li", {}, text))) : el("p", { class: "right" }, `${figure(transactions)} transactions: right`));
      } catch (error) { verdict.replaceChildren(); complain(error.message); }
    });
    main.append(el("div", { class: "bar" }, check), verdict, sums, el("h3", {}, "Last bookings"), list);
    return async () => {
      const { accounts, bookings: rows } = await read("books");
      const total = Object.values(accounts).reduce((sum, points) => sum + points, 0);
      sums.replaceChildren(el("dl", { class: "figures" }, [...Object.entries(accounts), ["together", total]].map(([name, points]) => el("div", {}, el("dt", {}, name), el("dd", {}, points < 0 ? `−${figure(-points)}` : figure(points))))));
      list.replaceChildren(bookings(rows));
    };
  } },
  faults: { title: "Faults", every: 3000, draw(main) {
    const list = el("div"), meaning = el("p", { class: "hint", "aria-live": "polite" });
    const kinds = Object.keys(known.faults);
    const extras = { late: ["ms"], refuse: ["rc"], garbage: ["n"], garble: ["n"], close: ["when"], close_after_bytes: ["n"], silent: ["when"], wrong_clock: ["seconds"] };
    const parts = {
      when: field("Booking", "when", { options: [["after", "booked, then lost"], ["before", "never seen"]] }), ms: field("Milliseconds", "ms", { value: 8000, inputmode: "numeric" }, "narrow"), rc: field("Code", "rc", { value: "91", maxlength: 2 }, "narrow"),
      n: field("Bytes", "n", { value: 8, inputmode: "numeric" }, "narrow"), seconds: field("Seconds off", "seconds", { value: 86400, inputmode: "numeric" }, "narrow") };
    const choose = (kind) => { meaning.textContent = known.faults[kind]; for (const [name, part] of Object.entries(parts)) { part.hidden = !(extras[kind] || []).includes(name); part.querySelector("input, select").disabled = part.hidden; } };
    main.append(form("fault.set", {}, "Let it happen", [
      field("What goes wrong", "kind", { options: kinds, onchange: (event) => choose(event.target.value) }), field("Times", "count", { value: 1, inputmode: "numeric" }, "narrow"), field("Message type", "mti", { options: [["", "any"], "0100", "0200", "0220", "0221", "0420", "0421", "0500", "0800"] }, "narrow"),
      field("Terminal", "terminal", { maxlength: 8, placeholder: "any" }, "narrow"), Object.values(parts), meaning], { onreset: () => setTimeout(() => choose(kinds[0])) }), el("h3", {}, "Waiting"), list);
    choose(kinds[0]);
    return async () => {
      const { faults } = await read("faults");
      list.replaceChildren(table(["what", "#times left", "message", "terminal"], faults.map((one) => [one.kind, figure(one.count), one.mti || "any", one.terminal || "any"]), "No fault waits."), faults.length ? el("p", {}, button("Clear all", () => act("fault.clear", {}), "danger")) : "");
    };
  } },
  sms: { title: "SMS outbox", every: 3000, draw(main) {
    const list = el("div");
    main.append(el("p", { class: "hint" }, "Written with what they tell, sent by nobody here. A member without a number gets none."), list);
    return async () => { list.replaceChildren(texts((await read("sms")).messages)); };
  } },
  allowances: { title: "Allowances", every: 5000, draw(main) {
    const list = el("div"), closed = el("input", { type: "checkbox", id: "closed", onchange: () => refresh() });
    main.append(el("p", { class: "hint" }, "Points reserved for one card at one terminal, to be spent there without a line. One of a blocked terminal can be given back to its member."), el("div", { class: "bar" }, closed, el("label", { for: "closed" }, "also those that ended")), list);
    return async () => {
      const { allowances } = await read("allowances", { closed: closed.checked ? 1 : 0 });
      list.replaceChildren(table(["#id", "terminal", "card", "#points", "granted~", "until", "state", "#SEQ", ""], allowances.map((one) => [
        figure(one.id), mono(one.terminal), mono(one.uid), figure(one.points), when(one.granted), when(one.until), el("span", { class: one.state === "open" ? "tag good" : "tag" }, one.state), one.seq ? figure(one.seq) : "",
        one.state === "open" ? [button("Give back", () => act("allowance.cancel", { id: one.id }), "danger")] : []]), "Nothing is reserved."));
    };
  } },
  batches: { title: "Batches", every: 5000, draw(main) {
    const list = el("div");
    main.append(el("p", { class: "hint" }, "Shifts of the terminals: totals of both sides. Which records differ: .venv/bin/python -m tools.bench_switch batch show TERMINAL NUMBER"), list);
    return async () => {
      const { batches } = await read("batches");
      list.replaceChildren(table(["terminal", "#batch", "#from SEQ", "#to SEQ", "told", "state", "#records that differ"], batches.map((one) => [
        mono(one.terminal), figure(one.number), figure(one.low), figure(one.high), when(one.told), el("span", { class: one.state === "agreed" ? "tag good" : one.state === "disputed" ? "tag bad" : "tag" }, one.state), one.differ ? figure(one.differ) : ""]), "No shift was closed yet."));
    };
  } },
  downloads: { title: "Downloads", every: 5000, draw(main) {
    const files = el("div"), wishes = el("div");
    main.append(el("p", { class: "hint" }, "Signed files for terminals, the newest first. Publishing needs the signing key: .venv/bin/python -m tools.bench_switch config, rules, card hotlist"), files, el("h3", {}, "Settings that are wanted"), wishes);
    return async () => {
      const said = await read("downloads");
      files.replaceChildren(table(["what", "#version", "merchant", "terminal"], said.files.map((one) => [one.what, figure(one.version), mono(one.merchant), one.terminal ? mono(one.terminal) : "all"]), "Nothing is published yet."));
      wishes.replaceChildren(table(["merchant", "terminal", "setting", "value"], said.wishes.map((one) => [mono(one.merchant), one.terminal ? mono(one.terminal) : "all", one.name, one.value]), "None."));
    };
  } },
  letters: { title: "Rejected", every: 5000, draw(main) {
    const list = el("div");
    main.append(el("p", { class: "hint" }, "What this switch refused for good of what terminals sent later. “Give up”: the terminal is told at its next sign-on or echo that the office has dealt with it. “Decide anew”: the next try counts as the first."), list);
    return async () => {
      const { letters } = await read("letters");
      list.replaceChildren(table(["terminal", "#SEQ", "what", "card", "#amount", "code", "state", ""], letters.map((one) => [
        mono(one.terminal_id), figure(one.seq), one.verb, mono(one.uid), one.amount ? figure(one.amount) : "", el("span", { class: "tag bad" }, one.rc || "–"), one.state,
        one.state === "refused" ? [button("Give up", () => giveUp(one), "danger"), button("Decide anew", () => act("letter.reopen", { terminal: one.terminal_id, seq: one.seq }))]
          : one.state === "ordered" ? [button("Take back", () => act("letter.unclear", { terminal: one.terminal_id, seq: one.seq }))] : []]), "Nothing was rejected."));
    };
  } },
};
function giveUp(one) {
  const points = one.amount ? ` over ${figure(one.amount)} rial` : "";
  if (confirm(`Give up SEQ ${one.seq} of ${one.terminal_id}, ${one.verb}${points}? Its points are never booked. Until the terminal has heard it, it can be taken back.`))
    act("letter.clear", { terminal: one.terminal_id, seq: one.seq });
}
function messageLine(one) {
  const time = el("time", {}, when(one.at_utc).slice(11));
  if (one.direction === "note") return el("li", { class: "note", "data-terminal": one.terminal_id }, time, `${one.terminal_id} ${one.note}`);
  const facts = [];
  if (one.fields["39"]) facts.push(`code ${one.fields["39"]}`);
  for (const name of ["SEQ", "UID", "POINTS"]) if (name in one.tags) facts.push(`${name} ${one.tags[name]}`);
  if (one.fields["4"]) facts.push(`amount ${figure(one.fields["4"])}`);
  const all = [...Object.entries(one.fields).map(([de, value]) => `DE${de} ${value}`), ...Object.entries(one.tags).map(([name, value]) => `${name} ${value}`)].join(" · ");
  return el("li", { class: one.direction, "data-terminal": one.terminal_id }, el("details", {}, el("summary", {}, time, el("b", {}, `${one.direction === "in" ? "→" : "←"} ${one.terminal_id} ${one.mti}`), ` ${facts.join(", ")} ${one.note}`), el("small", {}, all)));
}

// --- moving between sections
const FOCUSABLE = "a[href], button, input, select, summary";
let fill = async () => {};
async function refresh() {
  const mine = shown, before = [...$("main").querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
  try {
    await fill();
    // A list that was drawn anew must not take the focus away from whoever works with the keyboard.
    if (before >= 0 && document.activeElement === document.body) [...$("main").querySelectorAll(FOCUSABLE)][before]?.focus();
  } catch (error) { if (mine === shown) complain(error.message); }
}
function visible() { return Object.keys(SECTIONS).filter((name) => !SECTIONS[name].hidden); }
async function open() {
  takeToken();
  const [name, id] = location.hash.replace(/^#\//, "").split("/");
  const section = SECTIONS[name] || SECTIONS.members;
  const current = section.hidden ? "members" : SECTIONS[name] ? name : "members";
  shown += 1;
  clearInterval(timer);
  say("");
  $("nav").replaceChildren(...visible().map((key) => el("a", { href: `#/${key}`, "aria-current": key === current ? "page" : null }, SECTIONS[key].title)));
  document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  document.title = `${section.title || "Member"} – Vafa switch`;
  const main = $("main");
  main.replaceChildren(section.title ? el("h2", {}, section.title) : "");
  fill = section.draw(main, id);
  await refresh();
  if (section.every) timer = setInterval(() => { if (!document.hidden) refresh(); }, section.every);
}
addEventListener("hashchange", () => { open(); $("main").focus(); });
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select, textarea")) return;
  if (event.key === "/" && $("search")) { event.preventDefault(); $("search").focus(); }
  if (event.key === "n" || event.key === "p") {
    const all = visible(), at = all.indexOf(document.querySelector("nav [aria-current]")?.getAttribute("href").slice(2));
    location.hash = `#/${all[(at + (event.key === "n" ? 1 : all.length - 1)) % all.length]}`;
  }
});

(async () => {
  takeToken();
  try {
    known = await read("start");
    $("about").textContent = Object.entries(known.about).map(([name, value]) => `${name} ${value}`).join(" · ");
    await open();
  } catch (error) { complain(error.message); }
})();
