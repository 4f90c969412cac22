// Panes and the stage they stand on: what is drawn, where the crosshair is, what a pointer does.

const AXES = ["x", "y", "z"];
const PLANES = ["Sagittal", "Coronal", "Axial"];
const ENDS = [["L", "R"], ["P", "A"], ["I", "S"]];

// What the parts share: state, scene and the few things that several of them do.
function makeContext(model, scene) {
  const state = makeState(model);
  const { maps } = scene;
  const ctx = { state, scene, maps, peak: -1, keys: true };
  ctx.count = maps.scales.length;
  ctx.finest = [0, 1, 2].map((axis) => (scene.background || maps).step[axis]);
  ctx.name = (k) => state.get("names")[k] ?? `${k}`;
  ctx.moveTo = (mm) => {
    state.set({ cut_coords: mm.map((v, axis) => clamp(v, ...scene.bounds[axis])) });
  };
  ctx.select = (k) => {
    const component = clamp(k, 0, ctx.count - 1);
    ctx.peak = 0;
    state.set({ component });
    if (state.get("follow_peaks")) ctx.toPeak(0);
  };
  ctx.toPeak = (number) => {
    const found = peaksOf(maps, state.get("component"), 8, state.get("threshold"));
    if (!found.length) return;
    ctx.peak = number % found.length;
    ctx.moveTo(found[ctx.peak]);
  };
  ctx.look = () => lookOf(state, scene, maps);
  return ctx;
}

function lookOf(state, scene, maps) {
  const own = {
    volume: maps, frame: state.get("component"), threshold: state.get("threshold"),
    vmax: state.get("vmax"), opacity: state.get("opacity"), colormap: state.get("colormap"),
  };
  const more = state.get("overlays").map((layer, i) => ({ ...layer, volume: scene.overlays[i], frame: 0 }));
  return {
    layers: [own, ...more.filter((layer) => layer.visible)],
    window: state.get("window"), radiological: state.get("radiological"),
    linear: state.get("interpolate"), outlines: state.get("outlines"),
    glass: state.get("view") === "glass",
  };
}

// Everything that changes pixels.
const PIXELS = "component cut_coords threshold vmax opacity colormap window radiological interpolate " +
  "outlines view axis n_slices overlays";

// ---- panes -------------------------------------------------------------------------------------

// Where a place lies in a pane, from 0 (left, top) to 1.
function fractions(ctx, axis, mm) {
  const [horizontal, vertical] = others(axis);
  const part = (a) => (mm[a] - ctx.scene.bounds[a][0]) / (ctx.scene.bounds[a][1] - ctx.scene.bounds[a][0]);
  const right = part(horizontal);
  return [horizontal === 0 && ctx.state.get("radiological") ? 1 - right : right, 1 - part(vertical)];
}

function placeAt(ctx, axis, depth, [right, down]) {
  const [horizontal, vertical] = others(axis);
  const along = (a, part) => ctx.scene.bounds[a][0] + part * (ctx.scene.bounds[a][1] - ctx.scene.bounds[a][0]);
  const mm = [0, 0, 0];
  mm[axis] = depth;
  mm[horizontal] = along(horizontal, horizontal === 0 && ctx.state.get("radiological") ? 1 - right : right);
  mm[vertical] = along(vertical, 1 - down);
  return mm;
}

