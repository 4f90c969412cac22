// The IC desk: all components as a contact sheet, the viewer at the chosen one's peak, its time
// course and power spectrum, marks by keyboard. Beside the files of slices.js.

const MARK_KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "e"];

// ---- marks -------------------------------------------------------------------------------------

function makeMarks(ctx) {
  const past = [];
  const { state } = ctx;
  const marks = { of: (k) => state.get("marks")[k] ?? "" };
  const change = (k, name) => {
    const next = { ...state.get("marks") };
    if (name) next[k] = name; else delete next[k];
    state.set({ marks: next });
  };
  marks.set = (name) => {
    const k = state.get("component");
    past.push([k, marks.of(k)]);
    change(k, name);
    const rest = [...Array(ctx.count).keys()].map((i) => (k + 1 + i) % ctx.count).filter((i) => !marks.of(i));
    if (rest.length) ctx.select(rest[0]);
  };
  marks.undo = () => {
    if (!past.length) return;
    const [k, before] = past.pop();
    change(k, before);
    ctx.select(k);
  };
  marks.count = () => Object.keys(state.get("marks")).length;
  return marks;
}

// What FIX, FSLeyes and Melview read: numbers from 1, and a last line of those to remove.
function labelFile(ctx, marks) {
  const kept = ctx.scene.kept;
  const name = (k) => marks.of(k) || "Unknown";
  const all = [...Array(ctx.count).keys()];
  const noise = (k) => !kept.includes(name(k));
  const lines = all.map((k) => `${k + 1}, ${name(k)}, ${noise(k) ? "True" : "False"}`);
  return `${[".", ...lines, `[${all.filter(noise).map((k) => k + 1).join(", ")}]`].join("\n")}\n`;
}

function makeMarkBar(ctx, marks, root) {
  const { state, scene } = ctx;
  const buttons = scene.classes.map((name, i) =>
    h("button", { type: "button", onclick: () => marks.set(name), style: `--mark: ${scene.tints[i]}` },
      h("kbd", {}, MARK_KEYS[i]), name));
  const count = h("span", { class: "nbv-dim", role: "status" });
  const save = () => {
    const url = URL.createObjectURL(new Blob([labelFile(ctx, marks)], { type: "text/plain" }));
    const link = h("a", { href: url, download: "labels.txt" });
    root.append(link);
    link.click();
    link.remove();
    URL.revokeObjectURL(url);
  };
  state.on("marks component", () => {
    count.textContent = `${marks.count()} of ${ctx.count} labelled`;
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", marks.of(state.get("component")) === scene.classes[i]));
  });
  return h("div", { class: "nbv-marks", role: "group", "aria-label": "Label of this component" }, ...buttons,
    h("span", { class: "nbv-marks-end" }, count,
      h("button", { type: "button", onclick: marks.undo, title: "Undo (u)" }, h("kbd", {}, "u"), "Undo"),
      h("button", { type: "button", onclick: save, title: "As FIX and FSLeyes read them" }, "Save labels")));
}

// ---- contact sheet -----------------------------------------------------------------------------

function makeTile(ctx, k, marks) {
  const canvas = h("canvas", { "aria-hidden": "true" }), pen = canvas.getContext("2d", { alpha: false });
  const plate = makePlate(ctx.scene, 2, 2 * ctx.scene.step);
  const name = h("b", {}), about = h("span", { class: "nbv-dim" }), chip = h("i", { class: "nbv-chip" });
  const el = h("div", { class: "nbv-tile", role: "option", id: `nbv-tile-${++lastId}`, onclick: () => ctx.select(k) }, canvas, name, about, chip);
  const tile = { el };
  tile.draw = () => {
    const [peak] = [...peaksOf(ctx.maps, k, 1, 0), [0, 0, 0]];
    const own = ctx.look().layers[0];
    const look = { ...ctx.look(), layers: [{ ...own, frame: k }], outlines: false, glass: false };
    const image = paint(plate, look, peak[2]);
    if (image) put(canvas, pen, image);
  };
  redrawIfLost(canvas, plate, tile.draw);
  tile.write = () => {
    const facts = ctx.scene.facts[k], mark = marks.of(k);
    name.textContent = ctx.name(k);
    about.textContent = facts;
    chip.textContent = mark;
    chip.style.setProperty("--mark", ctx.scene.tints[ctx.scene.classes.indexOf(mark)] ?? "transparent");
    el.setAttribute("aria-selected", ctx.state.get("component") === k);
    el.setAttribute("aria-label", [ctx.name(k), `number ${k + 1}`, facts, mark || "not labelled"].filter(Boolean).join(", "));
  };
  return tile;
}

