// Header, controls, settings and keys: all are bound to the state, none draws.

const VIEWS = [
  ["ortho", "Slices"],
  ["lightbox", "Lightbox"],
  ["glass", "Glass"],
  ["cortex", "Cortex"],
];
const KEYS = [
  ["arrows", "move the crosshair in the slice"],
  ["PgUp PgDn", "next and previous slice"],
  ["Shift wheel", "slices"],
  ["Ctrl wheel", "zoom"],
  ["[ ]", "previous and next map"],
  ["n", "next peak"],
  ["t T", "threshold up and down"],
  ["v", "slices, lightbox, glass, cortex"],
  ["+ − 0", "zoom in, out, off"],
  ["space", "play"],
  ["c", "crosshair"],
  ["o", "outlines"],
  ["a", "regions of the atlas"],
  ["x", "the cortex beside the slices"],
  ["i", "inflate the cortex, fold it"],
  ["r", "swap left and right"],
  ["s", "save a picture"],
  ["f", "full screen"],
  ["p", "presenter mode"],
  ["?", "these keys"],
  ["Esc", "close what lies above the slices"],
];
// Of a desk, besides.
const LABEL_KEYS = [
  ["1–9 0 e", "label, and go on to the next"],
  ["Shift 1–9 0 e", "one more label, or take it away"],
  ["l", "free text"],
  ["u", "take back (also Ctrl+Z)"],
];

/**
 * @param {string | Node} label
 * @param {string} title what it does, also for those who listen
 * @param {() => void} onclick
 * @param {Record<string, any>} [more] attributes
 */
function makeButton(label, title, onclick, more = {}) {
  const attributes = { type: "button", title, "aria-label": title, onclick, ...more };
  return makeElement("button", attributes, label);
}

/**
 * @param {Context} ctx
 * @param {Actions} actions
 */
function makeHeader(ctx, actions) {
  const name = makeElement("h3");
  const position = makeElement("span", { class: "nbv-dim" });
  const views = VIEWS.filter(([view]) => view !== "cortex" || ctx.cortex);
  const tabs = views.map(([view, label]) =>
    makeElement("button", { type: "button", onclick: () => ctx.state.set({ view }) }, label));
  const closed = { "aria-expanded": "false" };
  const atlas = ctx.scene.regions.length > 0;
  const el = makeElement("header", { class: "nbv-head" },
    makeElement("div", { class: "nbv-title" }, name, position),
    makeElement("div", { class: "nbv-tabs", role: "group", "aria-label": "View" }, ...tabs),
    makeElement("div", { class: "nbv-tools" },
      makeButton("Next peak", "Next peak (n)", actions.peak),
      atlas ? makeButton("Regions", "Regions (a)", actions.regions, closed) : null,
      makeButton("Display", "Display settings", actions.settings, closed),
      makeButton("?", "Keys (?)", actions.help, closed),
      makeButton(makeFullIcon(), "Full screen (f)", actions.full)));
  ctx.state.on("component names title view", () => {
    const k = ctx.state.get("component");
    const title = ctx.state.get("title");
    const many = ctx.count > 1;
    name.textContent = many ? ctx.name(k) : title || ctx.name(k);
    position.textContent = many ? `${numberInWords(ctx, k)}${title ? ` · ${title}` : ""}` : "";
    tabs.forEach((tab, i) =>
      tab.setAttribute("aria-pressed", String(views[i][0] === ctx.state.get("view"))));
  });
  return el;
}

/**
 * Which map it is, by the one number that it has everywhere: that of Python, from 0.
 * @param {Context} ctx
 * @param {number} k
 */
function numberInWords({ name, count, maps, scene }, k) {
  const isNamed = new RegExp(`(^|\\D)${k}(\\D|$)`).test(name(k));
  const kind = maps.baseline ? "frames" : scene.classes ? "components" : "maps";
  return `${isNamed ? "" : `no. ${k} · `}${count} ${kind}`;
}

function makeFullIcon() {
  const path = makeSvg("path", { d: "M1 5V1h4M9 1h4v4M13 9v4H9M5 13H1V9" });
  const size = { viewBox: "0 0 14 14", width: 14, height: 14 };
  return makeSvg("svg", { ...size, "aria-hidden": "true", class: "nbv-icon" }, path);
}

