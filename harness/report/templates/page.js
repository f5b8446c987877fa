"use strict";
(function () {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function stored() {
    try { return localStorage.getItem("theme"); } catch { return null; }
  }
  function current() {
    return root.dataset.theme || (dark.matches ? "dark" : "light");
  }
  function label() {
    const other = current() === "dark" ? "Light" : "Dark";
    button.textContent = other;
    button.setAttribute("aria-label", "Switch to " + other.toLowerCase() + " colours");
  }
  if (["light", "dark"].includes(stored())) root.dataset.theme = stored();
  if (button) {
    button.hidden = false;
    label();
    dark.addEventListener("change", label);
    button.addEventListener("click", function () {
      root.dataset.theme = current() === "dark" ? "light" : "dark";
      try { localStorage.setItem("theme", root.dataset.theme); } catch { /* private window */ }
      label();
    });
  }

  // On a small screen sections begin closed; a link to something inside one opens it.
  function openFor(hash) {
    const place = hash.length > 1 && document.getElementById(decodeURIComponent(hash.slice(1)));
    if (!place) return;
    for (let one = place.querySelector(":scope > details") || place; one; one = one.parentElement) {
      if (one.tagName === "DETAILS") one.open = true;
    }
    place.scrollIntoView();
  }
  if (matchMedia("(max-width: 40rem)").matches) {
    for (const one of document.querySelectorAll("details.fold, details.rulegroup")) one.open = false;
  }
  openFor(location.hash);
  addEventListener("hashchange", function () { openFor(location.hash); });

  // On a small screen the rows of wide tables are cards, each value behind the name of its column.
  for (const table of document.querySelectorAll(".wide-table > table:not(.cards, .system, .facts-table, .rules)")) {
    const names = Array.from(table.tHead.rows[0].cells, (cell) => cell.textContent.trim());
    for (const row of table.tBodies[0].rows) Array.from(row.cells).forEach((cell, i) => { cell.dataset.label = names[i]; });
    table.classList.add("cards", "named");
  }

  // A shadow where a table goes on behind its edge.
  function edges() {
    for (const one of document.querySelectorAll(".wide-table")) {
      one.classList.toggle("goes-on", one.scrollWidth - one.clientWidth - one.scrollLeft > 1);
    }
  }
  new ResizeObserver(edges).observe(document.body);
  addEventListener("resize", edges);
  addEventListener("scroll", edges, { capture: true, passive: true });

  // On paper everything is shown, once.
  const closed = [];
  addEventListener("beforeprint", function () {
    for (const one of document.querySelectorAll("details:not([open], .which)")) { one.open = true; closed.push(one); }
  });
  addEventListener("afterprint", function () {
    while (closed.length) closed.pop().open = false;
  });

  const views = document.getElementById("views");
  const scenes = document.getElementById("scenes");
  if (views && scenes) {
    views.hidden = false;
    views.addEventListener("change", function (event) {
      scenes.dataset.view = event.target.value;
    });
  }
})();