// depthOf: where the pane is cut; a number for a tile of a lightbox, else the crosshair's.
function makePane(ctx, axis, { cut = null, coarse = 1, caption = true } = {}) {
  const [horizontal, vertical] = others(axis);
  const size = (a) => ctx.scene.bounds[a][1] - ctx.scene.bounds[a][0];
  const canvas = h("canvas", { "aria-hidden": "true" }), pen = canvas.getContext("2d", { alpha: false });
  const plate = makePlate(ctx.scene, axis, ctx.scene.step * coarse);
  const lines = [h("i", { class: "nbv-line nbv-down" }), h("i", { class: "nbv-line nbv-across" })];
  const letters = ["left", "right"].map((side) => h("b", { class: `nbv-letter nbv-${side}`, "aria-hidden": "true" }));
  const text = h("span", { class: "nbv-caption", "aria-hidden": "true" });
  const el = h("div", { class: "nbv-pane", tabindex: 0, role: "application" }, canvas, ...lines, ...letters, text);
  el.style.aspectRatio = `${size(horizontal)} / ${size(vertical)}`;
  const pane = { el, axis, canvas, cut, origin: [0.5, 0.5], dragging: false };

  pane.depth = () => cut ?? ctx.state.get("cut_coords")[axis];
  pane.draw = () => {
    const image = paint(plate, ctx.look(), pane.depth());
    if (image) put(canvas, pen, image);
  };
  redrawIfLost(canvas, plate, pane.draw);
  pane.mark = () => {
    const at = fractions(ctx, axis, ctx.state.get("cut_coords"));
    const zoom = cut === null ? ctx.state.get("zoom") : 1;
    if (!pane.dragging) pane.origin = zoom > 1 ? at : [0.5, 0.5];
    const shown = at.map((f, i) => pane.origin[i] + (f - pane.origin[i]) * zoom);
    canvas.style.transformOrigin = pane.origin.map((f) => `${100 * f}%`).join(" ");
    canvas.style.transform = zoom > 1 ? `scale(${zoom})` : "";
    lines[0].style.transform = `translateX(${100 * shown[0]}%)`;
    lines[1].style.transform = `translateY(${100 * shown[1]}%)`;
    writePane(ctx, pane, letters, text, caption);
  };
  listenToPointer(ctx, pane);
  return pane;
}

// A browser short of memory may take a canvas's pixels away; it says so when there is room again.
function redrawIfLost(canvas, plate, draw) {
  canvas.addEventListener("contextrestored", () => { plate.picture = ""; draw(); });
}

function put(canvas, pen, image) {
  if (canvas.width !== image.width || canvas.height !== image.height) {
    canvas.width = image.width;
    canvas.height = image.height;
  }
  pen.putImageData(image, 0, 0);
}

function writePane(ctx, pane, letters, text, caption) {
  const { axis } = pane, glass = ctx.state.get("view") === "glass";
  const [horizontal] = others(axis);
  const ends = horizontal === 0 && ctx.state.get("radiological") ? [...ENDS[0]].reverse() : ENDS[horizontal];
  letters.forEach((letter, i) => say(letter, ends[i]));
  const depth = pane.depth();
  const half = axis === 0 && Math.abs(depth) >= 0.5 && !glass ? (depth < 0 ? " (left)" : " (right)") : "";
  say(text, glass ? "" : caption ? `${AXES[axis]} ${inMm(depth)} mm${half}` : inMm(Math.round(depth)));
  const where = glass ? "maximum through the head" : `at ${AXES[axis]} = ${inMm(depth)} mm${half}`;
  pane.el.setAttribute("aria-label", `${PLANES[axis]} view ${where}. ${ends[0]} is on the left. ` +
    "Arrow keys move the crosshair, page keys the slice.");
}

function listenToPointer(ctx, pane) {
  const { el, canvas, axis } = pane;
  const follow = (event) => {
    const box = canvas.getBoundingClientRect();
    const at = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    const mm = placeAt(ctx, axis, pane.depth(), at.map((f) => clamp(f, 0, 1)));
    if (ctx.look().glass) mm[axis] = deepest(ctx, axis, mm);
    ctx.moveTo(mm);
  };
  el.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    el.setPointerCapture(event.pointerId);
    pane.dragging = true;
    el.focus({ preventScroll: true });
    follow(event);
    event.preventDefault();
  });
  el.addEventListener("pointermove", (event) => { if (pane.dragging) follow(event); });
  const release = () => { if (pane.dragging) { pane.dragging = false; pane.mark(); } };
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) el.addEventListener(end, release);
  // Before a click the wheel is the page's: nobody wants to be caught while scrolling by.
  el.addEventListener("wheel", (event) => {
    if (document.activeElement !== el) return;
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) zoomBy(ctx, event.deltaY < 0 ? 1.25 : 0.8);
    else step(ctx, axis, event.deltaY < 0 ? 1 : -1);
  }, { passive: false });
}

