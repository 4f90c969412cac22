// Panes and the stage they stand on: what is drawn, where the crosshair is.

const AXES = ["x", "y", "z"];
const PLANES = ["Sagittal", "Coronal", "Axial"];
const ENDS = [
  ["L", "R"],
  ["P", "A"],
  ["I", "S"],
];
// The traits that change pixels.
const PIXELS =
  "component cut_coords threshold vmax opacity colormap window radiological interpolate " +
  "outlines view axis n_slices overlays crosshair cortex inflation turn hemi";

/**
 * What the parts of a viewer share: its state, its scene, and the few things several of them do.
 * @typedef {object} Context
 * @property {State} state
 * @property {Scene} scene
 * @property {Cortex | null} cortex
 * @property {Maps} maps the maps in view: the scene's, or its partner's
 * @property {number} count how many maps
 * @property {number[]} finest how far a step goes along each axis, in mm
 * @property {number} peak which peak of the map was gone to last; -1 for none
 * @property {(k: number) => string} name of a map
 * @property {(mm: number[]) => void} moveTo move the crosshair
 * @property {(k: number) => void} select bring a map into view
 * @property {() => number[]} order of the maps: a desk may sort them and leave some out
 * @property {(by: number, around?: boolean) => void} step to another map in that order
 * @property {(number: number) => void} toPeak move the crosshair to a peak of the map in view
 * @property {() => Look} look how the scene is drawn now
 */

/**
 * @param {Model} model
 * @param {Scene} scene
 * @returns {Context}
 */
function makeContext(model, scene) {
  const state = makeState(model);
  const { maps, background, bounds } = scene;
  const count = maps.scales.length;
  /** @type {Context} */
  const ctx = {
    state, scene, maps, count, cortex: cortexOf(model), peak: -1, finest: (background ?? maps).step,
    name: (k) => state.get("names")[k] ?? `${k}`,
    moveTo: (mm) => state.set({ cut_coords: mm.map((v, axis) => clamp(v, ...bounds[axis])) }),
    select(k) {
      ctx.peak = 0;
      state.set({ component: clamp(k, 0, count - 1) });
      if (state.get("follow_peaks")) ctx.toPeak(0);
    },
    order: () => Array.from({ length: count }, (_, k) => k),
    step(by, around = false) {
      const order = ctx.order();
      if (!order.length) return;
      const at = order.indexOf(state.get("component"));
      const next = at < 0 ? 0 : at + by;
      ctx.select(order[around ? next % order.length : clamp(next, 0, order.length - 1)]);
    },
    toPeak(number) {
      const found = peaksOf(maps, state.get("component"), 8, state.get("threshold"));
      if (!found.length) return;
      ctx.peak = number % found.length;
      ctx.moveTo(found[ctx.peak]);
    },
    look: () => lookOf(state, scene, maps),
  };
  return ctx;
}

/**
 * @param {State} state
 * @param {Scene} scene
 * @param {Maps} maps
 * @returns {Look}
 */
function lookOf(state, scene, maps) {
  const own = {
    volume: maps, frame: state.get("component"), threshold: state.get("threshold"),
    vmax: state.get("vmax"), opacity: state.get("opacity"), colormap: state.get("colormap"),
  };
  /** @type {(Layer & {visible: boolean})[]} */
  const more = state.get("overlays").map((/** @type {object} */ layer, /** @type {number} */ i) =>
    ({ ...layer, volume: scene.overlays[i], frame: 0 }));
  return {
    layers: [own, ...more.filter((layer) => layer.visible)], window: state.get("window"),
    radiological: state.get("radiological"), linear: state.get("interpolate"),
    outlines: state.get("outlines"), glass: state.get("view") === "glass",
  };
}

// ---- places in a pane --------------------------------------------------------------------------

/**
 * Whether an axis runs from right to left on the screen.
 * @param {Context} ctx
 * @param {number} axis
 */
const isMirrored = (ctx, axis) => axis === 0 && ctx.state.get("radiological");

