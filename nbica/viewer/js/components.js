// The IC desk: all components as a contact sheet, the viewer at the chosen one's peak, its time
// course and power spectrum, marks by keyboard. Beside the files of the slice viewer.

const MARK_KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "e"];

// ---- marks -------------------------------------------------------------------------------------

/**
 * The classes that a person gave to components.
 * @typedef {object} Marks
 * @property {(k: number) => string} of a component; "" for none
 * @property {(name: string) => void} set for the component in view, and go on to the next without
 * @property {() => void} undo
 * @property {() => number} count
 */

/**
 * @param {Context} ctx
 * @returns {Marks}
 */
function makeMarks(ctx) {
  const { state, count } = ctx;
  /** @type {[number, string][]} */
  const past = [];
  const of = (/** @type {number} */ k) => state.get("marks")[k] ?? "";
  const change = (/** @type {number} */ k, /** @type {string} */ name) => {
    const marks = { ...state.get("marks") };
    if (name) marks[k] = name;
    else delete marks[k];
    state.set({ marks });
  };
  return {
    of,
    set(name) {
      const k = state.get("component");
      past.push([k, of(k)]);
      change(k, name);
      const others = Array.from({ length: count }, (_, i) => (k + 1 + i) % count);
      const rest = others.filter((i) => !of(i));
      if (rest.length) ctx.select(rest[0]);
    },
    undo() {
      const last = past.pop();
      if (!last) return;
      change(...last);
      ctx.select(last[0]);
    },
    count: () => Object.keys(state.get("marks")).length,
  };
}

/**
 * What FIX, FSLeyes and Melview read: numbers from 1, and a last line of those to remove.
 * @param {Context} ctx
 * @param {Marks} marks
 */
function labelFile(ctx, marks) {
  const names = Array.from({ length: ctx.count }, (_, k) => marks.of(k) || "Unknown");
  const isNoise = (/** @type {string} */ name) => !ctx.scene.kept.includes(name);
  const lines = names.map((name, k) => `${k + 1}, ${name}, ${isNoise(name) ? "True" : "False"}`);
  const noise = names.flatMap((name, k) => (isNoise(name) ? [k + 1] : []));
  return `${[".", ...lines, `[${noise.join(", ")}]`].join("\n")}\n`;
}

/**
 * @param {Context} ctx
 * @param {Marks} marks
 * @param {HTMLElement} root
 */
function makeMarkBar(ctx, marks, root) {
  const { state, scene } = ctx;
  const buttons = scene.classes.map((name, i) => makeElement("button",
    { type: "button", onclick: () => marks.set(name), style: `--mark: ${scene.tints[i]}` },
    makeElement("kbd", {}, MARK_KEYS[i]), name));
  const count = makeElement("span", { class: "nbv-dim", role: "status" });
  const save = () => {
    const url = URL.createObjectURL(new Blob([labelFile(ctx, marks)], { type: "text/plain" }));
    download(root, url, "labels.txt");
    URL.revokeObjectURL(url);
  };
  state.on("marks component", () => {
    count.textContent = `${marks.count()} of ${ctx.count} labelled`;
    const own = marks.of(state.get("component"));
    buttons.forEach((button, i) =>
      button.setAttribute("aria-pressed", String(own === scene.classes[i])));
  });
  const undo = makeElement("button", { type: "button", onclick: marks.undo, title: "Undo (u)" },
    makeElement("kbd", {}, "u"), "Undo");
  const saver = makeElement("button",
    { type: "button", onclick: save, title: "As FIX and FSLeyes read them" }, "Save labels");
  const group = { class: "nbv-marks", role: "group", "aria-label": "Label of this component" };
  return makeElement("div", group, ...buttons,
    makeElement("span", { class: "nbv-marks-end" }, count, undo, saver));
}

// ---- contact sheet -----------------------------------------------------------------------------

/**
 * A component on the contact sheet.
 * @typedef {{el: HTMLElement, draw: () => void, write: () => void}} Tile
 */

/**
 * @param {Context} ctx
 * @param {number} k
 * @param {Marks} marks
 * @returns {Tile}
 */
