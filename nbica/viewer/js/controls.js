// Header, controls, settings and keys: all are bound to the state, none draws.

const VIEWS = [["ortho", "Slices"], ["lightbox", "Lightbox"], ["glass", "Glass"]];
const KEYS = [
  ["arrows", "move the crosshair in the slice"], ["PgUp PgDn", "next and previous slice"],
  ["wheel", "slices, after a click; with Ctrl: zoom"], ["[ ]", "previous and next map"],
  ["n", "next peak"], ["t T", "threshold up and down"], ["v", "slices, lightbox, glass"],
  ["+ − 0", "zoom in, out, off"], ["space", "play"], ["c", "crosshair"], ["o", "outlines"],
  ["r", "swap left and right"], ["s", "save a picture"], ["f", "full screen"],
  ["p", "presenter mode"], ["?", "these keys"],
];

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