/**
 * Where a place lies in a pane, from 0 (left, top) to 1.
 * @param {Context} ctx
 * @param {number} axis across the pane
 * @param {number[]} mm
 */
function fractionsOf(ctx, axis, mm) {
  const [right, up] = otherAxes(axis).map((a) => {
    const [low, high] = ctx.scene.bounds[a];
    return (mm[a] - low) / (high - low);
  });
  return [isMirrored(ctx, otherAxes(axis)[0]) ? 1 - right : right, 1 - up];
}

/**
 * The place at a point of a pane.
 * @param {Context} ctx
 * @param {number} axis across the pane
 * @param {number} depth along it, in mm
 * @param {number[]} point from 0 (left, top) to 1
 */
function placeAt(ctx, axis, depth, [right, down]) {
  const [horizontal, vertical] = otherAxes(axis);
  const along = (/** @type {number} */ a, /** @type {number} */ part) => {
    const [low, high] = ctx.scene.bounds[a];
    return low + part * (high - low);
  };
  const mm = [0, 0, 0];
  mm[axis] = depth;
  mm[horizontal] = along(horizontal, isMirrored(ctx, horizontal) ? 1 - right : right);
  mm[vertical] = along(vertical, 1 - down);
  return mm;
}

// ---- panes -------------------------------------------------------------------------------------

/**
 * One slice with its crosshair and words.
 * @typedef {object} Pane
 * @property {HTMLElement} figure the slice and the strip of words above it
 * @property {HTMLElement} el the slice, which takes pointer and keys
 * @property {HTMLCanvasElement} canvas
 * @property {number} axis across it
 * @property {number | null} cut where a lightbox cuts it, in mm; null: at the crosshair
 * @property {number[]} origin of its zoom, as parts of the pane
 * @property {boolean} dragging
 * @property {() => number} depth where it is cut, in mm
 * @property {() => void} draw the pixels
 * @property {() => void} mark crosshair and words
 */

/**
 * @param {Context} ctx
 * @param {number} axis across it
 * @param {{cut?: number | null, coarse?: number}} [options]
 *   coarse: how many of the scene's pixels one of its pixels is
 * @returns {Pane}
 */
function makePane(ctx, axis, { cut = null, coarse = 1 } = {}) {
  const canvas = makeElement("canvas", { "aria-hidden": "true" });
  const plate = makePlate(ctx.scene, axis, ctx.scene.step * coarse);
  const words = makePaneWords();
  const el = makeElement("div", { class: "nbv-pane", tabindex: 0, role: "application" });
  el.append(canvas, ...words.lines);
  const figure = makeElement("div", { class: "nbv-slice" }, words.strip, el);
  el.style.aspectRatio = otherAxes(axis).map((a) => extentOf(ctx.scene, a)).join(" / ");
  /** @type {Pane} */
  const pane = {
    figure, el, axis, canvas, cut, origin: [0.5, 0.5], dragging: false,
    depth: () => pane.cut ?? ctx.state.get("cut_coords")[axis],
    draw() {
      const image = paintSlice(plate, ctx.look(), pane.depth());
      if (image) putImage(canvas, image);
    },
    mark() {
      placeCrosshair(ctx, pane, words.lines);
      writePane(ctx, pane, words);
    },
  };
  redrawIfLost(canvas, plate, pane.draw);
  listenToPointer(ctx, pane);
  listenToTouch(ctx, pane);
  return pane;
}

/**
 * How long the box to show is along an axis, in mm.
 * @param {Scene} scene
 * @param {number} axis
 */
const extentOf = (scene, axis) => scene.bounds[axis][1] - scene.bounds[axis][0];

/**
 * What a pane has beside its pixels: the crosshair, and a strip above with the ends' letters and
 * the place, which nothing crosses.
 * @typedef {object} PaneWords
 * @property {HTMLElement[]} lines
 * @property {HTMLElement} strip
 * @property {HTMLElement[]} letters
 * @property {HTMLElement} caption
 */

