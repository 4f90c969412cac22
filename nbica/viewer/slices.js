// The slice viewer: panes, crosshair, read-out, controls. All of it is answered here; Python only
// hears of the state.

const AXES = ["x", "y", "z"];
const PLANES = ["Sagittal", "Coronal", "Axial"];
const ENDS = [["L", "R"], ["P", "A"], ["I", "S"]];
const VIEWS = [["ortho", "Slices"], ["lightbox", "Lightbox"], ["glass", "Glass"]];
const KEYS = [
  ["arrows", "move the crosshair in the slice"], ["PgUp PgDn", "next and previous slice"],
  ["wheel", "slices, after a click; with Ctrl: zoom"], ["[ ]", "previous and next map"],
  ["n", "next peak"], ["t T", "threshold up and down"], ["v", "slices, lightbox, glass"],
  ["+ − 0", "zoom in, out, off"], ["space", "play"], ["c", "crosshair"], ["o", "outlines"],
  ["r", "swap left and right"], ["s", "save a picture"], ["f", "full screen"],
  ["p", "presenter mode"], ["?", "these keys"],
];

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
  const canvas = h("canvas", { "aria-hidden": "true" });
  const lines = [h("i", { class: "nbv-line nbv-down" }), h("i", { class: "nbv-line nbv-across" })];
  const letters = ["left", "right"].map((side) => h("b", { class: `nbv-letter nbv-${side}`, "aria-hidden": "true" }));
  const text = h("span", { class: "nbv-caption", "aria-hidden": "true" });
  const el = h("div", { class: "nbv-pane", tabindex: 0, role: "application" }, canvas, ...lines, ...letters, text);
  el.style.aspectRatio = `${size(horizontal)} / ${size(vertical)}`;
  const pane = { el, axis, canvas, cut, origin: [0.5, 0.5], dragging: false };

  pane.depth = () => cut ?? ctx.state.get("cut_coords")[axis];
  pane.draw = () => {
    const image = drawPane(ctx.scene, ctx.look(), axis, pane.depth(), ctx.scene.step * coarse);
    if (canvas.width !== image.width || canvas.height !== image.height) {
      canvas.width = image.width;
      canvas.height = image.height;
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
  };
  pane.mark = () => {
    const at = fractions(ctx, axis, ctx.state.get("cut_coords"));
    const zoom = cut === null ? ctx.state.get("zoom") : 1;
    if (!pane.dragging) pane.origin = zoom > 1 ? at : [0.5, 0.5];
    const shown = at.map((f, i) => pane.origin[i] + (f - pane.origin[i]) * zoom);
    canvas.style.transformOrigin = pane.origin.map((f) => `${100 * f}%`).join(" ");
    canvas.style.transform = zoom > 1 ? `scale(${zoom})` : "";
    lines[0].style.left = `${100 * shown[0]}%`;
    lines[1].style.top = `${100 * shown[1]}%`;
    writePane(ctx, pane, letters, text, caption);
  };
  listenToPointer(ctx, pane);
  return pane;
}

