// Dials of the course: one slider, and at once what it does. The browser alone answers it; Python
// hears of the value. Uses the viewers' dom.js.

/** @typedef {[number, number]} Pair */

/**
 * A box with a title, what it shows, and a line of words below the slider.
 * @param {HTMLElement} el
 * @param {Model} model
 */
function makeDialBox(el, model) {
  const root = makeElement("div", { class: "nbv nbd" });
  const state = makeState(model);
  const stop = followTheme(root);
  const title = makeElement("h3", {}, model.get("title"));
  const stage = makeElement("div", { class: "nbd-stage" });
  const controls = makeElement("div", { class: "nbd-controls" });
  const words = makeElement("p", { class: "nbd-words", "aria-live": "polite" });
  root.append(makeElement("div", { class: "nbv-head" }, title), stage, controls, words);
  el.replaceChildren(root);
  const close = () => {
    stop();
    state.close();
  };
  return { state, stage, controls, words, close };
}

// ---- numbers -----------------------------------------------------------------------------------

/**
 * Both signals along the axes that are turned by an angle.
 * @param {Pair[]} points white: uncorrelated, variance 1
 * @param {number} angle in degrees
 * @returns {[number[], number[]]}
 */
function turnPoints(points, angle) {
  const c = Math.cos((angle * Math.PI) / 180);
  const s = Math.sin((angle * Math.PI) / 180);
  return [points.map(([a, b]) => c * a + s * b), points.map(([a, b]) => c * b - s * a)];
}

/** @param {number[]} values of mean 0 and variance 1 */
const excessKurtosis = (values) =>
  values.reduce((sum, value) => sum + value ** 4, 0) / values.length - 3;

/**
 * How far from Gaussian both axes are, together.
 * @param {Pair[]} points
 * @param {number} angle
 */
function contrastAt(points, angle) {
  const sizes = turnPoints(points, angle).map((values) => Math.abs(excessKurtosis(values)));
  return (sizes[0] + sizes[1]) / 2;
}

/** @param {number[]} values @param {number} n @param {number} reach */
function countBins(values, n, reach) {
  const counts = new Array(n).fill(0);
  for (const value of values) {
    counts[clamp(Math.floor(((value + reach) / (2 * reach)) * n), 0, n - 1)] += 1;
  }
  return counts;
}

// ---- drawings ----------------------------------------------------------------------------------

const DIAL_REACH = 5;
const DIAL_BINS = 41;

/** @param {number} width @param {number} height @param {string} says */
const makeDrawing = (width, height, says) =>
  makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": says });

/** @param {Pair[]} points */
function makeCloud(points) {
  const svg = makeDrawing(300, 300, "cloud of points with two axes");
  /** @param {number} value */
  const place = (value) => 150 + (value / DIAL_REACH) * 150;
  const dots = points.map(([a, b]) => `M${place(a).toFixed(1)} ${place(-b).toFixed(1)}h0`).join("");
  svg.append(makeSvg("path", { d: dots, class: "nbd-dots" }));
  const lines = [1, 2].map((n) => makeSvg("line", { class: `nbd-axis nbd-${n}` }));
  const names = [1, 2].map((n) => makeSvg("text", { class: `nbd-name nbd-${n}` }, `axis ${n}`));
  svg.append(...lines, ...names);
  /** @param {number} angle */
  const turn = (angle) => {
    [angle, angle + 90].forEach((one, i) => {
      const x = 140 * Math.cos((one * Math.PI) / 180);
      const y = -140 * Math.sin((one * Math.PI) / 180);
      const ends = { x1: 150 - x, y1: 150 - y, x2: 150 + x, y2: 150 + y };
      for (const [name, end] of Object.entries(ends)) lines[i].setAttribute(name, end.toFixed(1));
      names[i].setAttribute("x", (150 + 0.86 * x + 6).toFixed(1));
      names[i].setAttribute("y", (150 + 0.86 * y - 6).toFixed(1));
    });
  };
  return { svg, turn };
}