// Tiles are drawn one a frame: the slices in view must not wait for them.
function makeSheet(ctx, marks) {
  const tiles = [...Array(ctx.count).keys()].map((k) => makeTile(ctx, k, marks));
  const el = h("div", { class: "nbv-sheet", role: "listbox", tabindex: 0, "aria-label": `${ctx.count} components` }, ...tiles.map((tile) => tile.el));
  let next = 0, waiting = 0;
  const work = () => {
    waiting = 0;
    tiles[next++].draw();
    if (next < tiles.length) waiting = requestAnimationFrame(work);
  };
  ctx.state.on("threshold vmax opacity colormap window radiological interpolate", () => {
    next = 0;
    waiting = waiting || requestAnimationFrame(work);
  });
  ctx.state.on("component marks names", () => {
    tiles.forEach((tile) => tile.write());
    const chosen = tiles[ctx.state.get("component")].el;
    el.setAttribute("aria-activedescendant", chosen.id);
    scrollTo(el, chosen);
  });
  el.addEventListener("keydown", (event) => walk(ctx, el, event));
  el.close = () => cancelAnimationFrame(waiting);
  return el;
}

// Into view within the sheet, without moving the page.
function scrollTo(el, chosen) {
  const below = chosen.offsetTop + chosen.offsetHeight - el.clientHeight, right = chosen.offsetLeft + chosen.offsetWidth - el.clientWidth;
  el.scrollTop = clamp(el.scrollTop, below + 6, chosen.offsetTop - 6);
  el.scrollLeft = clamp(el.scrollLeft, right + 6, chosen.offsetLeft - 6);
}

function walk(ctx, el, event) {
  const tops = [...el.children].map((tile) => tile.offsetTop);
  const columns = tops.filter((top) => top === tops[0]).length;
  const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -ctx.count, End: ctx.count };
  if (!(event.key in moves)) return;
  ctx.select(ctx.state.get("component") + moves[event.key]);
  event.preventDefault();
}

// ---- time courses and spectra ------------------------------------------------------------------

function courseOf(scene, subject, k) {
  const { lengths, scales, starts, volume } = scene.courses;
  const length = lengths[subject], at = starts[subject] + k * length;
  return Array.from(volume.subarray(at, at + length), (code) => code * scales[subject][k]);
}

// Power at the frequencies of a real Fourier transform, the mean left out.
function spectrum(values) {
  const n = values.length, mean = values.reduce((a, b) => a + b, 0) / n;
  const turn = Float64Array.from({ length: n }, (_, i) => Math.cos((2 * Math.PI * i) / n));
  const quarter = Float64Array.from({ length: n }, (_, i) => Math.sin((2 * Math.PI * i) / n));
  const power = [];
  for (let f = 1; f <= n / 2; f++) {
    let re = 0, im = 0;
    for (let i = 0; i < n; i++) {
      re += (values[i] - mean) * turn[(f * i) % n];
      im += (values[i] - mean) * quarter[(f * i) % n];
    }
    power.push((re * re + im * im) / n);
  }
  return power;
}

