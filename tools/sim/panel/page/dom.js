// Small helpers to find and make elements; text goes in as text, never as markup.
export const $ = (id) => document.getElementById(id);

export function node(tag, text = "", name = "", attributes = {}) {
  const made = document.createElement(tag);
  if (text !== "") made.textContent = text;
  if (name) made.className = name;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export function row(cells, tag = "td") {
  const line = node("tr");
  for (const cell of cells) line.append(cell instanceof Node ? cell : node(tag, String(cell), "", tag === "th" ? { scope: "col" } : {}));
  return line;
}

export function table(box, head, lines) {
  const top = node("thead"), body = node("tbody");
  top.append(row(head, "th"));
  body.append(...lines);
  box.replaceChildren(top, body);
}

// Sets a text or attribute only when it differs, so that nothing is announced or drawn twice.
export function setText(at, text) { if (at.textContent !== text) at.textContent = text; }
export function setAttribute(at, name, value) { if (at.getAttribute(name) !== String(value)) at.setAttribute(name, value); }