/** @param {number} n 1 or 2 */
function makeHistogram(n) {
  const svg = makeDrawing(300, 90, `histogram along axis ${n}`);
  const bars = makeSvg("path", { class: `nbd-bars nbd-${n}` });
  const words = makeSvg("text", { x: 8, y: 16, class: "nbd-note" });
  svg.append(bars, words);
  /** @param {number[]} values */
  const show = (values) => {
    const counts = countBins(values, DIAL_BINS, DIAL_REACH);
    const most = Math.max(...counts);
    const step = 300 / DIAL_BINS;
    bars.setAttribute(
      "d",
      counts.map((c, i) => `M${(i + 0.5) * step} 88v${(-66 * c) / most}`).join(""),
    );
    const kurtosis = withMinus(excessKurtosis(values).toFixed(1));
    words.textContent = `axis ${n}: kurtosis ${kurtosis}`;
  };
  return { svg, show };
}

/** @param {Pair[]} points */
function makeCurve(points) {
  const svg = makeDrawing(300, 110, "how far from Gaussian, by angle");
  const values = Array.from({ length: 361 }, (_, angle) => contrastAt(points, angle));
  const most = Math.max(1, ...values); // of Gaussians, all is chance: that is to look flat
  /** @param {number} angle @param {number} value */
  const at = (angle, value) => [(angle / 360) * 300, 100 - (76 * value) / most].join(" ");
  const places = values.map((value, angle) => at(angle, value)).join(" ");
  const words = "mean |kurtosis| of both axes, 0° to 360°";
  svg.append(makeSvg("polyline", { points: places, class: "nbd-curve" }));
  svg.append(makeSvg("text", { x: 8, y: 14, class: "nbd-note" }, words));
  const mark = makeSvg("circle", { r: 5, class: "nbd-mark" });
  svg.append(mark);
  /** @param {number} angle */
  const turn = (angle) => {
    const [x, y] = at(angle, contrastAt(points, angle)).split(" ");
    mark.setAttribute("cx", x);
    mark.setAttribute("cy", y);
  };
  return { svg, turn, best: values.slice(0, 91).indexOf(Math.max(...values.slice(0, 91))) };
}

// ---- the two dials -----------------------------------------------------------------------------

/** @param {{ model: Model, el: HTMLElement }} place */
function renderIcaDial({ model, el }) {
  const { state, stage, controls, words, close } = makeDialBox(el, model);
  /** @type {Pair[]} */
  const points = model.get("_points");
  const cloud = makeCloud(points);
  const histograms = [makeHistogram(1), makeHistogram(2)];
  const curve = makeCurve(points);
  stage.append(cloud.svg, makeElement("div", {}, ...histograms.map((h) => h.svg), curve.svg));
  const show = (/** @type {number} */ angle) => `${Math.round(angle)}°`;
  controls.append(makeSlider(state, "angle", { label: "angle", min: 0, max: 360, step: 1, show }));
  const buttons = [["PCA's axes", 0], ["ICA's axes", curve.best]].map(([text, angle]) =>
    makeElement("button", { type: "button", onclick: () => state.set({ angle }) }, String(text)),
  );
  controls.append(...buttons);
  state.on("angle", () => {
    const angle = state.get("angle");
    cloud.turn(angle);
    curve.turn(angle);
    turnPoints(points, angle).forEach((values, i) => histograms[i].show(values));
    const reached = contrastAt(points, angle) > 0.98 * contrastAt(points, curve.best);
    const hint = "Turn until both histograms are as far from a bell as they can be.";
    writeText(words, reached ? "A summit: both axes are as far from Gaussian as they get." : hint);
  });
  return close;
}

/** @param {{ model: Model, el: HTMLElement }} place */
function renderSteps({ model, el }) {
  const { state, stage, controls, words, close } = makeDialBox(el, model);
  /** @type {{ label: string, values: string[], pictures: string[], words: string[] }} */
  const steps = model.get("_steps");
  const picture = makeElement("img", { alt: "" });
  stage.classList.add("nbd-one");
  stage.append(picture);
  const max = steps.values.length - 1;
  const show = (/** @type {number} */ step) => steps.values[step];
  controls.append(makeSlider(state, "step", { label: steps.label, min: 0, max, step: 1, show }));
  state.on("step", () => {
    const step = state.get("step");
    picture.src = `data:image/webp;base64,${steps.pictures[step]}`;
    picture.alt = `${steps.label} ${steps.values[step]}: ${steps.words[step]}`;
    writeText(words, steps.words[step]);
  });
  return close;
}
