// The compare page: loads the chosen results, says what differs, and gives ratios only where they are fair.
(function () {
  const place = document.getElementById("compared");
  if (!place) return;
  const form = document.getElementById("add"), said = document.getElementById("said");
  const MOST = 6;
  const ID = /^[A-Za-z0-9_+][A-Za-z0-9_+.-]*\/[A-Za-z0-9_+][A-Za-z0-9_+.-]*$/;
  const loaded = new Map();
  let axis = "at_s", all = false, back = ""; // back: where the focus goes after drawing anew

  // Each reports/<id>/compare.js calls this.
  window.cloudmask = function (result) { loaded.set(result.id, result); };

  const chosen = () => [...new Set(decodeURIComponent(location.hash.slice(1)).split("&"))].filter((id) => ID.test(id)).slice(0, MOST);
  const rejected = new Map(Object.entries(JSON.parse(document.getElementById("rejected").textContent))); // ID: where and why
  function choose(ids) { location.hash = ids.join("&"); }

  function load(id) {
    if (loaded.has(id) || rejected.has(id)) return Promise.resolve();
    return new Promise(function (done) {
      const script = document.createElement("script");
      script.src = "reports/" + id + "/compare.js";
      script.addEventListener("load", done);
      script.addEventListener("error", function () { loaded.set(id, null); done(); });
      document.head.append(script);
    });
  }

  function make(name, attributes, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key in node) node[key] = value; else node.setAttribute(key, value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }
  const bdi = (text) => make("bdi", {}, String(text));
  const NBSP = "\u00a0";
  const fixed = (digits, unit) => (v) => v.toFixed(digits).replace("-", "\u2212") + (unit ? NBSP + unit : "");
  const significant = (digits, unit) => (v) =>
    v.toLocaleString("en", { minimumSignificantDigits: digits, maximumSignificantDigits: digits }).replaceAll(",", "\u202f") + (unit ? NBSP + unit : "");

  // ---- ratios of scores, as harness/score/interval.py and words.py compute and say them
  const quantiles = JSON.parse(document.getElementById("quantiles").textContent);
  const unranked = new Set(JSON.parse(document.getElementById("unranked").textContent)); // IDs
  function figures(v) { return v >= 100 ? String(Number(v.toPrecision(2))) : v.toPrecision(2); }
  function speed(v) { return v > 0.95 && v < 1.05 ? "as fast" : v > 1 ? figures(v) + "x slower" : figures(1 / v) + "x faster"; }
  function compareScores(base, other) {
    const a = base.numbers, b = other.numbers;
    if (!(a.time_to_train_s > 0) || !(b.time_to_train_s > 0)) return null;
    const value = b.time_to_train_s / a.time_to_train_s;
    if (a.error_s === null || b.error_s === null) return { value, apart: false, text: speed(value) + "; too few to say whether that is more than chance" };
    const one = (a.error_s / a.time_to_train_s) ** 2, two = (b.error_s / b.time_to_train_s) ** 2;
    if (one + two === 0) return { value, apart: value !== 1, text: speed(value) };
    const degrees = Math.floor((one + two) ** 2 / (one ** 2 / a.degrees + two ** 2 / b.degrees) + 1e-9);
    const reach = quantiles[Math.min(Math.max(1, degrees), quantiles.length) - 1] * Math.sqrt(one + two);
    let low = value * Math.exp(-reach), high = value * Math.exp(reach);
    if (low <= 1 && high >= 1) return { value, apart: false, text: "cannot be told apart (" + figures(low) + "x to " + figures(high) + "x the time)" };
    if (value < 1) [low, high] = [1 / high, 1 / low];
    return { value, apart: true, text: speed(value) + " (" + figures(low) + "x to " + figures(high) + "x)" };
  }
  // ---- masks compared by scene, as harness/science/resampling.py draws and paired.py says it
  const sampling = JSON.parse(document.getElementById("sampling").textContent);
  function hashed(counter) {
    let x = (counter + sampling.seed) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad) >>> 0;
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97) >>> 0;
    return (x ^ (x >>> 15)) >>> 0;
  }
  function spanOf(rows) {
    const n = rows.length, found = [];
    for (let draw = 0, at = 0; draw < sampling.draws; draw += 1) {
      const sum = [0, 0, 0, 0];
      for (let i = 0; i < n; i += 1, at += 1) {
        const row = rows[Math.floor(hashed(at) / 4294967296 * n)];
        for (let k = 0; k < 4; k += 1) sum[k] += row[k];
      }
      found.push(sum[0] / sum[1] - sum[2] / sum[3]);
    }
    found.sort((a, b) => a - b);
    const quantile = function (share) {
      const place = share * (found.length - 1), low = Math.floor(place), high = Math.min(low + 1, found.length - 1);
      return found[low] + (place - low) * (found[high] - found[low]);
    };
    const tail = sampling.tails[Math.min(n, sampling.tails.length - 1)];
    return [quantile(tail), quantile(1 - tail)];
  }
  const points = (v) => ((100 * v < 0 ? "\u2212" : "+") + Math.abs(100 * v).toFixed(2));
  function compareMasks(first, second) {
    const others = new Map((second.scenes || []).map((row) => [row[0], row]));
    const rows = (first.scenes || []).filter((row) => others.has(row[0])).map((row) => [row[1], row[2], ...others.get(row[0]).slice(1)]);
    if (!rows.length) return "By their masks: not compared, there are no counts of the same test scenes.";
    const one = first.system + " by " + first.org, two = second.system + " by " + second.org;
    const sum = [0, 1, 2, 3].map((k) => rows.reduce((total, row) => total + row[k], 0));
    const difference = sum[0] / sum[1] - sum[2] / sum[3], scenes = rows.length + (rows.length === 1 ? " scene" : " scenes");
    const more = difference > 0 ? "more" : "fewer", sign = difference > 0 ? 1 : -1;
    const labels = one + " labels " + Math.abs(100 * difference).toFixed(2) + " points " + more + " pixels right than " + two;
    if (rows.length < sampling.fewest) return labels + " in " + scenes + ", too few to say whether that is more than chance (" + sampling.fewest + " are needed).";
    const [low, high] = spanOf(rows), span = points(low) + " to " + points(high) + " points, " + scenes;
    if (low <= 0 && high >= 0) return one + " and " + two + " cannot be told apart by their masks (" + span + ").";
    const count = rows.filter((row) => sign * (row[0] / row[1] - row[2] / row[3]) > 0).length;
    return labels + " (" + span + ", " + more + " in " + count + " of them).";
  }
  function interval(n) {
    if (n.low_s === null) return "too few runs for an interval";
    const width = n.high_s - n.low_s, digits = width >= 20 ? 0 : width >= 0.5 ? 1 : 2;
    return n.low_s.toFixed(digits) + " to " + n.high_s.toFixed(digits) + NBSP + "s (95" + NBSP + "%)";
  }
  function conclusion(results, reasons) {
    if (results.length < 2) return null;
    const lines = reasons.length ? ["These results do not compare: they differ in " + reasons.join(", ").toLowerCase() + "."]
      : results.slice(1).map(function (r) {
        const found = compareScores(results[0], r);
        if (!found) return r.system + " and " + results[0].system + ": a score is missing.";
        if (!found.apart) return r.system + " by " + r.org + " and " + results[0].system + " by " + results[0].org + ": " + found.text + ".";
        return r.system + " by " + r.org + " is " + found.text + " than " + results[0].system + " by " + results[0].org + ".";
      });
    const masks = reasons.length ? [] : results.slice(1).map((r) => make("p", { className: "muted masks" }, compareMasks(r, results[0])));
    const unread = results.filter((r) => unranked.has(r.id)).map((r) => r.system + " by " + r.org);
    const doubted = results.filter((r) => r.pace === "beyond").map((r) => r.system + " by " + r.org);
    if (doubted.length && !reasons.length) lines.push("Faster than chance explains, so that ratios with it may flatter: " + doubted.join(", ") + ".");
    if (unread.length) lines.push("Not ranked, since nobody has computed " + (unread.length === 1 ? "its" : "their") + " work again: " + unread.join(", ") + ".");
    return make("div", { className: "conclusion" }, ...lines.map((line) => make("p", {}, line)), ...masks);
  }

  function draw(results) {
    if (!results.length) { place.replaceChildren(make("p", { className: "spaced" }, "Nothing is chosen yet.")); return; }
    const reasons = unfair(results);
    place.replaceChildren(...[
      conclusion(results, reasons), heads(results), results.length > 1 ? warning(results, reasons) : null,
      part("Numbers", numbers(results, reasons)),
      part("Learning curves", curves(results)),
      part("Systems", systems(results)),
    ].filter(Boolean));
  }
  function part(title, ...body) {
    const id = title.toLowerCase().replaceAll(" ", "-");
    const one = make("section", { className: "full", id }, make("h2", { id: id + "-h" }, title), make("div", { className: "body" }, ...body));
    one.setAttribute("aria-labelledby", id + "-h");
    return one;
  }

  function heads(results) {
    return make("ul", { className: "compared" }, ...results.map(function (r, i) {
      const base = make("input", { type: "radio", name: "base", checked: i === 0 });
      base.addEventListener("change", function () { back = "[name=base]"; choose([r.id, ...chosen().filter((id) => id !== r.id)]); });
      const drop = make("button", { type: "button", className: "plainbutton" }, "Remove");
      drop.setAttribute("aria-label", "Remove " + r.system + " by " + r.org);
      drop.addEventListener("click", function () { back = ".acts button"; choose(chosen().filter((id) => id !== r.id)); });
      return make("li", { className: "k" + i },
        make("h2", {}, make("a", { href: r.report }, bdi(r.system))), make("p", { className: "muted" }, "by ", bdi(r.org)),
        make("p", { className: "big" }, r.numbers.time_to_train_s === null ? "not measured" : r.numbers.time_to_train_s.toFixed(2) + NBSP + "s"),
        make("p", {}, interval(r.numbers)),
        make("p", { className: "muted" }, r.numbers.factor === 1 ? "mean of its runs, factor 1" : "mean " + r.numbers.mean_s.toFixed(2) + NBSP + "s × " + Number(r.numbers.factor.toPrecision(5))),
        r.pace === "beyond" ? make("p", {}, make("a", { className: "doubt", href: "method.html#beyond" }, "fewer epochs than chance explains")) : null,
        r.warnings ? make("p", {}, make("a", { className: "muted", href: r.report + "#rules" }, r.warnings === 1 ? "1 warning" : r.warnings + " warnings")) : null,
        make("p", {}, make("a", { className: "tag unverified", href: "#note-1" }, "unverified")),
        unranked.has(r.id) ? make("p", {}, make("a", { className: "tag unranked", href: "method.html#ranks" }, "not ranked")) : null,
        make("p", {}, r.must_agree.Division + ", ", bdi(r.must_agree.Data)),
        make("p", { className: "muted" }, "ID ", bdi(r.id)),
        make("div", { className: "acts" }, make("label", { className: "tick" }, base, "compare with this"), drop));
    }));
  }

  // ---- what forbids a ratio, and what has to be said beside one
  function unfair(results) {
    return Object.keys(results[0].must_agree).filter((key) => new Set(results.map((r) => r.must_agree[key])).size > 1);
  }
  function warning(results, reasons) {
    const stated = Object.keys(results[0].state).filter((key) => new Set(results.map((r) => String(r.state[key]))).size > 1);
    const list = (keys, kind) => make("ul", { className: "differing" }, ...keys.map((key) => make("li", {}, make("b", {}, key), ": ",
      ...results.flatMap((r, i) => [i ? ", " : "", bdi(r.system), " ", bdi(r[kind][key] === null || r[kind][key] === "" ? "not stated" : r[kind][key])]))));
    const box = make("div", { className: reasons.length ? "warnbox" : "spaced" });
    if (reasons.length) {
      box.append(make("p", {}, "These results do not compare: no ratio is given, because of:"), list(reasons, "must_agree"));
      if (stated.length) box.append(make("p", {}, "They differ in this, too, which alone would forbid none:"), list(stated, "state"));
    } else {
      box.append(make("p", {}, stated.length ? "They stand in one kind of table, so they compare. What differs:" : "They stand in one kind of table, with the same settings."));
      if (stated.length) box.append(list(stated, "state"));
    }
    return box;
  }

  // ---- numbers and ratios
  function numbers(results, reasons) {
    const fair = !reasons.length && results.length > 1;
    const rows = [
      ["Time-to-train (score)", (r) => r.numbers.time_to_train_s, fixed(2, "s"), "score", -1],
      ["Epochs to the target", (r) => r.numbers.epochs, significant(3, ""), "ratio", 1],
      ["Training throughput", (r) => r.numbers.samples_per_s, significant(3, "patches/s"), "ratio", 1],
      ["Inference, per scene", (r) => r.numbers.seconds_per_scene, significant(3, "s"), "speed", -1],
      ["Accuracy that ended the runs", (r) => r.numbers.accuracy, fixed(4), "difference", 0],
      ...names(results, (r) => Object.keys(r.science)).map((name) => ["Test scenes: " + name, (r) => r.science[name] ?? null, fixed(4), "difference", 0]),
      ...names(results, (r) => whole(r.energy).map(scope)).map((name) =>
        ["Energy per run, " + name, (r) => r.energy.find((e) => scope(e) === name)?.joules ?? null, significant(4, "J"), "energy ratio", 2]),
    ];
    const head = make("tr", {}, make("th", { scope: "col" }, "Quantity"), ...results.map((r) => make("th", { scope: "col", className: "r" }, bdi(r.system))));
    const body = rows.filter(([, value]) => results.some((r) => value(r) !== null)).map(function ([label, value, write, kind, way]) {
      const base = value(results[0]);
      return make("tr", {}, make("th", { scope: "row" }, label), ...results.map(function (r, i) {
        const said = make("span", {}, value(r) === null ? make("span", { className: "absent" }, "not measured") : write(value(r)));
        if (fair && i && base && value(r)) said.append(make("br"), make("span", { className: "muted" }, kind === "score" ? compareScores(results[0], r).text : ratio(base, value(r), kind, way)));
        return labelled(r, { className: "r" }, said);
      }));
    });
    const region = wide("Numbers of the chosen results", make("table", { className: "cards" }, make("thead", {}, head), make("tbody", {}, ...body)));
    const note = "All but the first row are secondary and unofficial. Energies compare only with the same scope, source and method, so each kind has its own row."
      + (fair ? " Ratios are against " + results[0].system + " by " + results[0].org + "." : "");
    return make("div", {}, region, make("p", { className: "muted spaced" }, note));
  }
  const scope = (e) => e.scope + " (" + e.source + ", " + e.method + ")";
  // one GPU of several is part of "all GPUs", which is there too
  const whole = (energy) => energy.filter((e) => !/(gpu|cpu_package)\d+$/.test(e.scope)
    || !energy.some((other) => other.scope.startsWith("all ") && other.source === e.source && other.method === e.method));
  const names = (results, list) => [...new Set(results.flatMap(list))];
  function ratio(base, value, kind, way) {
    if (way === 0) return (value - base >= 0 ? "+" : "\u2212") + Math.abs(value - base).toFixed(4);
    if (way === -1) return speed(value / base);
    return kind + " " + figures(value / base) + "x";
  }
  // a cell that names its result where rows become cards
  function labelled(r, attributes, content) {
    const cell = make("td", attributes, content);
    cell.dataset.label = r.system;
    return cell;
  }
  function wide(label, table) {
    const region = make("div", { className: "wide-table", tabIndex: 0 }, table);
    region.setAttribute("role", "region");
    region.setAttribute("aria-label", label);
    return region;
  }

  // ---- learning curves over each other
  const SVG = "http://www.w3.org/2000/svg";
  function svg(name, attributes, text) {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, typeof value === "number" ? value.toFixed(1) : value);
    if (text !== undefined) node.textContent = text;
    return node;
  }
  function ticks(low, high, count) {
    if (!(high > low)) return [low];
    const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i <= high / step + 1e-9; i += 1) found.push(Number((i * step).toPrecision(12)));
    return found;
  }
  function middle(r) {
    const kept = r.runs.filter((run) => run.time_to_train_s !== null && !run.dropped).sort((a, b) => a.time_to_train_s - b.time_to_train_s);
    return kept.length ? kept[(kept.length - 1) >> 1].index : (r.runs[0] || {}).index;
  }
  function curves(results) {
    const holder = make("div");
    const pick = make("fieldset", { className: "views" }, make("legend", {}, "Over"));
    for (const [key, label] of [["at_s", "time since run_start"], ["epoch", "epochs"]]) {
      const radio = make("input", { type: "radio", name: "axis", value: key, checked: axis === key });
      radio.addEventListener("change", function () { axis = key; holder.replaceChildren(plot(results)); });
      pick.append(make("label", {}, radio, " " + label));
    }
    holder.append(plot(results));
    const legend = make("ul", { className: "legend" }, ...results.map(function (r, i) {
      const line = svg("svg", { class: "sample", viewBox: "0 0 42 12", "aria-hidden": "true" });
      line.append(svg("line", { x1: 0, x2: 42, y1: 6, y2: 6, class: "curve c" + i + " d" + i }));
      return make("li", {}, line, bdi(r.system), " by ", bdi(r.org));
    }));
    return make("div", {}, pick, legend, holder,
      make("p", { className: "muted spaced" }, "Accuracy on the validation scenes after each epoch. Strong: the median run of each result; faint: its other runs. Dotted: the target."));
  }
  function plot(results) {
    const width = Math.min(900, Math.max(300, place.clientWidth)), height = width > 500 ? 360 : 280;
    const box = { left: 48, right: width - 14, top: 18, bottom: height - 46 };
    const x = (p) => (axis === "epoch" ? p[0] : p[1]);
    const lines = results.flatMap((r, i) => r.runs.map((run) => ({ r, i, run, points: run.curve.filter((p) => x(p) !== null) }))).filter((l) => l.points.length);
    const picture = svg("svg", { class: "chart", viewBox: "0 0 " + width + " " + height, width: String(width), height: String(height), role: "img" });
    picture.setAttribute("aria-label", "Learning curves of " + results.map((r) => r.system + " by " + r.org).join(", "));
    if (!lines.length) return make("p", { className: "absent" }, "No evaluation was logged.");
    const xs = lines.flatMap((l) => l.points.map(x)), ys = lines.flatMap((l) => l.points.map((p) => p[2]));
    const targets = [...new Set(results.map((r) => r.target).filter((t) => t !== null))];
    const low = Math.min(...ys, ...targets), high = Math.max(...ys, ...targets), pad = (high - low) * 0.06 || 0.01;
    const left = axis === "epoch" ? Math.min(...xs) : 0, right = Math.max(...xs, left + 1e-9);
    const px = (v) => box.left + ((v - left) / (right - left || 1)) * (box.right - box.left);
    const py = (v) => box.bottom - ((v - low + pad) / (high - low + 2 * pad)) * (box.bottom - box.top);
    for (const t of ticks(low - pad, high + pad, 5)) {
      picture.append(svg("line", { x1: box.left, x2: box.right, y1: py(t), y2: py(t), class: "grid" }),
        svg("text", { x: box.left - 8, y: py(t) + 4, class: "label", "text-anchor": "end" }, String(t)));
    }
    for (const t of ticks(left, right, width > 500 ? 8 : 4)) {
      if (axis === "epoch" && !Number.isInteger(t)) continue;
      picture.append(svg("line", { x1: px(t), x2: px(t), y1: box.bottom, y2: box.bottom + 4, class: "tick" }),
        svg("text", { x: px(t), y: box.bottom + 17, class: "label", "text-anchor": "middle" }, String(t)));
    }
    picture.append(svg("line", { x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom, class: "axis" }),
      svg("text", { x: box.right, y: box.bottom + 34, class: "label strong", "text-anchor": "end" }, axis === "epoch" ? "epoch" : "seconds since run_start"),
      svg("text", { x: 0, y: 10, class: "label strong" }, "accuracy"));
    for (const t of targets) picture.append(svg("line", { x1: box.left, x2: box.right, y1: py(t), y2: py(t), class: "target" }));
    lines.sort((a, b) => (a.run.index === middle(a.r)) - (b.run.index === middle(b.r)));
    for (const { r, i, run, points } of lines) {
      const main = run.index === middle(r);
      const path = svg("path", { d: "M" + points.map((p) => px(x(p)).toFixed(1) + " " + py(p[2]).toFixed(1)).join("L"), class: "curve c" + i + " d" + i + (main ? "" : " faint") });
      path.append(svg("title", {}, r.system + " by " + r.org + ", run " + run.index));
      picture.append(path);
    }
    return make("figure", {}, picture);
  }

  // ---- systems, only what differs unless all is asked for
  function systems(results) {
    const value = (r, label) => (r.system_fields.find(([name]) => name === label) || [])[1] || r.software[label] || "";
    const WEIGHTY = ["Number of nodes", "Accelerators per node", "Accelerator model name", "Host processor model name", "Host processors per node", "Host processor core count", "Host memory capacity", "Framework", "Operating system"];
    const weight = (label) => { const at = WEIGHTY.indexOf(label); return at < 0 ? WEIGHTY.length : at; };
    const labels = [...names(results, (r) => r.system_fields.map(([name]) => name)), ...names(results, (r) => Object.keys(r.software))];
    const differs = (label) => new Set(results.map((r) => value(r, label))).size > 1;
    const holder = make("div");
    function table() {
      const kept = [...new Set(labels)].sort((a, b) => weight(a) - weight(b)).filter((label) => !/checked|time stamp/i.test(label)).filter((label) => all || results.length < 2 || differs(label));
      const head = make("tr", {}, make("th", { scope: "col" }, "Field"), ...results.map((r) => make("th", { scope: "col" }, bdi(r.system))));
      return kept.length ? wide("Systems side by side", make("table", { className: "cards fields" }, make("thead", {}, head), make("tbody", {}, ...kept.map((label) =>
        make("tr", { className: all && differs(label) ? "differs" : "" }, make("th", { scope: "row" }, label),
          ...results.map((r) => labelled(r, {}, bdi(value(r, label) || "not stated"))))))))
        : make("p", {}, "The systems agree in every field.");
    }
    const box = make("input", { type: "checkbox", checked: all });
    box.addEventListener("change", function () { all = box.checked; holder.replaceChildren(table()); });
    holder.append(table());
    return make("div", {}, results.length > 1 ? make("label", { className: "tick all-fields" }, box, " also what is the same") : null, holder);
  }

  let asked = 0;
  async function show() {
    const turn = asked += 1;
    const ids = chosen();
    if (/^#note-/.test(location.hash)) return;
    await Promise.all(ids.map(load));
    if (turn !== asked) return;
    const results = ids.map((id) => loaded.get(id)).filter(Boolean);
    const refused = ids.filter((id) => rejected.has(id)), gone = ids.filter((id) => !loaded.get(id) && !rejected.has(id));
    said.replaceChildren(
      ...refused.flatMap((id) => [bdi(id), " was rejected: it " + rejected.get(id)[1] + " (", make("a", { href: rejected.get(id)[0] }, "why"), "). "]),
      gone.length ? "Not on this leaderboard: " + gone.join(", ") + ". " : "",
      results.length === 1 ? "Choose a second one to compare with." : "");
    draw(results);
    if (back) (place.querySelector(back) || form.elements.id).focus();
    back = "";
  }
  form.hidden = false;
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    const id = form.elements.id.value.trim();
    const ids = chosen();
    if (!ID.test(id)) said.textContent = "An ID looks like organisation/system.";
    else if (ids.length >= MOST) said.textContent = "No more than " + MOST + " at a time.";
    else { form.elements.id.value = ""; choose([...ids, id]); }
  });
  addEventListener("hashchange", show);
  show();
})();
