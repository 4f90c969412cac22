// Lines over time and frequency, with their axes.

/**
 * The time course of the map in view; of a run, at the crosshair, and a click goes to a frame.
 * @param {Context} ctx
 */
function makeCourse(ctx) {
  const el = makeElement("figure", { class: "nbv-course" });
  const { courses, t_r: t } = ctx.scene;
  if (!courses && !ctx.maps.baseline) return el;
  ctx.state.on("component cut_coords", () => {
    const k = ctx.state.get("component");
    const own = courses ? courses.values[k] : courseAt(ctx.maps, ctx.state.get("cut_coords"));
    const title = courses ? `Time course of ${ctx.name(k)}` : "Level at the crosshair";
    const goTo = courses ? {} : { mark: k, pick: ctx.select };
    const options = { title, t, unit: t ? "s" : "frames", ...goTo };
    el.replaceChildren(...(own ? plotLine(own, options) : []));
  });
  return el;
}

/**
 * A line over time (or frequency) with its axes.
 * @param {(number | null)[]} values
 * @param {object} options
 * @param {string} options.title
 * @param {number | null} options.t step along the line
 * @param {string} options.unit along the line
 * @param {number} [options.mark] a point to mark
 * @param {number} [options.from] where the line begins
 * @param {boolean} [options.bare] the range of values says nothing
 * @param {(i: number) => void} [options.pick] called with the point that was clicked
 * @param {number[] | null} [options.behind] another line, dashed
 * @param {string} [options.words] beside the title; the range of values by default
 */
function plotLine(values, options) {
  const { title, t, unit, mark, from = 0, bare = false, pick, behind = null, words } = options;
  const known = [...values, ...(behind ?? [])]
    .filter((v) => v !== null && Number.isFinite(v)).map(Number);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const last = Math.max(values.length - 1, 1);
  const end = from + last * (t || 1);
  const range = `${formatShort(low)} to ${formatShort(high)}`;
  // Parts of the plot, from its left and from its top.
  const right = (/** @type {number} */ x) => (x - from) / (end - from);
  const down = (/** @type {number} */ y) => 0.95 - (0.9 * (y - low)) / (high - low || 1);
  const columns = niceTicks(from, end, 6);
  const rows = bare ? [] : niceTicks(low, high, 3);
  const label = `${title}: ${values.length} points from ${range}`;
  const plot = makeSvg("svg",
    { viewBox: "0 0 1 1", preserveAspectRatio: "none", role: "img", "aria-label": label });
  for (const y of rows) plot.append(makeRule("nbv-grid", 0, 1, down(y), down(y)));
  for (const x of columns) plot.append(makeRule("nbv-grid", right(x), right(x), 0, 1));
  const pointsOf = (/** @type {(number | null)[]} */ line) =>
    line.map((v, i) => `${(i / last).toFixed(4)},${down(v ?? low).toFixed(4)}`).join(" ");
  if (behind)
    plot.append(makeSvg("polyline", { points: pointsOf(behind), class: "nbv-behind", ...THIN }));
  plot.append(makeSvg("polyline", { points: pointsOf(values), ...THIN }));
  if (mark !== undefined) plot.append(makeRule("nbv-now", mark / last, mark / last, 0, 1));
  if (pick) {
    plot.classList.add("nbv-pick");
    plot.addEventListener("click", ({ clientX }) => {
      const box = plot.getBoundingClientRect();
      pick(Math.round(((clientX - box.left) / box.width) * last));
    });
  }
  const caption = makeElement("figcaption", {}, makeElement("span", {}, title),
    makeElement("span", { class: "nbv-dim" }, words ?? range));
  return [caption, makeElement("div", { class: "nbv-plot" },
    makeScale("nbv-rows", "top", rows.map((y) => [down(y), formatShort(y)])), plot,
    makeElement("div", { class: "nbv-axis nbv-dim" }, unit),
    makeScale("nbv-columns", "left", columns.map((x) => [right(x), formatShort(x)])))];
}

const THIN = { "vector-effect": "non-scaling-stroke" };

/**
 * A straight line of a plot.
 * @param {string} kind its class
 * @param {number} x1
 * @param {number} x2
 * @param {number} y1
 * @param {number} y2
 */
const makeRule = (kind, x1, x2, y1, y2) =>
  makeSvg("line", { class: kind, x1, x2, y1, y2, ...THIN });

/**
 * The numbers beside a plot.
 * @param {string} kind its class
 * @param {"top" | "left"} side from which the places count
 * @param {[number, string][]} places parts of the plot, and their numbers
 */
function makeScale(kind, side, places) {
  const numbers = places.map(([part, text]) => {
    const at = `${(100 * part).toFixed(2)}%`;
    // The first begins at its place and the last ends there, so that none stands out.
    const shift = side === "left" ? `translateX(-${at})` : "translateY(-50%)";
    return makeElement("span", { style: `${side}: ${at}; transform: ${shift}` }, text);
  });
  return makeElement("div", { class: `${kind} nbv-dim`, "aria-hidden": "true" }, ...numbers);
}

/**
 * Round numbers between two ends: multiples of 1, 2 or 5 times a power of ten.
 * @param {number} low
 * @param {number} high
 * @param {number} most how many
 */
function niceTicks(low, high, most) {
  if (!(high > low)) return Number.isFinite(low) ? [low] : [];
  const unit = 10 ** Math.floor(Math.log10((high - low) / most));
  const fits = (/** @type {number} */ step) =>
    Math.floor(high / step) - Math.ceil(low / step) < most;
  const step = [1, 2, 5, 10, 20].map((many) => many * unit).find(fits) ?? high - low;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)));
}