/** @returns {PaneWords} */
function makePaneWords() {
  const lines = ["down", "across"].map((way) => makeElement("i", { class: `nbv-line nbv-${way}` }));
  const letters = ["left", "right"].map(() => makeElement("b", { class: "nbv-letter" }));
  const caption = makeElement("span", { class: "nbv-caption" });
  const words = { class: "nbv-strip", "aria-hidden": "true" };
  return { lines, letters, caption,
    strip: makeElement("div", words, letters[0], caption, letters[1]) };
}

/**
 * Zoom around the crosshair, which stays where it is while it is dragged.
 * @param {Context} ctx
 * @param {Pane} pane
 * @param {HTMLElement[]} lines
 */
function placeCrosshair(ctx, pane, lines) {
  const at = fractionsOf(ctx, pane.axis, ctx.state.get("cut_coords"));
  const zoom = pane.cut === null ? ctx.state.get("zoom") : 1;
  if (!pane.dragging) pane.origin = zoom > 1 ? at : [0.5, 0.5];
  const shown = at.map((part, i) => pane.origin[i] + (part - pane.origin[i]) * zoom);
  pane.canvas.style.transformOrigin = pane.origin.map((part) => `${100 * part}%`).join(" ");
  pane.canvas.style.transform = zoom > 1 ? `scale(${zoom})` : "";
  lines[0].style.transform = `translateX(${100 * shown[0]}%)`;
  lines[1].style.transform = `translateY(${100 * shown[1]}%)`;
}

/**
 * A browser short of memory may take a canvas's pixels away; it says so when there is room again.
 * @param {HTMLCanvasElement} canvas
 * @param {Plate} plate
 * @param {() => void} draw
 */
function redrawIfLost(canvas, plate, draw) {
  canvas.addEventListener("contextrestored", () => {
    plate.picture = "";
    draw();
  });
}

/**
 * @param {HTMLCanvasElement} canvas takes the picture's size
 * @param {ImageData} image
 */
function putImage(canvas, image) {
  if (canvas.width !== image.width || canvas.height !== image.height) {
    canvas.width = image.width;
    canvas.height = image.height;
  }
  canvas.getContext("2d", { alpha: false })?.putImageData(image, 0, 0);
}

/**
 * @param {Context} ctx
 * @param {Pane} pane
 * @param {PaneWords} words
 */
function writePane(ctx, pane, { letters, caption }) {
  const { axis } = pane;
  const glass = ctx.state.get("view") === "glass";
  const [horizontal] = otherAxes(axis);
  const ends = isMirrored(ctx, horizontal) ? [...ENDS[0]].reverse() : ENDS[horizontal];
  letters.forEach((letter, i) => writeText(letter, ends[i]));
  const depth = pane.depth();
  const side = axis === 0 && Math.abs(depth) >= 0.5 ? (depth < 0 ? " (left)" : " (right)") : "";
  const place = `${formatMm(depth)} mm${side}`;
  const short = pane.cut === null ? `${AXES[axis]} ${place}` : formatMm(Math.round(depth));
  writeText(caption, glass ? "" : short);
  const where = glass ? "maximum through the head" : `at ${AXES[axis]} = ${place}`;
  pane.el.setAttribute("aria-label", `${PLANES[axis]} view ${where}. ${ends[0]} is on the left. ` +
    "Arrow keys move the crosshair, page keys the slice.");
}

// ---- the stage: which panes there are, drawn once a frame --------------------------------------

/**
 * @typedef {object} Stage
 * @property {HTMLElement} el
 * @property {() => Pane[]} panes
 * @property {() => CortexPane[]} cortex
 * @property {() => void} draw with the next frame
 * @property {() => void} drawNow
 * @property {() => void} close
 */

/**
 * @param {Context} ctx
 * @returns {Stage}
 */