function writePane(ctx, pane, letters, text, caption) {
  const { axis } = pane, glass = ctx.look().glass;
  const [horizontal] = others(axis);
  const ends = horizontal === 0 && ctx.state.get("radiological") ? [...ENDS[0]].reverse() : ENDS[horizontal];
  letters.forEach((letter, i) => { letter.textContent = ends[i]; });
  const depth = pane.depth();
  const half = axis === 0 && Math.abs(depth) >= 0.5 && !glass ? (depth < 0 ? " (left)" : " (right)") : "";
  text.textContent = glass ? "" : caption ? `${AXES[axis]} ${inMm(depth)} mm${half}` : inMm(Math.round(depth));
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

// ---- read-out ----------------------------------------------------------------------------------

function regionsAt(ctx, mm) {
  const found = ctx.scene.regions.map((volume) => {
    const p = voxelIndex(volume, mm), code = p < 0 ? 0 : volume.codes[p];
    return code ? volume.regions[code] ?? `${volume.name || "region"} ${code}`.trim() : "";
  });
  return found.filter(Boolean).join(", ");
}

function readOut(ctx) {
  const mm = ctx.state.get("cut_coords"), k = ctx.state.get("component");
  const own = valueAt(ctx.maps, mm, k);
  const under = ctx.scene.background ? valueAt(ctx.scene.background, mm, 0) : null;
  const more = ctx.scene.overlays.map((volume) => [volume.name, valueAt(volume, mm, 0)]);
  return { mm, k, own, under, more, voxel: ownVoxel(ctx.maps, mm), region: regionsAt(ctx, mm) };
}

function makeReadOut(ctx) {
  const fields = AXES.map((name, axis) => numberField(name, () => Number(ctx.state.get("cut_coords")[axis].toFixed(1)),
    (value) => { const mm = [...ctx.state.get("cut_coords")]; mm[axis] = value; ctx.moveTo(mm); }));
  const cells = h("dl", {});
  const el = h("div", { class: "nbv-read" }, h("div", { class: "nbv-mm" }, ...fields, h("span", {}, "mm")), cells);
  ctx.state.on("cut_coords component names", () => {
    fields.forEach((field) => field.refresh());
    const { own, under, more, voxel, region } = readOut(ctx);
    const rows = [["value", withError(own), "nbv-value"]];
    if (under) rows.push(["background", digits(under.value, under.half)]);
    for (const [name, found] of more) rows.push([name || "overlay", digits(found.value, found.half)]);
    rows.push(["voxel", voxel.map(minus).join(", ")]);
    if (ctx.scene.regions.length) rows.push(["region", region || "none"]);
    cells.replaceChildren(...rows.map(([name, value, style = ""]) =>
      h("div", { class: style }, h("dt", {}, name), h("dd", {}, value))));
  });
  return el;
}

const withError = ({ value, half }) =>
  value == null || !half ? digits(value, half) : `${digits(value, half)} ± ${Number(half.toPrecision(1))}`;

// At most two sentences a second for those who listen.
function makeLiveRegion(ctx) {
  const el = h("div", { class: "nbv-hidden", role: "status", "aria-live": "polite" });
  let timer = null;
  ctx.state.on("cut_coords component", () => {
    timer = timer ?? setTimeout(() => { timer = null; el.textContent = sentence(ctx); }, 500);
  });
  el.close = () => clearTimeout(timer);
  return el;
}

function sentence(ctx) {
  const { mm, k, own, region } = readOut(ctx);
  const place = AXES.map((name, axis) => `${name} ${inMm(mm[axis])}`).join(", ");
  const map = ctx.count > 1 ? `, ${ctx.name(k)}, ${k + 1} of ${ctx.count}` : "";
  return `${place} mm, value ${digits(own.value, own.half)}${map}${region ? `, ${region}` : ""}`;
}

// ---- colour bar --------------------------------------------------------------------------------

function makeColorbar(ctx) {
  const canvas = h("canvas", { width: 256, height: 1, "aria-hidden": "true" });
  const ticks = h("div", { class: "nbv-ticks" });
  const words = h("span", { class: "nbv-words" });
  const el = h("div", { class: "nbv-bar" }, words, h("div", { class: "nbv-scale" }, canvas, ticks));
  ctx.state.on("threshold vmax colormap radiological", () => {
    const vmax = ctx.state.get("vmax"), threshold = ctx.state.get("threshold"), colormap = ctx.state.get("colormap");
    const lowest = lowestOf(ctx.scene, { volume: ctx.maps, colormap, vmax });
    paintScale(canvas, ctx.scene.luts[colormap], lowest, vmax, threshold);
    const marks = [lowest, -threshold, threshold, vmax].filter((v, i, all) =>
      v >= lowest && v <= vmax && all.indexOf(v) === i && !(Math.abs(v) < 0.12 * vmax && v < 0));
    ticks.replaceChildren(...marks.map((v) => {
      const tick = h("span", {}, short(v));
      tick.style.left = `${(100 * (v - lowest)) / (vmax - lowest)}%`;
      return tick;
    }));
    words.textContent = ctx.state.get("radiological")
      ? "Radiological: left is on the right" : "Neurological: left is on the left";
    el.setAttribute("aria-label", `Colours from ${short(lowest)} to ${short(vmax)}, shown from ${short(threshold)} on`);
  });
  el.setAttribute("role", "img");
  return el;
}

function paintScale(canvas, lut, lowest, vmax, threshold) {
  const image = new ImageData(256, 1);
  for (let i = 0; i < 256; i++) {
    const shown = Math.abs(lowest + (i / 255) * (vmax - lowest)) >= threshold;
    for (let rgb = 0; rgb < 3; rgb++) image.data[4 * i + rgb] = shown ? lut[3 * i + rgb] : 58;
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// ---- header, controls, panels ------------------------------------------------------------------

function makeHeader(ctx, actions) {
  const name = h("h3", {});
  const position = h("span", { class: "nbv-dim" });
  const tabs = VIEWS.map(([view, label]) => h("button", { type: "button", onclick: () => ctx.state.set({ view }) }, label));
  const button = (label, title, onclick, extra = {}) =>
    h("button", { type: "button", title, "aria-label": title, onclick, ...extra }, label);
  const el = h("header", { class: "nbv-head" },
    h("div", { class: "nbv-title" }, name, position),
    h("div", { class: "nbv-tabs", role: "group", "aria-label": "View" }, ...tabs),
    h("div", { class: "nbv-tools" },
      button("Next peak", "Next peak (n)", actions.peak), button("Display", "Display settings", actions.settings, { "aria-expanded": "false" }),
      button("?", "Keys (?)", actions.help, { "aria-expanded": "false" }), button(fullIcon(), "Full screen (f)", actions.full)));
  ctx.state.on("component names title view", () => {
    const k = ctx.state.get("component"), title = ctx.state.get("title");
    name.textContent = ctx.count > 1 ? ctx.name(k) : title || ctx.name(k);
    position.textContent = ctx.count > 1 ? `${k + 1} of ${ctx.count}${title ? ` · ${title}` : ""}` : "";
    tabs.forEach((tab, i) => tab.setAttribute("aria-pressed", VIEWS[i][0] === ctx.state.get("view")));
  });
  return el;
}

function fullIcon() {
  const icon = svg("svg", { viewBox: "0 0 14 14", width: 14, height: 14, "aria-hidden": "true", class: "nbv-icon" });
  icon.append(svg("path", { d: "M1 5V1h4M9 1h4v4M13 9v4H9M5 13H1V9" }));
  return icon;
}

function makeControls(ctx, actions) {
  const most = Math.max(...ctx.maps.peaks, Number.MIN_VALUE);
  const threshold = slider(ctx.state, "threshold", { label: "Threshold", min: 0, max: Number((most * 1.02).toPrecision(3)), step: most / 200 });
  const opacity = slider(ctx.state, "opacity", { label: "Opacity", min: 0, max: 1, step: 0.05, show: (v) => `${Math.round(100 * v)} %` });
  const el = h("div", { class: "nbv-controls" });
  if (ctx.count > 1) el.append(makeTransport(ctx, actions));
  el.append(threshold, opacity);
  return el;
}

function makeTransport(ctx, actions) {
  const go = (by) => () => ctx.select(ctx.state.get("component") + by);
  const input = h("input", { type: "range", min: 0, max: ctx.count - 1, step: 1 });
  input.addEventListener("input", () => ctx.select(Number(input.value)));
  const play = h("button", { type: "button", class: "nbv-play", onclick: actions.play, "aria-label": "Play (space)", title: "Play (space)" }, "▶");
  const label = ctx.maps.baseline ? "Frame" : "Map";
  const field = labelled(label, input);
  ctx.state.on("component names", () => {
    input.value = ctx.state.get("component");
    input.setAttribute("aria-valuetext", `${ctx.name(ctx.state.get("component"))}, ${ctx.state.get("component") + 1} of ${ctx.count}`);
  });
  actions.onPlaying = (playing) => { play.textContent = playing ? "❚❚" : "▶"; play.setAttribute("aria-pressed", playing); };
  field.append(h("span", { class: "nbv-steps" },
    h("button", { type: "button", onclick: go(-1), "aria-label": "Previous map ([)", title: "Previous ([)" }, "‹"), play,
    h("button", { type: "button", onclick: go(1), "aria-label": "Next map (])", title: "Next (])" }, "›")));
  return field;
}

function makeSettings(ctx, actions) {
  const { state, scene } = ctx;
  const names = Object.keys(scene.luts).map((name) => [name, name.replace("_", " and ")]);
  const most = Math.max(...ctx.maps.peaks, Number.MIN_VALUE);
  const el = h("div", { class: "nbv-panel", hidden: true });
  el.append(
    choice(state, "colormap", "Colours", names),
    slider(state, "vmax", { label: "Colours end at", min: most / 100, max: most, step: most / 200 }),
    ...(scene.background ? windowSliders(state, scene.background) : []),
    choice(state, "axis", "Lightbox along", AXES.map((a, i) => [a, `${a} (${PLANES[i].toLowerCase()})`])),
    slider(state, "n_slices", { label: "Lightbox slices", min: 4, max: 40, step: 1, show: String }),
    slider(state, "zoom", { label: "Zoom", min: 1, max: 8, step: 0.25, show: (v) => `${short(v)} ×` }),
    h("div", { class: "nbv-checks" },
      checkbox(state, "crosshair", "crosshair"), checkbox(state, "interpolate", "interpolate"),
      checkbox(state, "radiological", "radiological"),
      scene.regions.length ? checkbox(state, "outlines", "outlines") : null,
      ctx.count > 1 ? checkbox(state, "follow_peaks", "go to each map's peak") : null,
      checkbox(state, "presenter", "presenter mode")),
    ...scene.overlays.map((volume, i) => overlayControls(state, volume, i)),
    h("button", { type: "button", onclick: actions.picture }, "Save picture (PNG)"));
  return el;
}

function windowSliders(state, background) {
  const low = background.low, high = low + 254 * background.quantum, least = (high - low) / 100;
  return [["black at", 0], ["white at", 1]].map(([text, i]) => {
    const input = h("input", { type: "range", min: low - 0.2 * (high - low), max: high, step: (high - low) / 200 });
    const output = h("output", {});
    input.addEventListener("input", () => {
      const window = [...state.get("window")];
      window[i] = Number(input.value);
      if (window[1] - window[0] < least) window[1 - i] = window[i] + (i ? -least : least);
      state.set({ window });
    });
    state.on("window", () => { input.value = state.get("window")[i]; output.textContent = short(state.get("window")[i]); });
    return labelled(`Background ${text}`, input, output);
  });
}

function overlayControls(state, volume, i) {
  const change = (changes) => state.set({ overlays: state.get("overlays").map((layer, j) => (i === j ? { ...layer, ...changes } : layer)) });
  const visible = h("input", { type: "checkbox" });
  const opacity = h("input", { type: "range", min: 0, max: 1, step: 0.05, "aria-label": `Opacity of ${volume.name || "overlay"}` });
  visible.addEventListener("change", () => change({ visible: visible.checked }));
  opacity.addEventListener("input", () => change({ opacity: Number(opacity.value) }));
  state.on("overlays", () => { visible.checked = state.get("overlays")[i].visible; opacity.value = state.get("overlays")[i].opacity; });
  return h("div", { class: "nbv-field" }, h("label", { class: "nbv-check" }, visible, volume.name || `overlay ${i + 1}`), opacity);
}

function makeHelp() {
  const rows = KEYS.map(([keys, does]) => h("div", {}, h("dt", {}, ...keys.split(" ").map((key) => h("kbd", {}, key))), h("dd", {}, does)));
  return h("div", { class: "nbv-panel nbv-help", hidden: true }, h("dl", {}, ...rows));
}

function makeNote(ctx) {
  const el = h("p", { class: "nbv-note", role: "status" });
  ctx.state.on("threshold component", () => {
    const threshold = ctx.state.get("threshold"), largest = ctx.maps.peaks[ctx.state.get("component")];
    const empty = largest === 0 ? "This map is empty: all of it is 0 or no data." : threshold > largest
      ? `Nothing is shown: the threshold ${short(threshold)} is above this map's largest absolute value, ${short(largest)}.` : "";
    el.textContent = [empty, ...ctx.scene.notices].filter(Boolean).join(" ");
    el.hidden = !el.textContent;
  });
  return el;
}

// ---- keys --------------------------------------------------------------------------------------

function makeKeys(ctx, stage, actions) {
  const { state } = ctx;
  const toggle = (name) => () => state.set({ [name]: !state.get(name) });
  const go = (by) => () => ctx.select(state.get("component") + by);
  const raise = (sign) => () => {
    const most = Math.max(...ctx.maps.peaks);
    state.set({ threshold: Number(clamp(state.get("threshold") + (sign * most) / 50, 0, most).toPrecision(4)) });
  };
  const letters = {
    "[": go(-1), "]": go(1), n: actions.peak, t: raise(1), T: raise(-1), c: toggle("crosshair"),
    o: toggle("outlines"), r: toggle("radiological"), p: toggle("presenter"), f: actions.full,
    s: actions.picture, "?": actions.help, "+": () => zoomBy(ctx, 1.25), "=": () => zoomBy(ctx, 1.25),
    "-": () => zoomBy(ctx, 0.8), 0: () => state.set({ zoom: 1 }), " ": actions.play,
    v: () => state.set({ view: VIEWS[(VIEWS.findIndex(([v]) => v === state.get("view")) + 1) % 3][0] }),
  };
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const tag = event.target.tagName, type = event.target.type;
    if (tag === "SELECT" || (tag === "INPUT" && type !== "range" && type !== "checkbox")) return;
    const onControl = tag === "INPUT" || tag === "BUTTON";
    const done = moveByKey(ctx, stage, event, onControl) || press(letters, event, onControl);
    if (!done) return;
    actions.cast(event.key === " " ? "space" : event.key);
    event.preventDefault();
  };
}

function press(letters, event, onControl) {
  if (!(event.key in letters) || (onControl && event.key === " ")) return false;
  letters[event.key]();
  return true;
}

function moveByKey(ctx, stage, event, onControl) {
  const pane = stage.panes().find(({ el }) => el === document.activeElement) ?? stage.panes().at(-1);
  if (onControl || !pane) return false;
  const [horizontal, vertical] = others(pane.axis);
  const mirrored = horizontal === 0 && ctx.state.get("radiological") ? -1 : 1;
  const far = event.shiftKey ? 5 : 1;
  const moves = {
    ArrowLeft: [horizontal, -mirrored * far], ArrowRight: [horizontal, mirrored * far], ArrowUp: [vertical, far],
    ArrowDown: [vertical, -far], PageUp: [pane.axis, far], PageDown: [pane.axis, -far],
  };
  if (!(event.key in moves)) return false;
  step(ctx, ...moves[event.key]);
  return true;
}

// ---- a picture ---------------------------------------------------------------------------------

function savePicture(ctx, stage, root) {
  const link = h("a", { href: pictureOf(ctx, stage).toDataURL("image/png"), download: `${fileName(ctx)}.png` });
  root.append(link);
  link.click();
  link.remove();
}

const fileName = (ctx) => (ctx.name(ctx.state.get("component")).replace(/[^\p{L}\p{N}]+/gu, "_") || "brain");

// The panes as they stand, at twice their size on screen, on black.
function pictureOf(ctx, stage) {
  const box = stage.el.getBoundingClientRect(), twice = 2, foot = 40;
  const canvas = h("canvas", { width: Math.round(box.width * twice), height: Math.round(box.height * twice) + foot });
  const pen = canvas.getContext("2d");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  for (const pane of stage.panes()) drawInto(ctx, pen, pane, box, twice);
  pen.font = "22px system-ui, sans-serif";
  const words = [ctx.name(ctx.state.get("component")), `shown from ${short(ctx.state.get("threshold"))} to ${short(ctx.state.get("vmax"))}`,
    `x ${ctx.state.get("cut_coords").map(inMm).join(", ")} mm`.replace("x ", "at "), ctx.state.get("radiological") ? "radiological" : "neurological"];
  pen.fillStyle = "#ccc";
  pen.fillText(words.join(" · "), 12, canvas.height - 13);
  return canvas;
}

function drawInto(ctx, pen, pane, box, twice) {
  const own = pane.el.getBoundingClientRect(), sheet = pane.canvas.getBoundingClientRect();
  const at = (rect) => [(rect.left - box.left) * twice, (rect.top - box.top) * twice, rect.width * twice, rect.height * twice];
  const [left, top, width, height] = at(own);
  pen.save();
  pen.beginPath();
  pen.rect(left, top, width, height);
  pen.clip();
  pen.drawImage(pane.canvas, ...at(sheet));
  pen.fillStyle = "#fff";
  pen.font = "bold 24px system-ui, sans-serif";
  const [first, second] = [...pane.el.querySelectorAll(".nbv-letter")].map((letter) => letter.textContent);
  pen.fillText(first, left + 10, top + 30);
  pen.fillText(second, left + width - 26, top + 30);
  pen.restore();
}

// ---- the whole ---------------------------------------------------------------------------------

// An act that several buttons and keys share.
function makeActions(ctx, root, stage) {
  let timer = null;
  const actions = { onPlaying() {} };
  const stop = () => { clearInterval(timer); timer = null; actions.onPlaying(false); };
  actions.play = () => {
    if (timer || ctx.count < 2) return stop();
    timer = setInterval(() => ctx.select((ctx.state.get("component") + 1) % ctx.count), ctx.maps.baseline ? 120 : 700);
    actions.onPlaying(true);
  };
  actions.peak = () => ctx.toPeak(ctx.peak + 1);
  actions.picture = () => savePicture(ctx, stage, root);
  actions.full = () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen?.());
  actions.cast = () => {};
  actions.close = stop;
  return actions;
}

function makeKeyCast(ctx) {
  const el = h("div", { class: "nbv-cast", "aria-hidden": "true", hidden: true });
  let timer = null;
  el.show = (key) => {
    if (!ctx.state.get("presenter")) return;
    el.textContent = key;
    el.hidden = false;
    clearTimeout(timer);
    timer = setTimeout(() => { el.hidden = true; }, 900);
  };
  el.close = () => clearTimeout(timer);
  return el;
}

function opener(panel, root, title) {
  return () => {
    panel.hidden = !panel.hidden;
    root.querySelector(`button[aria-label="${title}"]`)?.setAttribute("aria-expanded", String(!panel.hidden));
  };
}

// JupyterLab's own keys (x cuts a cell) must not act on what has the focus in here; it looks for this
// attribute on the focused element itself.
function makeRoot(label) {
  const keepKeys = (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true");
  return h("section", { class: "nbv", role: "group", "aria-label": label, onfocusin: keepKeys });
}

function mountViewer(root, ctx, parts = {}) {
  const stage = makeStage(ctx);
  const actions = makeActions(ctx, root, stage);
  const settings = makeSettings(ctx, actions), help = makeHelp(), cast = makeKeyCast(ctx), live = makeLiveRegion(ctx);
  actions.settings = opener(settings, root, "Display settings");
  actions.help = opener(help, root, "Keys (?)");
  actions.cast = cast.show;
  const body = h("div", { class: "nbv-body" },
    h("div", { class: "nbv-screen" }, stage.el, ...(parts.screen ?? []), makeColorbar(ctx), cast),
    makeNote(ctx), makeReadOut(ctx), makeControls(ctx, actions), ...(parts.below ?? [makeCourse(ctx)]), settings, help, live);
  root.append(makeHeader(ctx, actions), h("div", { class: "nbv-main" }, ...(parts.beside ?? []), body));
  root.addEventListener("keydown", makeKeys(ctx, stage, actions));
  ctx.state.on("crosshair", () => root.classList.toggle("nbv-bare", !ctx.state.get("crosshair")));
  ctx.state.on("presenter", () => root.classList.toggle("nbv-presenter", ctx.state.get("presenter")));
  ctx.state.on("interpolate", () => root.classList.toggle("nbv-crisp", !ctx.state.get("interpolate")));
  ctx.state.on(`${PIXELS} zoom`, stage.draw);
  stage.drawNow();
  const width = new ResizeObserver(([entry]) => {
    root.classList.toggle("nbv-narrow", entry.contentRect.width < 560);
    root.classList.toggle("nbv-wide", entry.contentRect.width > 900);
    fillRows(stage.el);
  });
  width.observe(root);
  const forget = followTheme(root), rest = decodeWhenIdle(ctx.maps);
  const close = () => { rest(); [stage, actions, cast, live, ctx.state].forEach((part) => part.close()); width.disconnect(); forget(); };
  return { stage, actions, close };
}

// ---- time course -------------------------------------------------------------------------------

function makeCourse(ctx) {
  const el = h("figure", { class: "nbv-course" });
  const { courses } = ctx.scene;
  if (!courses && !ctx.maps.baseline) return el;
  ctx.state.on("component cut_coords", () => {
    const k = ctx.state.get("component");
    const own = courses ? courses.values[k] : courseAt(ctx.maps, ctx.state.get("cut_coords"));
    const title = courses ? `Time course of ${ctx.name(k)}` : "Time course at the crosshair";
    el.replaceChildren(...(own ? plotLine(own, { title, t: ctx.scene.t_r, unit: ctx.scene.t_r ? "s" : "frame", mark: courses ? null : k }) : []));
  });
  return el;
}

const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes) {
  const el = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, value);
  return el;
}

