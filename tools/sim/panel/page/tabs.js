// The live views stand behind tabs: arrows move between them, as the ARIA pattern for tabs has it.
const tabs = () => [...document.querySelectorAll("[role=tab]")];

function choose(chosen) {
  for (const tab of tabs()) {
    const is = tab === chosen;
    tab.setAttribute("aria-selected", is);
    tab.tabIndex = is ? 0 : -1;
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !is;
  }
  window.dispatchEvent(new Event("resize"));  // a map that was hidden had no width to draw itself in
}

export function start() {
  const all = tabs();
  for (const tab of all) {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const forward = document.documentElement.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
      const step = event.key === forward ? 1 : ["ArrowLeft", "ArrowRight"].includes(event.key) ? -1 : 0;
      const to = step ? all[(all.indexOf(tab) + step + all.length) % all.length] : event.key === "Home" ? all[0] : event.key === "End" ? all.at(-1) : null;
      if (!to) return;
      event.preventDefault();
      choose(to); to.focus();
    });
  }
  choose(all[0]);
}