/**
 * The largest value of all maps, and above 0.
 * @param {Maps} maps
 */
const largestPeak = (maps) => Math.max(...maps.peaks, Number.MIN_VALUE);

/**
 * @param {Context} ctx
 * @param {Actions} actions
 */
function makeControls(ctx, actions) {
  const most = largestPeak(ctx.maps);
  const end = Number((most * 1.02).toPrecision(3));
  const label = ctx.maps.unit ? `Threshold (${ctx.maps.unit})` : "Threshold";
  const percent = (/** @type {number} */ v) => `${Math.round(100 * v)} %`;
  return makeElement("div", { class: "nbv-controls" },
    ctx.count > 1 ? makeTransport(ctx, actions) : null,
    makeSlider(ctx.state, "threshold", { label, min: 0, max: end, step: most / 200 }),
    makeSlider(ctx.state, "opacity",
      { label: "Opacity", min: 0, max: 1, step: 0.05, show: percent }),
    ctx.cortex ? makeSlider(ctx.state, "inflation",
      { label: "Inflate", min: 0, max: 1, step: 0.02, show: percent }) : null);
}

/**
 * Which map is in view: slider, buttons, play.
 * @param {Context} ctx
 * @param {Actions} actions
 */
function makeTransport(ctx, actions) {
  const go = (/** @type {number} */ by) => () => ctx.step(by);
  const input = makeElement("input", { type: "range", min: 0, max: ctx.count - 1, step: 1 });
  input.addEventListener("input", () => ctx.select(Number(input.value)));
  const play = makeButton("▶", "Play (space)", actions.play, { class: "nbv-play" });
  actions.onPlaying = (playing) => {
    play.textContent = playing ? "❚❚" : "▶";
    play.setAttribute("aria-pressed", String(playing));
  };
  ctx.state.on("component names", () => {
    const k = ctx.state.get("component");
    input.value = k;
    input.setAttribute("aria-valuetext", `${ctx.name(k)}, ${numberInWords(ctx, k)}`);
  });
  const speed = makeElement("select", { "aria-label": "Speed", title: "Speed" },
    ...["0.5", "1", "2", "4"].map((times) =>
      makeElement("option", { value: times, selected: times === "1" }, `${times} ×`)));
  speed.addEventListener("change", () => actions.setSpeed(Number(speed.value)));
  const steps = makeElement("span", { class: "nbv-steps" },
    makeButton("‹", "Previous map ([)", go(-1)), play, makeButton("›", "Next map (])", go(1)),
    speed);
  return makeField(ctx.maps.baseline ? "Frame" : "Map", input, steps);
}

/**
 * The panel of what is set less often.
 * @param {Context} ctx
 * @param {Actions} actions
 */
function makeSettings(ctx, actions) {
  const { state, scene } = ctx;
  /** @type {[string, string][]} */
  const names = Object.keys(scene.luts).map((name) => [name, name.replace("_", " and ")]);
  /** @type {[string, string][]} */
  const axes = AXES.map((a, i) => [a, `${a} (${PLANES[i].toLowerCase()})`]);
  const most = largestPeak(ctx.maps);
  const times = (/** @type {number} */ v) => `${formatShort(v)} ×`;
  return makePanel("Display settings", "nbv-settings", actions.settings,
    makeChoice(state, "colormap", "Colors", names),
    makeSlider(state, "vmax",
      { label: "Colors end at", min: most / 100, max: most, step: most / 200 }),
    ...(scene.background ? makeWindowSliders(state, scene.background) : []),
    makeChoice(state, "axis", "Lightbox along", axes),
    makeSlider(state, "n_slices",
      { label: "Lightbox slices", min: 4, max: 40, step: 1, show: String }),
    makeSlider(state, "zoom", { label: "Zoom", min: 1, max: 8, step: 0.25, show: times }),
    makeChecks(ctx),
    ...scene.overlays.map((volume, i) => makeOverlayControls(state, volume, i)),
    makeElement("button", { type: "button", onclick: actions.picture }, "Save picture (PNG)"));
}