// A line over time (or frequency), with its range in words.
function plotLine(values, { title, t, unit, mark = null, from = 0, bare = false }) {
  const known = values.filter((v) => v !== null && Number.isFinite(v));
  const low = Math.min(...known), high = Math.max(...known), span = high - low || 1;
  const point = (v, i) => `${((600 * i) / Math.max(values.length - 1, 1)).toFixed(1)},${(76 - (72 * ((v ?? low) - low)) / span).toFixed(1)}`;
  const end = from + (values.length - 1) * (t || 1);
  const range = bare ? "" : `${short(low)} to ${short(high)} · `;
  const label = `${title}: ${values.length} points from ${short(low)} to ${short(high)}`;
  const plot = svg("svg", { viewBox: "0 0 600 80", preserveAspectRatio: "none", role: "img", "aria-label": label });
  plot.append(svg("polyline", { points: values.map(point).join(" "), "vector-effect": "non-scaling-stroke" }));
  if (mark !== null) {
    const x = (600 * mark) / Math.max(values.length - 1, 1);
    plot.append(svg("line", { x1: x, x2: x, y1: 0, y2: 80, "vector-effect": "non-scaling-stroke" }));
  }
  return [h("figcaption", {}, h("span", {}, title), h("span", { class: "nbv-dim" }, `${range}0 to ${short(end)} ${unit}`)), plot];
}

// ---- entry -------------------------------------------------------------------------------------

const opened = new WeakMap();

// Several views of one model share its scene.
function sceneOf(model) {
  if (!opened.has(model)) opened.set(model, openScene(model.get("_payload")));
  return opened.get(model);
}

async function renderSlices({ model, el }) {
  const ctx = makeContext(model, await sceneOf(model));
  const root = makeRoot(`Brain viewer ${model.get("title")}`.trim());
  el.replaceChildren(root);
  return mountViewer(root, ctx).close;
}