function makeSignals(ctx) {
  const { state, scene } = ctx;
  if (!scene.courses) return null;
  const course = h("figure", { class: "nbv-course" }), power = h("figure", { class: "nbv-course" });
  const subjects = scene.courses.subjects.map((name, i) => [i, name]);
  const pick = choice(state, "subject", "Run", subjects);
  pick.querySelector("select").addEventListener("change", (event) => state.set({ subject: Number(event.target.value) }));
  state.on("component subject", () => {
    const k = state.get("component"), values = courseOf(scene, state.get("subject"), k), t = scene.t_r;
    const found = spectrum(values), strongest = found.indexOf(Math.max(...found)) + 1;
    const frequency = t ? `${(strongest / (values.length * t)).toFixed(3)} Hz` : `${strongest} cycles`;
    const step = t ? 1 / (values.length * t) : 1;
    course.replaceChildren(...plotLine(values, { title: "Time course", t, unit: t ? "s" : "frames" }));
    power.replaceChildren(...plotLine(found, { title: `Power, strongest at ${frequency}`, t: step, from: step, bare: true, unit: t ? "Hz" : "cycles" }));
  });
  return h("div", { class: "nbv-signals" }, subjects.length > 1 ? pick : null, course, power);
}

// ---- a second decomposition --------------------------------------------------------------------

function makePartner(ctx) {
  const { partner } = ctx.scene;
  if (!partner) return null;
  const ratio = ctx.scene.partner_ratio;
  const own = { ...ctx, maps: partner };
  own.look = () => {
    const look = ctx.look(), [first] = look.layers;
    return { ...look, layers: [{ ...first, volume: partner, threshold: first.threshold * ratio, vmax: first.vmax * ratio }] };
  };
  const stage = makeStage(own);
  const caption = h("p", { class: "nbv-pair" });
  ctx.state.on("component names", () => {
    const pair = ctx.scene.pairs[ctx.state.get("component")];
    caption.textContent = pair.name ? `${ctx.name(ctx.state.get("component"))} and ${pair.name}: r = ${minus(pair.r.toFixed(2))}${pair.r < 0 ? " (shown with its sign turned)" : ""}`
      : "No partner: the other decomposition has fewer components.";
  });
  ctx.state.on(`${PIXELS} zoom`, stage.draw);
  return { el: h("div", {}, caption, stage.el), close: stage.close };
}

// ---- entry -------------------------------------------------------------------------------------

async function renderComponents({ model, el }) {
  const ctx = makeContext(model, await sceneOf(model));
  furnishDesk(ctx.scene);
  const root = makeRoot(`Component browser ${model.get("title")}`.trim());
  root.classList.add("nbv-desk");
  el.replaceChildren(root);
  const marks = makeMarks(ctx), sheet = makeSheet(ctx, marks), partner = makePartner(ctx);
  root.addEventListener("keydown", (event) => markByKey(ctx, marks, event));
  const viewer = mountViewer(root, ctx, {
    beside: [sheet], screen: partner ? [partner.el] : [],
    below: [makeMarkBar(ctx, marks, root), makeSignals(ctx)].filter(Boolean),
  });
  return () => { sheet.close(); partner?.close(); viewer.close(); };
}

// Courses of all subjects lie one after the other in one array.
function furnishDesk(scene) {
  if (scene.courses && !scene.courses.starts) {
    const { lengths } = scene.courses, n = scene.maps.scales.length;
    scene.courses.starts = lengths.map((_, i) => n * lengths.slice(0, i).reduce((a, b) => a + b, 0));
    scene.courses.volume = scene.volumes.find((volume) => volume.role === "courses").values;
  }
}

function markByKey(ctx, marks, event) {
  const tag = event.target.tagName;
  if (event.metaKey || event.altKey || tag === "SELECT" || (tag === "INPUT" && event.target.type === "number")) return;
  const index = MARK_KEYS.indexOf(event.key);
  if (event.ctrlKey ? event.key === "z" : event.key === "u") marks.undo();
  else if (!event.ctrlKey && index >= 0 && index < ctx.scene.classes.length) marks.set(ctx.scene.classes[index]);
  else return;
  event.preventDefault();
}