/** @param {Context} ctx */
function makeChecks({ state, scene, count, cortex }) {
  return makeElement("div", { class: "nbv-checks" },
    makeCheckbox(state, "crosshair", "crosshair"),
    makeCheckbox(state, "interpolate", "interpolate"),
    makeCheckbox(state, "radiological", "radiological"),
    scene.regions.length ? makeCheckbox(state, "outlines", "outlines") : null,
    count > 1 ? makeCheckbox(state, "follow_peaks", "go to each map's peak") : null,
    cortex ? makeCheckbox(state, "cortex", "cortex") : null,
    makeCheckbox(state, "presenter", "presenter mode"));
}

/**
 * Which values of the background are black and white; one pushes the other.
 * @param {State} state
 * @param {Grey} background
 */
function makeWindowSliders(state, background) {
  const { low, quantum } = background;
  const extent = 254 * quantum;
  return ["black", "white"].map((color, i) => {
    const range = { min: low - 0.2 * extent, max: low + extent, step: extent / 200 };
    const input = makeElement("input", { type: "range", ...range });
    const output = makeElement("output");
    input.addEventListener("input", () => {
      const window = [...state.get("window")];
      window[i] = Number(input.value);
      if (window[1] - window[0] < extent / 100)
        window[1 - i] = window[i] + (i ? -extent : extent) / 100;
      state.set({ window });
    });
    state.on("window", () => {
      input.value = state.get("window")[i];
      output.textContent = formatShort(state.get("window")[i]);
    });
    return makeField(`Background ${color} at`, input, output);
  });
}

/**
 * @param {State} state
 * @param {Maps} volume
 * @param {number} i which overlay
 */
function makeOverlayControls(state, volume, i) {
  const change = (/** @type {object} */ changes) => {
    const overlays = [...state.get("overlays")];
    overlays[i] = { ...overlays[i], ...changes };
    state.set({ overlays });
  };
  const visible = makeElement("input", { type: "checkbox" });
  const label = `Opacity of ${volume.name || "overlay"}`;
  const opacity = makeElement("input",
    { type: "range", min: 0, max: 1, step: 0.05, "aria-label": label });
  visible.addEventListener("change", () => change({ visible: visible.checked }));
  opacity.addEventListener("input", () => change({ opacity: Number(opacity.value) }));
  state.on("overlays", () => {
    visible.checked = state.get("overlays")[i].visible;
    opacity.value = state.get("overlays")[i].opacity;
  });
  const name = volume.name || `overlay ${i + 1}`;
  return makeElement("div", { class: "nbv-field" },
    makeElement("label", { class: "nbv-check" }, visible, name), opacity);
}

/**
 * What lies above the slices while it is open.
 * @param {string} title
 * @param {string} kind more classes
 * @param {() => void} close
 * @param {...(HTMLElement | null)} children
 */
function makePanel(title, kind, close, ...children) {
  const attributes = { class: `nbv-panel ${kind}`, role: "dialog", "aria-label": title };
  const head = makeElement("div", { class: "nbv-panel-head" },
    makeElement("b", {}, title), makeButton("×", "Close (Esc)", close));
  return makeElement("div", { ...attributes, hidden: true }, head, ...children);
}

/**
 * @param {Context} ctx
 * @param {Actions} actions
 */
function makeHelp({ scene, cortex }, actions) {
  const keys = KEYS.filter(([, does]) => cortex || !does.includes("the cortex"));
  const all = [...(scene.classes ? LABEL_KEYS : []), ...keys];
  const rows = all.map(([keys, does]) => makeElement("div", {},
    makeElement("dt", {}, ...keys.split(" ").map((key) => makeElement("kbd", {}, key))),
    makeElement("dd", {}, does)));
  return makePanel("Keys", "nbv-help", actions.help, makeElement("dl", {}, ...rows));
}

/**
 * Why nothing is to be seen, and what was done to the images.
 * @param {Context} ctx
 */
function makeNote(ctx) {
  const el = makeElement("p", { class: "nbv-note", role: "status" });
  ctx.state.on("threshold component", () => {
    const reason = whyEmpty(ctx.state.get("threshold"), ctx.maps.peaks[ctx.state.get("component")]);
    el.textContent = [reason, ...ctx.scene.notices].filter(Boolean).join(" ");
    el.hidden = !el.textContent;
  });
  return el;
}

/**
 * @param {number} threshold
 * @param {number} largest absolute value of the map
 */
function whyEmpty(threshold, largest) {
  if (largest === 0) return "This map is empty: all of it is 0 or no data.";
  if (threshold <= largest) return "";
  return `Nothing is shown: the threshold ${formatShort(threshold)} is above this map's largest ` +
    `absolute value, ${formatShort(largest)}.`;
}

