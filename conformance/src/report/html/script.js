"use strict";
// Everything on the page can be read without this: it filters the table, copies commands, follows links to what
// is folded or filtered away, and unfolds the page for the printer.
(() => {
  const WORDS = "th code, .title > details > summary, .reason, .title > details > .told > p, " +
    ".cases > li > details > summary > code, .cases > li > a, .cases > li > code";
  const form = document.getElementById("filters");
  const shown = document.getElementById("shown");
  const nothing = document.getElementById("nothing");
  const rows = Array.from(document.querySelectorAll("tr.requirement"), (row) => ({
    row,
    outcome: row.dataset.outcome,
    level: row.dataset.level,
    area: row.parentElement.dataset.area,
    // Its own words and the names of its cases, not all that the cases hold.
    words: Array.from(
      row.querySelectorAll(WORDS), (part) => part.textContent,
    ).join(" ").toLowerCase(),
  }));

  const filter = () => {
    const chosen = new FormData(form);
    const outcomes = chosen.getAll("outcome");
    const levels = chosen.getAll("level");
    const area = chosen.get("area");
    const words = chosen.get("text").toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const it of rows) {
      const fits = outcomes.includes(it.outcome) && levels.includes(it.level) &&
        (!area || area === it.area) && words.every((word) => it.words.includes(word));
      it.row.hidden = !fits;
      count += fits ? 1 : 0;
    }
    for (const head of document.querySelectorAll("tr.area")) {
      head.hidden = !head.parentElement.querySelector("tr.requirement:not([hidden])");
    }
    shown.textContent = `${count} of ${rows.length} shown`;
    nothing.hidden = count > 0;
  };
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  const showAll = () => {
    form.reset();
    filter();
  };
  document.getElementById("all").addEventListener("click", showAll);
  // A browser that comes back to the page keeps what was typed.
  filter();

  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.closest("tr[hidden]")) showAll();
    for (let at = target; at; at = at.parentElement) {
      if (at.localName === "details") at.open = true;
    }
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  // A second click on the same link changes no hash.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) reveal();
  });
  if (location.hash) reveal();

  const copy = async (button) => {
    const source = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      // Without leave to write there, the reader's own copying has it selected.
      getSelection().selectAllChildren(source);
    }
    const label = button.firstChild;
    label.textContent = getSelection().isCollapsed ? "Copied" : "Selected";
    setTimeout(() => { label.textContent = "Copy"; }, 2000);
  };
  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }

  // For browsers whose style sheets cannot open what is folded.
  let unfolded = [];
  addEventListener("beforeprint", () => {
    unfolded = Array.from(document.querySelectorAll("details:not([open]):not(.passed)"));
    for (const details of unfolded) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of unfolded) details.open = false;
  });
})();