function makeStage(ctx) {
  const el = makeElement("div", { class: "nbv-stage" });
  /** @type {Pane[]} */
  let panes = [];
  /** @type {CortexPane[]} */
  let cortex = [];
  let built = "";
  let waiting = 0;
  const wanted = () => JSON.stringify(["view", "axis", "n_slices", "cortex"].map(ctx.state.get));
  const build = () => {
    const focused = el.contains(document.activeElement);
    cortex.forEach((pane) => pane.close());
    cortex = makeCortexPanes(ctx);
    panes = makePanes(ctx);
    layOutPanes(ctx, el, panes, cortex);
    // Keys go on working.
    if (focused) (panes.at(-1) ?? cortex[0])?.el.focus({ preventScroll: true });
    built = wanted();
  };
  const drawNow = () => {
    waiting = 0;
    if (built !== wanted()) build();
    if (ctx.state.get("view") === "lightbox") cutLightbox(ctx, panes);
    for (const pane of panes) {
      pane.draw();
      pane.mark();
    }
    if (!drawCortexPanes(cortex)) stage.draw();
  };
  /** @type {Stage} */
  const stage = {
    el, drawNow,
    panes: () => panes,
    cortex: () => cortex,
    draw() {
      waiting = waiting || requestAnimationFrame(drawNow);
    },
    close() {
      cancelAnimationFrame(waiting);
      cortex.forEach((pane) => pane.close());
    },
  };
  return stage;
}

/**
 * The slices of a view.
 * @param {Context} ctx
 */
function makePanes(ctx) {
  const view = ctx.state.get("view");
  if (view === "cortex") return [];
  if (view === "lightbox") return makeLightboxPanes(ctx);
  return [0, 1, 2].map((axis) => makePane(ctx, axis));
}

/** @param {Context} ctx */
function makeLightboxPanes(ctx) {
  const axis = AXES.indexOf(ctx.state.get("axis"));
  const n = ctx.state.get("n_slices");
  return Array.from({ length: n }, () => makePane(ctx, axis, { cut: 0, coarse: 2 }));
}

/**
 * Cut the slices of a lightbox where the map in view is.
 * @param {Context} ctx
 * @param {Pane[]} panes
 */
function cutLightbox(ctx, panes) {
  const { axis } = panes[0];
  const cuts = lightboxCuts(ctx.look().layers[0], ctx.scene.bounds[axis], axis, panes.length);
  panes.forEach((pane, i) => {
    pane.cut = cuts[i];
  });
}

/**
 * Columns in proportion to mm, so that a mm is as long in each pane.
 * @param {Context} ctx
 * @param {HTMLElement} el the stage
 * @param {Pane[]} panes
 * @param {CortexPane[]} cortex
 */
function layOutPanes(ctx, el, panes, cortex) {
  const [x, y, z] = AXES.map((_, axis) => extentOf(ctx.scene, axis));
  const view = ctx.state.get("view");
  const isBox = view === "lightbox";
  el.replaceChildren(...[...panes, ...cortex].map((pane) => pane.figure));
  el.className = `nbv-stage nbv-${view === "glass" ? "ortho" : view}`;
  const more = panes.length && cortex.length ? y : 0; // as wide as the sagittal slice
  el.style.setProperty("--columns", `${y}fr ${x}fr ${x}fr ${more ? `${more}fr` : ""}`);
  if (isBox) fillRows(el);
  el.style.setProperty("--columns-narrow", `${y}fr ${x}fr`);
  el.style.setProperty("--ratio", String((y + 2 * x + more) / Math.max(y, z)));
  for (const pane of panes) pane.el.dataset.plane = PLANES[pane.axis].toLowerCase();
}

/**
 * As many tiles in each row of a lightbox, none narrower than a thumb.
 * @param {HTMLElement} el the stage
 */
function fillRows(el) {
  const n = el.childElementCount;
  const most = Math.max(1, Math.floor((el.clientWidth || 900) / 118));
  el.style.setProperty("--tiles", String(Math.ceil(n / Math.ceil(n / most))));
}