// ---- keys --------------------------------------------------------------------------------------

/**
 * @param {Context} ctx
 * @param {Stage} stage
 * @param {Actions} actions
 * @returns {(event: KeyboardEvent) => void}
 */
function makeKeys(ctx, stage, actions) {
  const letters = makeLetters(ctx, actions);
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape" && actions.close()) event.preventDefault();
    if (takesText(event.target)) return;
    const onControl = ["INPUT", "BUTTON"].includes(/** @type {Element} */ (event.target).tagName);
    const done = moveByKey(ctx, stage, event, onControl) || pressLetter(letters, event, onControl);
    if (!done) return;
    actions.cast(event.key === " " ? "space" : event.key);
    event.preventDefault();
  };
}

/**
 * Whether keys on an element are for itself.
 * @param {EventTarget | null} target
 */
function takesText(target) {
  if (target instanceof HTMLInputElement) return !["range", "checkbox"].includes(target.type);
  return target instanceof HTMLSelectElement;
}

/**
 * What each key does, but for those that move.
 * @param {Context} ctx
 * @param {Actions} actions
 * @returns {Record<string, () => void>}
 */
function makeLetters(ctx, actions) {
  const { state } = ctx;
  const toggle = (/** @type {string} */ name) => () => state.set({ [name]: !state.get(name) });
  const go = (/** @type {number} */ by) => () => ctx.step(by);
  const raise = (/** @type {number} */ sign) => () => {
    const most = Math.max(...ctx.maps.peaks);
    const threshold = clamp(state.get("threshold") + (sign * most) / 50, 0, most);
    state.set({ threshold: Number(threshold.toPrecision(4)) });
  };
  const nextView = () => {
    const views = VIEWS.slice(0, ctx.cortex ? VIEWS.length : -1);
    const now = views.findIndex(([view]) => view === state.get("view"));
    state.set({ view: views[(now + 1) % views.length][0] });
  };
  const inflate = () =>
    ctx.cortex && state.set({ inflation: state.get("inflation") < 0.5 ? 1 : 0 });
  return {
    "[": go(-1), "]": go(1), n: actions.peak, " ": actions.play, v: nextView,
    t: raise(1), T: raise(-1),
    c: toggle("crosshair"), o: toggle("outlines"), r: toggle("radiological"),
    p: toggle("presenter"), f: actions.full, s: actions.picture,
    "?": actions.help, a: actions.regions, i: inflate,
    x: () => ctx.cortex && state.set({ cortex: !state.get("cortex") }),
    "+": () => zoomBy(ctx, 1.25), "=": () => zoomBy(ctx, 1.25), "-": () => zoomBy(ctx, 0.8),
    0: () => state.set({ zoom: 1 }),
  };
}

/**
 * @param {Record<string, () => void>} letters
 * @param {KeyboardEvent} event
 * @param {boolean} onControl space presses a control that has the focus
 * @returns {boolean} whether the key did something
 */
function pressLetter(letters, event, onControl) {
  if (!(event.key in letters) || (onControl && event.key === " ")) return false;
  letters[event.key]();
  return true;
}

/**
 * @param {Context} ctx
 * @param {Stage} stage
 * @param {KeyboardEvent} event
 * @param {boolean} onControl arrows are a control's that has the focus
 * @returns {boolean} whether the key did something
 */
function moveByKey(ctx, stage, event, onControl) {
  const panes = stage.panes();
  const pane = panes.find(({ el }) => el === document.activeElement) ?? panes.at(-1);
  if (onControl || !pane) return false;
  const [horizontal, vertical] = otherAxes(pane.axis);
  const far = event.shiftKey ? 5 : 1;
  const right = isMirrored(ctx, horizontal) ? -far : far;
  /** @type {Record<string, [number, number]>} */
  const moves = {
    ArrowLeft: [horizontal, -right], ArrowRight: [horizontal, right],
    ArrowUp: [vertical, far], ArrowDown: [vertical, -far],
    PageUp: [pane.axis, far], PageDown: [pane.axis, -far],
  };
  if (!(event.key in moves)) return false;
  moveSlice(ctx, ...moves[event.key]);
  return true;
}