function makeTile(ctx, k, marks) {
  const canvas = makeElement("canvas", { "aria-hidden": "true" });
  const plate = makePlate(ctx.scene, 2, 2 * ctx.scene.step);
  const name = makeElement("b");
  const about = makeElement("span", { class: "nbv-dim" });
  const chip = makeElement("i", { class: "nbv-chip" });
  const attributes = { class: "nbv-tile", role: "option", id: `nbv-tile-${++lastId}` };
  const el = makeElement("div", { ...attributes, onclick: () => ctx.select(k) },
    canvas, name, about, chip);
  const draw = () => {
    const [peak] = [...peaksOf(ctx.maps, k, 1, 0), [0, 0, 0]];
    const look = ctx.look();
    const layers = [{ ...look.layers[0], frame: k }];
    const image = paintSlice(plate, { ...look, layers, outlines: false, glass: false }, peak[2]);
    if (image) putImage(canvas, image);
  };
  redrawIfLost(canvas, plate, draw);
  const write = () => {
    const facts = ctx.scene.facts[k];
    const mark = marks.of(k);
    name.textContent = ctx.name(k);
    about.textContent = facts;
    chip.textContent = mark;
    const tint = ctx.scene.tints[ctx.scene.classes.indexOf(mark)];
    chip.style.setProperty("--mark", tint ?? "transparent");
    el.setAttribute("aria-selected", String(ctx.state.get("component") === k));
    const words = [ctx.name(k), `number ${k + 1}`, facts, mark || "not labelled"];
    el.setAttribute("aria-label", words.filter(Boolean).join(", "));
  };
  return { el, draw, write };
}

/**
 * All components. Tiles are drawn one a frame: the slices in view must not wait for them.
 * @param {Context} ctx
 * @param {Marks} marks
 */
function makeSheet(ctx, marks) {
  const tiles = Array.from({ length: ctx.count }, (_, k) => makeTile(ctx, k, marks));
  const label = `${ctx.count} components`;
  const attributes = { class: "nbv-sheet", role: "listbox", tabindex: 0, "aria-label": label };
  const el = makeElement("div", attributes, ...tiles.map((tile) => tile.el));
  let next = 0;
  let waiting = 0;
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
    scrollWithin(el, chosen);
  });
  el.addEventListener("keydown", (event) => chooseByArrow(ctx, el, event));
  return { el, close: () => cancelAnimationFrame(waiting) };
}

/**
 * Bring a tile into view within the sheet, without moving the page.
 * @param {HTMLElement} el
 * @param {HTMLElement} chosen
 */
function scrollWithin(el, chosen) {
  const below = chosen.offsetTop + chosen.offsetHeight - el.clientHeight;
  const right = chosen.offsetLeft + chosen.offsetWidth - el.clientWidth;
  el.scrollTop = clamp(el.scrollTop, below + 6, chosen.offsetTop - 6);
  el.scrollLeft = clamp(el.scrollLeft, right + 6, chosen.offsetLeft - 6);
}

/**
 * @param {Context} ctx
 * @param {HTMLElement} el the sheet
 * @param {KeyboardEvent} event
 */
function chooseByArrow(ctx, el, event) {
  const tops = [...el.children].map((tile) => /** @type {HTMLElement} */ (tile).offsetTop);
  const columns = tops.filter((top) => top === tops[0]).length;
  /** @type {Record<string, number>} */
  const moves = {
    ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns,
    Home: -ctx.count, End: ctx.count,
  };
  if (!(event.key in moves)) return;
  ctx.select(ctx.state.get("component") + moves[event.key]);
  event.preventDefault();
}

// ---- time courses and spectra ------------------------------------------------------------------

/**
 * Time courses of all runs lie one after the other in one array.
 * @typedef {object} Courses
 * @property {string[]} subjects names of the runs
 * @property {number[]} lengths frames of each run
 * @property {number[][]} scales of each run's components
 * @property {number[]} starts where each run begins
 * @property {Int16Array} codes
 */

/**
 * Say where each run's time courses begin.
 * @param {Scene} scene
 */
function findCourses({ courses, maps, volumes }) {
  if (!courses || courses.starts) return;
  let start = 0;
  courses.starts = courses.lengths.map((/** @type {number} */ length) => {
    start += length * maps.scales.length;
    return start - length * maps.scales.length;
  });
  /** @type {any[]} */
  const all = volumes;
  courses.codes = all.find(({ role }) => role === "courses").values;
}

/**
 * @param {Courses} courses
 * @param {number} subject
 * @param {number} k
 */
function courseOf({ lengths, scales, starts, codes }, subject, k) {
  const at = starts[subject] + k * lengths[subject];
  const own = codes.subarray(at, at + lengths[subject]);
  return Array.from(own, (code) => code * scales[subject][k]);
}

/**
 * Power at the frequencies of a real Fourier transform, the mean left out.
 * @param {number[]} values
 */
function powerSpectrum(values) {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  const cosine = Float64Array.from(values, (_, i) => Math.cos((2 * Math.PI * i) / n));
  const sine = Float64Array.from(values, (_, i) => Math.sin((2 * Math.PI * i) / n));
  const power = [];
  for (let f = 1; f <= n / 2; f++) {
    let re = 0;
    let im = 0;
    for (let i = 0; i < n; i++) {
      re += (values[i] - mean) * cosine[(f * i) % n];
      im += (values[i] - mean) * sine[(f * i) % n];
    }
    power.push((re * re + im * im) / n);
  }
  return power;
}

