// Charts one can point at. The drawings of the page stay for paper and for readers without scripts.
(function () {
  const SVG = "http://www.w3.org/2000/svg";
  function svg(name, attributes, text) {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, typeof value === "number" ? value.toFixed(1) : value);
    if (text !== undefined) node.textContent = text;
    return node;
  }
  function make(name, attributes, ...children) {
    const node = document.createElement(name);
    Object.assign(node, attributes);
    node.append(...children);
    return node;
  }

  // ---- every chart: what the nearest mark says, by pointer, touch or arrow keys
  const tip = make("div", { className: "tip", hidden: true });
  document.body.append(tip);
  let marked = null;
  function mark(node) {
    if (marked === node) return;
    if (marked) marked.classList.remove("at");
    marked = node;
    if (marked) marked.classList.add("at");
  }
  const telling = (chart) => Array.from(chart ? chart.querySelectorAll(":not(.curve) > title") : [], (title) => title.parentNode);
  function point(event) {
    const chart = event.target.closest ? event.target.closest(".drawing svg.chart") : null;
    let best = null, least = 28;
    for (const node of telling(chart)) {
      const box = node.getBoundingClientRect(), area = node.tagName === "rect";
      const dx = event.clientX - (area ? Math.min(Math.max(event.clientX, box.left), box.right) : box.left + box.width / 2);
      const dy = event.clientY - (area ? Math.min(Math.max(event.clientY, box.top), box.bottom) : box.top + box.height / 2);
      const far = Math.hypot(dx, dy) + (area ? 6 : 0); // marks lie on areas
      if (far <= least) { best = node; least = far; } // of several in one place the last is on top
    }
    say(best);
  }
  function say(best, aloud) {
    mark(best);
    tip.hidden = !best;
    if (!best) return;
    tip.setAttribute("aria-live", aloud ? "polite" : "off");
    tip.textContent = best.querySelector("title").textContent;
    const box = best.getBoundingClientRect();
    const half = tip.offsetWidth / 2;
    const x = Math.min(Math.max(box.left + box.width / 2, half + 6), document.documentElement.clientWidth - half - 6);
    tip.style.left = x + scrollX + "px";
    tip.style.top = box.top + scrollY - 8 + "px";
  }
  addEventListener("pointermove", point, { passive: true });
  addEventListener("pointerdown", point, { passive: true });
  for (const drawing of document.querySelectorAll(".drawing")) {
    const marks = telling(drawing);
    if (!marks.length) continue;
    drawing.tabIndex = 0;
    drawing.setAttribute("role", "group");
    drawing.setAttribute("aria-label", drawing.firstElementChild.getAttribute("aria-label") + ": arrow keys go through its values");
    let at = 0;
    drawing.addEventListener("focus", function () { if (drawing.matches(":focus-visible")) say(marks[at], true); });
    drawing.addEventListener("blur", function () { say(null); });
    drawing.addEventListener("keydown", function (event) {
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: marks.length - 1 }[event.key];
      if (event.key === "Escape") say(null);
      if (to === undefined || event.target !== drawing) return;
      event.preventDefault();
      at = Math.min(Math.max(to, 0), marks.length - 1);
      say(marks[at], true);
    });
  }

  // ---- the timeline of a run: one time axis for all panels, to zoom and to read
  const holder = document.getElementById("timeline"), block = document.getElementById("timeline-data");
  if (!holder || !block) return;
  const data = JSON.parse(block.textContent);
  data.phases = data.phases.map(([kind, start_s, stop_s]) => ({ kind, start_s, stop_s }));
  for (const series of data.panels.flatMap((panel) => panel.series)) series.points = data.times[series.at].map((t, k) => [t, series.values[k]]);
  const whole = [data.start_s, data.stop_s], least = (whole[1] - whole[0]) / 400;
  let range = whole, cursor = null, width = 0, parts = null;

  function ticks(low, high, count) {
    const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i <= high / step + 1e-9; i += 1) found.push(Number((i * step).toPrecision(12)));
    return found;
  }
  const number = (v) => (v === 0 ? "0" : Math.abs(v) >= 100 ? v.toFixed(0) : String(Number(v.toPrecision(3))));
  const names = { init: "initialise", train: "train", evaluate: "evaluate", inference: "inference" };

  const left = 46, bandTop = 30, band = 18, tall = 68, gap = 48, letter = 7.4, line = 18;
  // names of the lines with a piece of each, beside the title of a panel and below it
  function legend(panel) {
    let x = (panel.title.length + panel.unit.length + 3) * letter + 14, row = 0;
    const places = panel.series.map(function (series) {
      const wide = 28 + series.label.length * letter;
      if (x + wide > width) { x = 0; row += 1; }
      const place = { series, x, row };
      x += wide + 12;
      return place;
    });
    return { places, rows: row };
  }
  function draw() {
    width = holder.clientWidth;
    const wide = width > 560, right = width - 8, legends = data.panels.map(legend);
    const height = bandTop + band + 26 + data.panels.length * (tall + gap) + 10 + line * legends.reduce((sum, one) => sum + one.rows, 0);
    const x = (t) => left + ((t - range[0]) / (range[1] - range[0])) * (right - left);
    const picture = svg("svg", { class: "chart live-chart", viewBox: "0 0 " + width + " " + height, width: String(width), height: String(height), "aria-hidden": "true" });
    const clip = svg("clipPath", { id: "inside" });
    clip.append(svg("rect", { x: left, y: 0, width: Math.max(1, right - left), height }));
    const inside = svg("g", { "clip-path": "url(#inside)" }), words = svg("g", {}); // words lie over lines
    picture.append(clip);
    let last = {};
    for (const phase of data.phases) {
      const from = x(phase.start_s), to = x(phase.stop_s);
      if (to < left || from > right || from < (last[phase.kind] ?? -1) + 0.5) continue;
      last[phase.kind] = from;
      inside.append(svg("rect", { x: from, y: bandTop, width: Math.max(0.8, to - from), height: band, class: "phase " + phase.kind }),
        svg("rect", { x: from, y: bandTop + band, width: Math.max(0.8, to - from), height: height - bandTop - band - 34, class: "shade " + phase.kind }));
    }
    for (const [t, label, anchor] of [[0, "clock starts", "start"], [data.clock_stop_s, "clock stops", "end"]]) {
      if (t === null || x(t) < left - 1 || x(t) > right + 1) continue;
      const near = anchor === "start" && data.clock_stop_s !== null && Math.abs(x(data.clock_stop_s) - x(0)) < 170;
      inside.append(svg("line", { x1: x(t), x2: x(t), y1: bandTop - 6, y2: height - 34, class: "clock" }));
      words.append(svg("text", { x: Math.min(Math.max(x(t), left), right), y: bandTop - (near ? 22 : 10), class: "label strong", "text-anchor": anchor }, label));
    }
    let top = bandTop + band + 38;
    for (const [place, panel] of data.panels.entries()) {
      const { places, rows } = legends[place];
      top += rows * line;
      const highest = Math.max(panel.maximum ?? 0, ...panel.series.flatMap((s) => s.points.map((p) => p[1]))) || 1;
      const step = ticks(0, highest, 2)[1] || highest, most = Math.ceil(highest / step - 1e-9) * step;
      const marks = ticks(0, most, 2);
      const y = (v) => top + tall - (v / most) * tall;
      for (const m of marks) {
        picture.append(svg("line", { x1: left, x2: right, y1: y(m), y2: y(m), class: "grid" }),
          svg("text", { x: left - 8, y: y(m) + 4, class: "label", "text-anchor": "end" }, number(m)));
      }
      words.append(svg("text", { x: 0, y: top - 14 - rows * line, class: "label strong" }, panel.title + " (" + panel.unit + ")"));
      for (const { series, x: from, row } of places) {
        const y = top - 14 - (rows - row) * line;
        words.append(svg("line", { x1: from, x2: from + 22, y1: y - 4, y2: y - 4, class: "curve " + series.style }), svg("text", { x: from + 28, y, class: "label" }, series.label));
      }
      for (const series of panel.series) {
        const seen = series.points.filter((p, k, all) => (all[k + 1] || p)[0] >= range[0] && (all[k - 1] || p)[0] <= range[1]);
        if (!seen.length) continue;
        const drawn = seen.map((p) => x(p[0]).toFixed(1) + " " + y(p[1]).toFixed(1)).join("L");
        inside.append(svg("path", { d: "M" + drawn, class: "curve " + series.style }));
      }
      picture.append(svg("line", { x1: left, x2: right, y1: top + tall, y2: top + tall, class: "axis" }));
      top += tall + gap;
    }
    const bottom = top - gap;
    for (const t of ticks(range[0], range[1], wide ? 8 : 4)) {
      picture.append(svg("line", { x1: x(t), x2: x(t), y1: bottom, y2: bottom + 4, class: "tick" }),
        svg("text", { x: x(t), y: bottom + 17, class: "label", "text-anchor": "middle" }, String(t).replace("-", "\u2212")));
    }
    picture.append(svg("text", { x: right, y: bottom + 34, class: "label strong", "text-anchor": "end" }, "seconds since run_start"));
    const select = svg("rect", { y: bandTop, height: bottom - bandTop, x: 0, width: 0, class: "selection" });
    const hair = svg("line", { y1: bandTop, y2: bottom, x1: -9, x2: -9, class: "hair" });
    inside.append(select, hair);
    picture.append(inside, words);
    stage.replaceChildren(picture);
    parts = { x, right, picture, select, hair };
    move(cursor, false);
  }

  // ---- reading at a moment
  function nearest(points, t) {
    let low = 0, high = points.length - 1;
    while (high - low > 1) { const mid = (low + high) >> 1; if (points[mid][0] < t) low = mid; else high = mid; }
    return Math.abs(points[low][0] - t) <= Math.abs(points[high][0] - t) ? points[low] : points[high];
  }
  function move(t, tell) {
    cursor = t;
    if (t === null || !parts) { if (parts) { parts.hair.setAttribute("x1", -9); parts.hair.setAttribute("x2", -9); } return; }
    const px = parts.x(t).toFixed(1);
    parts.hair.setAttribute("x1", px);
    parts.hair.setAttribute("x2", px);
    const phase = data.phases.filter((p) => p.start_s <= t && t <= p.stop_s).map((p) => names[p.kind]).join(", ") || "between phases";
    const values = data.panels.flatMap((panel) => panel.series.map(function (series) {
      const found = nearest(series.points, t);
      const fits = Math.abs(found[0] - t) < Math.max(2, (whole[1] - whole[0]) / 50);
      return panel.title + ", " + series.label + ": " + (fits ? number(found[1]) + "\u00a0" + panel.unit : "no reading");
    }));
    reading.replaceChildren(make("b", {}, t.toFixed(1) + "\u00a0s, " + phase), ...values.map((v) => make("span", {}, v)));
    reading.setAttribute("aria-live", tell ? "polite" : "off");
  }

  // ---- zooming
  function zoom(from, to) {
    const span = Math.min(Math.max(to - from, least), whole[1] - whole[0]);
    const start = Math.min(Math.max(from, whole[0]), whole[1] - span);
    range = [start, start + span];
    if (cursor !== null && (cursor < range[0] || cursor > range[1])) cursor = (range[0] + range[1]) / 2;
    draw();
    const all = span >= (whole[1] - whole[0]) * 0.999;
    for (const press of [buttons.out, buttons.earlier, buttons.later, buttons.all]) press.disabled = all;
    shown.textContent = all ? "whole run" : range[0].toFixed(1) + " to " + range[1].toFixed(1) + "\u00a0s";
  }
  function scale(factor) {
    const middle = cursor ?? (range[0] + range[1]) / 2, part = (middle - range[0]) / (range[1] - range[0]);
    const span = (range[1] - range[0]) * factor;
    zoom(middle - part * span, middle + (1 - part) * span);
  }
  const shift = (part) => zoom(range[0] + part * (range[1] - range[0]), range[1] + part * (range[1] - range[0]));
  const actions = {
    in: ["Zoom in", () => scale(0.5)], out: ["Zoom out", () => scale(2)],
    earlier: ["Earlier", () => shift(-0.5)], later: ["Later", () => shift(0.5)], all: ["Whole run", () => zoom(...whole)],
  };
  const buttons = {};
  const bar = make("div", { className: "zoombar" });
  for (const [key, [label, act]] of Object.entries(actions)) {
    buttons[key] = make("button", { type: "button", className: "plainbutton" }, label);
    buttons[key].addEventListener("click", act);
    bar.append(buttons[key]);
  }
  const shown = make("span", { className: "muted", id: "shown" });
  shown.setAttribute("role", "status");
  bar.append(shown);
  const stage = make("div", { className: "stage", tabIndex: 0 });
  stage.setAttribute("role", "group");
  stage.setAttribute("aria-label", "Timeline of run " + data.run + ". Left and right move through time, plus and minus zoom, 0 shows the whole run. The values are read out below.");
  const reading = make("p", { className: "reading" }, 
    matchMedia("(pointer: coarse)").matches ? "Tap the chart to read it; two fingers or the buttons zoom." : "Point at the chart to read it; drag to zoom in.");

  stage.addEventListener("keydown", function (event) {
    const step = (range[1] - range[0]) / 60;
    const moves = { ArrowLeft: -step, ArrowRight: step, PageUp: -10 * step, PageDown: 10 * step };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in moves) {
      const t = Math.min(Math.max((cursor ?? range[0]) + moves[event.key], whole[0]), whole[1]);
      if (t < range[0]) shift(-0.5);
      if (t > range[1]) shift(0.5);
      move(t, true);
    } else if (event.key === "+" || event.key === "=") scale(0.5);
    else if (event.key === "-") scale(2);
    else if (event.key === "0") zoom(...whole);
    else return;
    event.preventDefault();
  });
  let from = null;
  const time = (event) => range[0] + ((event.clientX - stage.getBoundingClientRect().left - left) / (parts.right - left)) * (range[1] - range[0]);
  const inside = (t) => Math.min(Math.max(t, range[0]), range[1]);

  // two fingers: what lay under them when they came down stays under them
  const fingers = new Map();
  let held = null;
  const places = () => [...fingers.values()].sort((a, b) => a - b);
  function pinch() {
    const [a, b] = places(), pixels = parts.right - left;
    const span = ((held[1] - held[0]) / Math.max(b - a, 8)) * pixels;
    const start = held[0] - ((a - stage.getBoundingClientRect().left - left) / pixels) * span;
    zoom(start, start + span);
  }
  for (const name of ["pointerup", "pointercancel"]) {
    stage.addEventListener(name, function (event) { fingers.delete(event.pointerId); held = null; });
  }
  stage.addEventListener("pointerdown", function (event) {
    if (event.pointerType === "touch") {
      fingers.set(event.pointerId, event.clientX);
      held = fingers.size === 2 ? places().map((clientX) => time({ clientX })) : null;
    }
    if (event.button !== 0) return;
    from = inside(time(event));
    if (event.pointerType === "mouse") stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", function (event) {
    if (fingers.has(event.pointerId)) fingers.set(event.pointerId, event.clientX);
    if (held) { pinch(); return; }
    const t = inside(time(event));
    move(t, false);
    if (from === null || event.pointerType !== "mouse") return;
    const [a, b] = [parts.x(Math.min(from, t)), parts.x(Math.max(from, t))];
    parts.select.setAttribute("x", a);
    parts.select.setAttribute("width", b - a);
  });
  stage.addEventListener("pointerup", function (event) {
    const t = inside(time(event)), start = from;
    from = null;
    if (start !== null && event.pointerType === "mouse" && Math.abs(parts.x(t) - parts.x(start)) > 6) zoom(Math.min(start, t), Math.max(start, t));
    else parts.select.setAttribute("width", 0);
  });
  stage.addEventListener("dblclick", () => zoom(...whole));

  holder.append(bar, stage, reading);
  holder.hidden = false;
  holder.parentElement.classList.add("has-live");
  zoom(...whole);
  new ResizeObserver(function () { if (holder.clientWidth && holder.clientWidth !== width) draw(); }).observe(holder);
})();