// In a glass view, a click goes to the largest value behind it.
function deepest(ctx, axis, mm) {
  const { maps } = ctx, k = ctx.state.get("component");
  let best = 0, depth = ctx.state.get("cut_coords")[axis];
  for (let i = 0; i < maps.shape[axis]; i++) {
    const there = [...mm];
    there[axis] = maps.origin[axis] + i * maps.step[axis];
    const { value } = valueAt(maps, there, k);
    if (value != null && Math.abs(value) > best) [best, depth] = [Math.abs(value), there[axis]];
  }
  return depth;
}

function step(ctx, axis, by) {
  const mm = [...ctx.state.get("cut_coords")];
  mm[axis] += by * ctx.finest[axis];
  ctx.moveTo(mm);
}

function zoomBy(ctx, factor) {
  ctx.state.set({ zoom: clamp(Number((ctx.state.get("zoom") * factor).toFixed(3)), 1, 8) });
}

// ---- the stage: which panes there are, drawn once a frame --------------------------------------

function makeStage(ctx) {
  const el = h("div", { class: "nbv-stage" });
  let panes = [], built = "", waiting = 0;
  const wanted = () => JSON.stringify(["view", "axis", "n_slices"].map(ctx.state.get));
  const build = () => {
    const focused = el.contains(document.activeElement);
    panes = ctx.state.get("view") === "lightbox" ? lightbox(ctx) : [0, 1, 2].map((axis) => makePane(ctx, axis));
    layOut(ctx, el, panes);
    if (focused) panes.at(-1).el.focus({ preventScroll: true });  // keys go on working
    built = wanted();
  };
  const draw = () => {
    waiting = 0;
    if (built !== wanted()) build();
    for (const pane of panes) { pane.draw(); pane.mark(); }
    stage.frames += 1;
  };
  const stage = { el, frames: 0, panes: () => panes, drawNow: draw };
  stage.draw = () => { waiting = waiting || requestAnimationFrame(draw); };
  stage.close = () => cancelAnimationFrame(waiting);
  return stage;
}

function lightbox(ctx) {
  const axis = AXES.indexOf(ctx.state.get("axis"));
  const cuts = lightboxCuts(ctx.scene.bounds, axis, ctx.state.get("n_slices"));
  return cuts.map((cut) => makePane(ctx, axis, { cut, coarse: 2, caption: false }));
}

// Columns in proportion to mm, so that a mm is as long in each pane.
function layOut(ctx, el, panes) {
  const [x, y, z] = ctx.scene.bounds.map(([low, high]) => high - low);
  const isBox = panes[0].cut !== null;
  el.replaceChildren(...panes.map((pane) => pane.el));
  el.className = `nbv-stage ${isBox ? "nbv-lightbox" : "nbv-ortho"}`;
  el.style.setProperty("--columns", `${y}fr ${x}fr ${x}fr`);
  if (isBox) fillRows(el);
  el.style.setProperty("--columns-narrow", `${y}fr ${x}fr`);
  el.style.setProperty("--ratio", (y + 2 * x) / Math.max(y, z));
  for (const pane of panes) pane.el.dataset.plane = PLANES[pane.axis].toLowerCase();
}

// As many tiles in each row of a lightbox, none narrower than a thumb.
function fillRows(el) {
  const n = el.childElementCount, most = Math.max(1, Math.floor((el.clientWidth || 900) / 118));
  el.style.setProperty("--tiles", Math.ceil(n / Math.ceil(n / most)));
}