/** @param {Context} ctx */
function makeSignals(ctx) {
  const { state, scene } = ctx;
  /** @type {Courses | null} */
  const courses = scene.courses;
  if (!courses) return null;
  const course = makeElement("figure", { class: "nbv-course" });
  const power = makeElement("figure", { class: "nbv-course" });
  /** @type {[number, string][]} */
  const subjects = courses.subjects.map((name, i) => [i, name]);
  state.on("component subject", () => {
    const values = courseOf(courses, state.get("subject"), state.get("component"));
    course.replaceChildren(...plotCourse(values, scene.t_r));
    power.replaceChildren(...plotPower(values, scene.t_r));
  });
  const pick = makeChoice(state, "subject", "Run", subjects, Number);
  const one = subjects.length < 2;
  return makeElement("div", { class: "nbv-signals" }, one ? null : pick, course, power);
}

/**
 * @param {number[]} values
 * @param {number | null} t seconds between frames
 */
const plotCourse = (values, t) =>
  plotLine(values, { title: "Time course", t, unit: t ? "s" : "frames" });

/**
 * @param {number[]} values
 * @param {number | null} t seconds between frames
 */
function plotPower(values, t) {
  const power = powerSpectrum(values);
  const strongest = power.indexOf(Math.max(...power)) + 1;
  const step = t ? 1 / (values.length * t) : 1;
  const at = t ? `${(strongest * step).toFixed(3)} Hz` : `${strongest} cycles`;
  const unit = t ? "Hz" : "cycles";
  return plotLine(power,
    { title: `Power, strongest at ${at}`, t: step, from: step, bare: true, unit });
}

// ---- a second decomposition --------------------------------------------------------------------

/** @param {Context} ctx */
function makePartner(ctx) {
  const { partner, pairs, partner_ratio: ratio } = ctx.scene;
  if (!partner || !pairs) return null;
  const look = () => {
    const own = ctx.look();
    const [first] = own.layers;
    const { threshold, vmax } = first;
    const scaled = { threshold: threshold * ratio, vmax: vmax * ratio };
    return { ...own, layers: [{ ...first, ...scaled, volume: partner }] };
  };
  const stage = makeStage({ ...ctx, maps: partner, look });
  const caption = makeElement("p", { class: "nbv-pair" });
  ctx.state.on("component names", () => {
    const k = ctx.state.get("component");
    caption.textContent = pairWords(ctx.name(k), pairs[k]);
  });
  ctx.state.on(`${PIXELS} zoom`, stage.draw);
  return { el: makeElement("div", {}, caption, stage.el), close: stage.close };
}

/**
 * @param {string} own name of a component
 * @param {{r: number, name: string}} partner
 */
function pairWords(own, { r, name }) {
  if (!name) return "No partner: the other decomposition has fewer components.";
  const turned = r < 0 ? " (shown with its sign turned)" : "";
  return `${own} and ${name}: r = ${withMinus(r.toFixed(2))}${turned}`;
}

// ---- entry -------------------------------------------------------------------------------------

/**
 * What Jupyter calls for a ComponentBrowser.
 * @param {{model: Model, el: HTMLElement}} place
 * @returns {Promise<() => void>} closes the desk
 */
async function renderComponents({ model, el }) {
  const ctx = makeContext(model, await sceneOf(model));
  findCourses(ctx.scene);
  const root = makeRoot(`Component browser ${model.get("title")}`.trim());
  root.classList.add("nbv-desk");
  el.replaceChildren(root);
  const marks = makeMarks(ctx);
  const sheet = makeSheet(ctx, marks);
  const partner = makePartner(ctx);
  const signals = makeSignals(ctx);
  root.addEventListener("keydown", (event) => markByKey(ctx, marks, event));
  const close = mountViewer(root, ctx, {
    beside: [sheet.el],
    screen: partner ? [partner.el] : [],
    below: [makeMarkBar(ctx, marks, root), ...(signals ? [signals] : [])],
  });
  return () => {
    sheet.close();
    partner?.close();
    close();
  };
}

/**
 * @param {Context} ctx
 * @param {Marks} marks
 * @param {KeyboardEvent} event
 */
function markByKey(ctx, marks, event) {
  if (event.metaKey || event.altKey || takesText(event.target)) return;
  const index = MARK_KEYS.indexOf(event.key);
  if (event.ctrlKey ? event.key === "z" : event.key === "u") marks.undo();
  else if (!event.ctrlKey && index >= 0 && index < ctx.scene.classes.length)
    marks.set(ctx.scene.classes[index]);
  else return;
  event.preventDefault();
}
