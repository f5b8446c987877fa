// The index: search, filters, sorting, columns, pages and a tray for comparing, all over one data block.
(function () {
  const block = document.getElementById("data");
  if (!block) return;
  const data = JSON.parse(block.textContent);
  const PAGE = 50, TABLES = 20, MOST = 6;
  const form = document.getElementById("filters"), counted = document.getElementById("counted");
  const place = document.getElementById("tables"), tray = document.getElementById("tray");

  // the drawings of each table are the server's; they move with it
  const drawn = new Map([...document.querySelectorAll(".strips")].map((one) => [one.id.slice("runs-".length), one]));
  const entries = [];
  for (const table of data.tables) {
    table.entries = table.rows.map(function (row) {
      const entry = { table };
      data.text.forEach((name, i) => { entry[name] = data.strings[row[i]]; });
      data.numbers.forEach((name, i) => { entry[name] = row[data.text.length + i]; });
      entry.report = "reports/" + entry.id + "/index.html";
      entry.system_page = "system/" + entry.id + ".html";
      entry.words = [entry.system, entry.org, entry.accelerator, entry.processor, entry.framework,
        entry.precision, entry.commit, entry.id, table.data_digest].join("\n").toLowerCase();
      entries.push(entry);
      return entry;
    });
    delete table.rows;
  }

  // ---- numbers as the pages without scripts write them
  const NBSP = "\u00a0";
  function grouped(text) {
    const [whole, part] = text.split(".");
    return whole.replace(/\B(?=(\d{3})+$)/g, "\u202f") + (part === undefined ? "" : "." + part);
  }
  function significant(value, digits) {
    if (value === 0) return "0";
    const magnitude = Math.floor(Math.log10(Math.abs(value)));
    if (magnitude < -4 || magnitude > 12) return value.toExponential(digits - 1);
    return grouped(value.toFixed(Math.max(0, digits - 1 - magnitude)));
  }
  const seconds = (v) => (Math.abs(v) < 1e7 ? v.toFixed(2) : significant(v, 3)) + NBSP + "s";
  const quantity = (unit, digits) => (v) => significant(v, digits) + NBSP + unit;

  // ---- columns: what a cell shows, and what it sorts by
  function make(name, attributes, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key in node && key !== "list") node[key] = value; else node.setAttribute(key, value);
    }
    node.append(...children.filter((child) => child !== null));
    return node;
  }
  const bdi = (text) => make("bdi", {}, text);
  const muted = (...parts) => make("span", { className: "muted" }, ...parts);
  const absent = (text) => [make("span", { className: "absent" }, text)];
  const br = () => make("br");
  const number = (name, write, below) => ({
    right: true, sort: (e) => e[name],
    cell: (e) => e[name] === null ? absent("not measured")
      : [write(e[name]), ...(below && below(e) ? [br(), muted(below(e))] : [])],
  });
  const words = (name) => ({
    sort: (e) => e[name].toLowerCase() || null,
    cell: (e) => [bdi(e[name] || "not stated")],
  });
  const count = (name) => ({ right: true, sort: (e) => e[name], cell: (e) => e[name] === null ? absent("not stated") : [String(e[name])] });
  const columns = {
    system: { label: "System", always: true, sort: (e) => e.system.toLowerCase(), cell: systemCell },
    time: { label: "Score", always: true, right: true, sort: (e) => e.time_to_train_s, cell: scoreCell },
    against: { label: "Against the first", shown: true, sort: (e) => e.time_to_train_s,
      cell: (e) => [e.against_first || (e.ranked ? "the first row" : "not ranked"), ...(e.against_above && !e.against_first.startsWith("cannot")
        ? [br(), muted("from the row above: cannot be told apart")] : [])] },
    epochs: { label: "Epochs", shown: true, right: true, sort: (e) => e.mean_epochs, cell: epochsCell },
    org: { label: "Organisation", shown: true, ...words("org") },
    spread: { label: "Fastest and slowest run", right: true, sort: (e) => e.slowest_run_s,
      cell: (e) => e.fastest_run_s === null ? absent("not measured") : [seconds(e.fastest_run_s) + " to " + seconds(e.slowest_run_s)] },
    accuracy: { label: "Accuracy at the end", ...number("accuracy", (v) => v.toFixed(4)) },
    test: { label: "Test accuracy", shown: true, ...number("test_accuracy", (v) => v.toFixed(4), (e) => e.accuracy === null ? "" : "ended at " + e.accuracy.toFixed(4)) },
    throughput: { label: "Throughput", ...number("samples_per_s", quantity("patches/s", 3)) },
    inference: { label: "Inference", ...number("seconds_per_scene", quantity("s", 3), () => "per scene") },
    energy: { label: "Energy per run", shown: true, ...number("energy_j", quantity("J", 4), (e) => "scope " + e.energy_scope) },
    accelerators: { label: "Accelerators", shown: true, sort: (e) => e.accelerators,
      cell: (e) => e.accelerators === null ? absent("not stated")
        : e.accelerators === 0 ? [make("a", { href: e.system_page }, "none"), ...(e.processor ? [br(), muted(bdi(e.processor))] : [])]
        : [make("a", { href: e.system_page }, e.accelerators + " × ", bdi(e.accelerator))] },
    nodes: { label: "Nodes", ...count("nodes") },
    processor: { label: "Processor", ...words("processor") },
    framework: { label: "Framework", shown: true, ...words("framework") },
    precision: { label: "Precision", shown: true, ...words("precision") },
    batch: { label: "Global batch size", ...count("global_batch_size") },
    runs: { label: "Runs", ...count("runs") },
    commit: { label: "Commit", sort: (e) => e.commit || null, cell: (e) => e.commit ? [make("code", {}, e.commit.slice(0, 12))] : absent("not stated") },
    checked: { label: "Checked", sort: (e) => e.checked, cell: (e) => [e.checked.replace("T", " ").replace("Z", " UTC")] },
  };
  function scoreCell(e) {
    const said = e.low_s === null ? [muted("too few runs for an interval")] : [e.interval + " ", muted("95 %")];
    const tag = make("a", { className: "tag unverified", href: "#note-1", title: "Result not verified by MLCommons Association." }, "unverified");
    const sum = e.factor === 1 ? [] : [br(), make("a", { className: "muted", href: "method.html#factor", title: e.factor_reason },
      "mean " + seconds(e.mean_s) + " × " + Number(e.factor.toPrecision(5)))];
    return [make("b", {}, seconds(e.time_to_train_s)), " ", tag, br(), ...said, ...sum];
  }
  function epochsCell(e) {
    if (e.mean_epochs === null) return absent("not known");
    const short = (v) => String(Number(v.toPrecision(4)));
    return [short(e.mean_epochs), ...(e.reference_epochs === null ? [] : [br(), muted("reference " + short(e.reference_epochs))]),
      ...(e.pace === "beyond" ? [br(), make("a", { className: "doubt", href: "method.html#beyond" }, "fewer than chance explains")] : [])];
  }
  function systemCell(e) {
    const link = make("a", { href: e.report }, bdi(e.system));
    const tags = [["replay_verified", "replay-verified"], ["power_scored", "power-scored"]]
      .filter(([name]) => e[name]).map(([, text]) => make("span", { className: "tag good" }, text));
    const rank = e.ranked ? (e.code ? [br(), make("a", { className: "muted", href: "method.html#ranks" }, "code " + e.code)] : [])
      : [br(), make("a", { className: "tag unranked", href: "method.html#ranks" }, "not ranked"), " ", muted(e.code)];
    const body = make("span", {}, link, ...(tags.length ? [br(), ...tags] : []), ...rank,
      ...(e.warnings ? [br(), make("a", { className: "muted", href: e.report + "#rules" }, e.warnings === 1 ? "1 warning" : e.warnings + " warnings"),
        ...e.warned_rules.split(" ").filter(Boolean).slice(0, 3).flatMap((rule, i) => [muted(i ? ", " : ": "),
          make("a", { className: "muted", href: e.report + "#finding-" + rule + "-warning" }, rule)]), muted(e.warned_rules.split(" ").length > 3 ? " …" : "")] : []),
      ...(e.alike ? e.alike.split("\n").flatMap((line, i) => [...(i ? [] : [br()]), make("span", { className: "tag error" }, "same runs"), make("span", { className: "alike" }, bdi(line))]) : []),
      ...(e.state ? [make("details", { className: "life" }, make("summary", {}, e.state),
        make("ul", {}, ...e.history_text.split("\n").map((line) => make("li", {}, bdi(line)))))] : []));
    const box = make("input", { type: "checkbox", checked: state.pick.includes(e.id), disabled: !state.pick.includes(e.id) && state.pick.length >= MOST });
    box.setAttribute("aria-label", "Compare " + e.system + " by " + e.org);
    box.dataset.id = e.id;
    box.addEventListener("change", function () {
      state.pick = box.checked ? [...state.pick, e.id] : state.pick.filter((id) => id !== e.id);
      keep();
      showTray();
    });
    return [make("span", { className: "name" }, box, body)];
  }

  // ---- state, kept in the address
  const facets = {
    division: ["Division", (e) => e.table.division_name],
    data: ["Data", (e) => e.table.data_kind + (e.table.data_profile && e.table.data_profile !== e.table.data_kind ? " " + e.table.data_profile : "")],
    status: ["Status", (e) => e.table.status || "not stated"],
    accelerator: ["Accelerator", (e) => e.accelerators ? e.accelerator || "not stated" : "none"],
    precision: ["Precision", (e) => e.precision || "not stated"],
    framework: ["Framework", (e) => e.framework || "not stated"],
  };
  const ticks = { replayed: ["replay-verified only", "replay_verified"], power: ["power-scored only", "power_scored"] };
  const usual = Object.keys(columns).filter((key) => columns[key].shown);
  const state = read();
  function read() {
    const given = new URLSearchParams(location.hash.startsWith("#?") ? location.hash.slice(2) : "");
    const list = (name) => (given.get(name) || "").split(",").filter(Boolean);
    const sort = (given.get("sort") || "time").replace(/^-/, "");
    const known = new Set(entries.map((e) => e.id));
    const found = { q: given.get("q") || "", sort: columns[sort] ? sort : "time", down: (given.get("sort") || "").startsWith("-") };
    for (const key of [...Object.keys(facets), ...Object.keys(ticks)]) found[key] = given.get(key) || "";
    found.columns = given.has("columns") ? list("columns").filter((key) => columns[key] && !columns[key].always) : usual;
    found.pick = list("pick").filter((id) => known.has(id)).slice(0, MOST);
    return found;
  }
  function keep() {
    const told = new URLSearchParams();
    for (const key of ["q", ...Object.keys(facets), ...Object.keys(ticks)]) if (state[key]) told.set(key, state[key]);
    if (state.sort !== "time" || state.down) told.set("sort", (state.down ? "-" : "") + state.sort);
    if (state.columns.join() !== usual.join()) told.set("columns", state.columns.join());
    if (state.pick.length) told.set("pick", state.pick.join());
    history.replaceState(null, "", told.size === 0 ? location.pathname : "#?" + told.toString().replaceAll("%2C", ",").replaceAll("%2F", "/"));
  }

  // ---- the form
  const controls = {};
  function field(label, control, className) {
    return make("label", className ? { className } : {}, make("span", {}, label), control);
  }
  function build() {
    controls.q = make("input", { type: "search", placeholder: "system, organisation, hardware, framework, digest" });
    const box = make("details", { className: "more", open: false }, make("summary", {}, "Search, filters and columns"));
    const fields = make("div", { className: "fields" });
    box.append(fields);
    form.append(box);
    fields.append(field("Search", controls.q, "search"));
    for (const [key, [label, value]] of Object.entries(facets)) {
      const found = new Map();
      for (const e of entries) found.set(value(e), (found.get(value(e)) || 0) + 1);
      if (found.size < 2 && !state[key]) continue;
      controls[key] = make("select", {}, make("option", { value: "" }, "any"),
        ...[...found].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 200)
          .map(([name, many]) => make("option", { value: name }, name.slice(0, 60) + " (" + many + ")")));
      fields.append(field(label, controls[key]));
    }
    for (const [key, [label, name]] of Object.entries(ticks)) {
      if (!entries.some((e) => e[name]) && !state[key]) continue;
      controls[key] = make("input", { type: "checkbox", value: "1" });
      fields.append(make("label", { className: "tick" }, controls[key], label));
    }
    const choices = make("div", { className: "choices" });
    for (const [key, column] of Object.entries(columns)) {
      if (column.always) continue;
      const box = make("input", { type: "checkbox", value: key, checked: state.columns.includes(key) });
      box.dataset.column = key;
      choices.append(make("label", { className: "tick" }, box, column.label));
    }
    fields.append(make("details", {}, make("summary", {}, "Columns"), choices));
    box.open = changed();
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", function (event) {
      const at = event.target;
      if (at.dataset.column) {
        state.columns = [...form.querySelectorAll("[data-column]:checked")].map((box) => box.value);
      } else {
        const key = Object.keys(controls).find((name) => controls[name] === at);
        if (key) state[key] = at.type === "checkbox" ? (at.checked ? "1" : "") : at.value;
      }
      for (const table of data.tables) table.page = 0;
      keep();
      show();
    });
    form.hidden = counted.hidden = false;
  }
  function settle() {
    for (const [key, control] of Object.entries(controls)) {
      if (control.type === "checkbox") control.checked = Boolean(state[key]); else control.value = state[key];
    }
    for (const box of form.querySelectorAll("[data-column]")) box.checked = state.columns.includes(box.value);
  }

  // ---- what is shown
  function wanted(e) {
    const q = state.q.trim().toLowerCase();
    return (!q || q.split(/\s+/).every((word) => e.words.includes(word)))
      && Object.entries(facets).every(([key, [, value]]) => !state[key] || value(e) === state[key])
      && Object.entries(ticks).every(([key, [, name]]) => !state[key] || e[name]);
  }
  // What was not measured comes last in both directions, and by the score so does what has no rank.
  function order(a, b) {
    if (state.sort === "time" || state.sort === "against") {
      if (a.ranked !== b.ranked) return b.ranked - a.ranked;
      if (!a.ranked) return a.id < b.id ? -1 : 1;
    }
    const one = columns[state.sort].sort(a), two = columns[state.sort].sort(b);
    if (one === null || two === null) return (one === null) - (two === null);
    const result = one < two ? -1 : one > two ? 1 : 0;
    return state.down ? -result : result;
  }
  const changed = () => state.columns.join() !== usual.join()
    || ["q", ...Object.keys(facets), ...Object.keys(ticks)].some((key) => state[key]);
  let most = TABLES;
  function show() {
    const filled = [];
    let total = 0;
    for (const table of data.tables) {
      const found = table.entries.filter(wanted);
      total += found.length;
      if (found.length) filled.push([table, found.sort(order)]);
    }
    const reset = make("button", { type: "button", className: "plainbutton" }, "Reset filters and columns");
    reset.addEventListener("click", function () {
      history.replaceState(null, "", location.pathname);
      Object.assign(state, read());
      settle();
      show();
      showTray();
      controls.q.focus();
    });
    counted.replaceChildren((total === entries.length ? "" : total + " of ") + entries.length + (entries.length === 1 ? " result" : " results")
      + " in " + filled.length + (filled.length === 1 ? " table. " : " tables. "), ...(changed() ? [reset] : []));
    const parts = filled.slice(0, most).map(([table, found]) => section(table, found));
    if (filled.length > most) {
      const more = make("button", { type: "button", className: "plainbutton" }, "Show more tables (" + (filled.length - most) + " left)");
      more.addEventListener("click", function () { most += TABLES; show(); });
      parts.push(make("p", { className: "spaced" }, more));
    }
    if (!total) parts.push(make("p", { className: "spaced" }, "No result fits. Take back a filter, or reset them all."));
    place.replaceChildren(...parts);
  }
  function section(table, found) {
    const title = make("h2", { id: table.id + "-h" }, table.division_name);
    const note = make("p", { className: "data" + (table.data_kind === "SYNTHETIC" ? " synthetic" : "") }, table.data_kind + " data");
    if (table.data_profile && table.data_profile !== table.data_kind) note.append(", profile ", bdi(table.data_profile));
    const digest = make("code", { title: table.data_digest }, table.data_digest.slice(0, 12) || "not stated");
    const about = muted("Target " + (table.entries[0].target ?? "not stated") + ". Status: ", bdi(table.status || "not stated"), ". Data set digest ", digest, ". "
      + (table.entries.length === 1 ? "1 result" : table.entries.length + " results"), ...unranked(table), bare(table, "energy") ? ". Energy was not measured." : ".");
    const body = make("div", { className: "body" }, make("div", { className: "about-data" }, note, make("p", { className: "beside" }, about)), statement(table), grid(table, found));
    if (drawn.has(table.id)) body.append(drawn.get(table.id));
    if (found.length > PAGE) body.append(pager(table, found));
    const one = make("section", { className: "full", id: table.id }, title, body);
    one.setAttribute("aria-labelledby", table.id + "-h");
    return one;
  }
  function unranked(table) {
    const many = table.entries.filter((e) => !e.ranked).length;
    return many ? [many < table.entries.length ? ", " + many + " of them not " : many > 1 ? ", none of them " : ", not ", make("a", { href: "method.html#ranks" }, "ranked")] : [];
  }
  function statement(table) {
    const all = make("button", { type: "button", className: "plainbutton" }, "Compare the first " + Math.min(MOST, table.entries.length));
    all.addEventListener("click", function () { location.href = "compare.html#" + table.entries.slice(0, MOST).map((e) => e.id).join("&"); });
    return make("p", { className: "statement" }, "Result not verified by MLCommons Association. "
      + (table.data_kind === "SYNTHETIC" ? "SYNTHETIC data. " : ""), ...(table.entries.length > 1 ? [all] : []));
  }
  // a column in which no entry of the table has anything stays away until columns are chosen
  const measured = { energy: "energy_j", test: "test_accuracy", epochs: "mean_epochs" };
  function bare(table, key) {
    if (state.columns.join() !== usual.join()) return false;
    return key === "against" ? table.entries.length < 2 : key in measured && table.entries.every((e) => e[measured[key]] === null);
  }
  function grid(table, found) {
    const keys = Object.keys(columns).filter((key) => columns[key].always || (state.columns.includes(key) && !bare(table, key)));
    const head = make("tr", {}, ...keys.map(function (key) {
      const press = make("button", { type: "button", className: "sort" }, columns[key].label);
      press.dataset.sort = key;
      press.addEventListener("click", function () { sortBy(key, table.id); });
      const th = make("th", { scope: "col", className: columns[key].right ? "r" : "" }, press);
      if (data.columns[key]) {
        const why = make("span", { className: "why", tabIndex: 0 }, "?");
        why.setAttribute("role", "note");
        why.setAttribute("aria-label", data.columns[key]);
        th.append(" ", why);
      }
      if (state.sort === key) th.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      return th;
    }));
    const from = (table.page || 0) * PAGE;
    const rows = found.slice(from, from + PAGE).map((e) => make("tr", { id: "r-" + e.id.replace("/", "-") }, ...keys.map((key) =>
      key === "system" ? make("th", { scope: "row" }, ...columns[key].cell(e))
        : make("td", { className: columns[key].right ? "r" : "", "data-label": columns[key].label }, make("span", {}, ...columns[key].cell(e))))));
    const region = make("div", { className: "wide-table", tabIndex: 0 },
      make("table", { className: "board cards" }, make("thead", {}, head), make("tbody", {}, ...rows)));
    region.setAttribute("role", "region");
    region.setAttribute("aria-label", table.division_name + ", " + table.data_kind + " data " + table.data_profile + ", " + table.status);
    return region;
  }
  function sortBy(key, id) {
    state.down = state.sort === key && !state.down;
    state.sort = key;
    for (const table of data.tables) table.page = 0;
    keep();
    show();
    const again = document.getElementById(id);
    if (again) again.querySelector('[data-sort="' + key + '"]').focus();
  }
  function pager(table, found) {
    const pages = Math.ceil(found.length / PAGE), at = table.page || 0;
    function step(label, to, usable) {
      const press = make("button", { type: "button", className: "plainbutton", disabled: !usable }, label);
      press.addEventListener("click", function () {
        table.page = to;
        show();
        const again = document.getElementById(table.id);
        again.scrollIntoView();
        again.querySelector(".wide-table").focus({ preventScroll: true });
      });
      return press;
    }
    const bar = make("nav", { className: "pager" }, step("First", 0, at > 0), step("Previous", at - 1, at > 0),
      make("span", {}, "page " + (at + 1) + " of " + pages), step("Next", at + 1, at < pages - 1), step("Last", pages - 1, at < pages - 1));
    bar.setAttribute("aria-label", "Pages of " + table.division_name);
    return bar;
  }
  function showTray() {
    tray.hidden = !state.pick.length;
    const full = state.pick.length >= MOST;
    for (const box of place.querySelectorAll("input[data-id]")) box.disabled = full && !box.checked;
    if (tray.hidden) return;
    const clear = make("button", { type: "button", className: "plainbutton" }, "Clear");
    clear.addEventListener("click", function () {
      state.pick = [];
      for (const box of place.querySelectorAll("input[data-id]")) box.checked = false;
      keep();
      showTray();
    });
    const go = make("a", { className: "go", href: "compare.html#" + state.pick.join("&") }, "Compare " + state.pick.length);
    tray.replaceChildren(make("p", {}, "Chosen: " + state.pick.join(", ") + (full ? " (no more than " + MOST + ")" : "")), go, clear);
  }

  build();
  settle();
  show();
  showTray();
  addEventListener("hashchange", function () {
    if (location.hash.startsWith("#?") || !location.hash) { Object.assign(state, read()); settle(); show(); showTray(); }
  });
  if (location.hash.startsWith("#t-")) document.getElementById(location.hash.slice(1))?.scrollIntoView();
})();
