// The slice viewer, put together from the files above. All that a person does is answered here;
// Python only hears of the state.

/**
 * What buttons and keys do.
 * @typedef {object} Actions
 * @property {() => void} play start and stop
 * @property {(times: number) => void} setSpeed so many times the usual
 * @property {() => void} peak go to the next peak
 * @property {() => void} picture save one
 * @property {() => void} full full screen, on and off
 * @property {() => void} settings open and close that panel
 * @property {() => void} help open and close that panel
 * @property {() => void} regions open and close that panel, where there are regions
 * @property {() => boolean} close the panel that is open; whether one was
 * @property {(key: string) => void} cast show a key that was pressed
 * @property {(playing: boolean) => void} onPlaying told when playing begins and ends
 * @property {() => void} stop playing
 */

/**
 * @param {Context} ctx
 * @param {HTMLElement} root
 * @param {Stage} stage
 * @returns {Actions}
 */
function makeActions(ctx, root, stage) {
  let timer = 0;
  let speed = 1;
  const next = () => ctx.step(1, true);
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    actions.onPlaying(false);
  };
  const play = () => {
    clearInterval(timer);
    timer = setInterval(next, (ctx.maps.baseline ? 120 : 700) / speed);
    actions.onPlaying(true);
  };
  const leave = () => document.exitFullscreen();
  /** @type {Actions} */
  const actions = {
    play: () => (timer || ctx.count < 2 ? stop() : play()),
    setSpeed(times) {
      speed = times;
      if (timer) play();
    },
    peak: () => ctx.toPeak(ctx.peak + 1),
    picture: () => savePicture(ctx, stage, root),
    full: () => (document.fullscreenElement ? leave() : root.requestFullscreen?.()),
    settings: () => togglePanel(root, "Display settings", ".nbv-settings"),
    help: () => togglePanel(root, "Keys (?)", ".nbv-help"),
    regions: () => ctx.scene.regions.length && togglePanel(root, "Regions (a)", ".nbv-legend"),
    close: () => closePanels(root),
    cast() {},
    onPlaying() {},
    stop,
  };
  return actions;
}

/**
 * A key that was pressed, for an audience.
 * @param {Context} ctx
 */
function makeKeyCast(ctx) {
  const el = makeElement("div", { class: "nbv-cast", "aria-hidden": "true", hidden: true });
  let timer = 0;
  const hide = () => {
    el.hidden = true;
  };
  /** @param {string} key */
  const show = (key) => {
    if (!ctx.state.get("presenter")) return;
    el.textContent = key;
    el.hidden = false;
    clearTimeout(timer);
    timer = setTimeout(hide, 900);
  };
  return { el, show, close: () => clearTimeout(timer) };
}

/**
 * Open a panel, and close the one that was open.
 * @param {HTMLElement} root
 * @param {string} title of its button
 * @param {string} selector
 */
function togglePanel(root, title, selector) {
  const panel = /** @type {HTMLElement} */ (root.querySelector(selector));
  const opens = panel.hidden;
  closePanels(root);
  if (!opens) return;
  panel.hidden = false;
  root.querySelector(`button[aria-label="${title}"]`)?.setAttribute("aria-expanded", "true");
}

/**
 * Close all panels; the focus does not stay where nobody sees it.
 * @param {HTMLElement} root
 * @returns {boolean} whether there was one
 */
function closePanels(root) {
  const open = root.querySelector(".nbv-panel:not([hidden])");
  const button = root.querySelector('button[aria-expanded="true"]');
  if (open?.contains(document.activeElement) && button instanceof HTMLElement) button.focus();
  open?.setAttribute("hidden", "");
  button?.setAttribute("aria-expanded", "false");
  return open !== null;
}

/**
 * The element that all of a viewer is in.
 *
 * JupyterLab's own keys (x cuts a cell) must not act on what has the focus in here; it looks for
 * this attribute on the focused element itself.
 * @param {string} label
 */
function makeRoot(label) {
  /** @param {FocusEvent} event */
  const keepKeys = ({ target }) =>
    target instanceof Element && target.setAttribute("data-lm-suppress-shortcuts", "true");
  const attributes = { class: "nbv", role: "group", "aria-label": label, onfocusin: keepKeys };
  return makeElement("section", attributes);
}

/**
 * Put a viewer into its root and bind it to the state.
 * @param {HTMLElement} root
 * @param {Context} ctx
 * @param {{screen?: HTMLElement[], below?: HTMLElement[], beside?: HTMLElement[]}} [parts]
 *   what a desk has more: on the screen, below it (instead of the time course), beside it
 */
function mountViewer(root, ctx, { screen = [], below = [makeCourse(ctx)], beside = [] } = {}) {
  const stage = makeStage(ctx);
  const actions = makeActions(ctx, root, stage);
  const settings = makeSettings(ctx, actions);
  const help = makeHelp(ctx, actions);
  const legend = ctx.scene.regions.length ? makeLegend(ctx, actions) : null;
  const cast = makeKeyCast(ctx);
  const live = makeLiveRegion(ctx);
  actions.cast = cast.show;
  const pictures = [stage.el, ...screen, makeColorbar(ctx), cast.el];
  const words = [makeNote(ctx), makeReadOut(ctx), makeControls(ctx, actions), ...below];
  const body = makeElement(
    "div",
    { class: "nbv-body" },
    makeElement("div", { class: "nbv-screen" }, ...pictures),
    ...words,
    live.el,
  );
  const main = makeElement("div", { class: "nbv-main" }, ...beside, body, settings, help, legend);
  root.append(makeHeader(ctx, actions), main);
  root.addEventListener("keydown", makeKeys(ctx, stage, actions));
  showModes(root, ctx.state);
  ctx.state.on(`${PIXELS} zoom`, stage.draw);
  stage.drawNow();
  const endings = [followWidth(root, stage), followTheme(root), decodeWhenIdle(ctx.maps)];
  return () => {
    actions.stop();
    for (const part of [stage, cast, live, ctx.state]) part.close();
    for (const end of endings) end();
  };
}

/**
 * Classes of the root that say how it is shown.
 * @param {HTMLElement} root
 * @param {State} state
 */
function showModes(root, state) {
  const toggle = (/** @type {string} */ name, /** @type {string} */ trait, on = true) =>
    state.on(trait, () => root.classList.toggle(name, state.get(trait) === on));
  toggle("nbv-bare", "crosshair", false);
  toggle("nbv-presenter", "presenter");
  toggle("nbv-crisp", "interpolate", false);
}

/**
 * @param {HTMLElement} root
 * @param {Stage} stage
 * @returns {() => void} stops following
 */
function followWidth(root, stage) {
  const observer = new ResizeObserver(([{ contentRect }]) => {
    root.classList.toggle("nbv-narrow", contentRect.width < 560);
    root.classList.toggle("nbv-wide", contentRect.width > 900);
    fillRows(stage.el);
  });
  observer.observe(root);
  return () => observer.disconnect();
}

// ---- entry -------------------------------------------------------------------------------------

/** @type {WeakMap<Model, Promise<Scene>>} */
const opened = new WeakMap();

/**
 * The scene of a model; several views of one model share it.
 * @param {Model} model
 * @returns {Promise<Scene>}
 */
function sceneOf(model) {
  const known = opened.get(model) ?? openScene(model.get("_payload"));
  opened.set(model, known);
  return known;
}

/**
 * What Jupyter calls for a SliceViewer.
 * @param {{model: Model, el: HTMLElement}} place
 * @returns {Promise<() => void>} closes the viewer
 */
async function renderSlices({ model, el }) {
  const ctx = makeContext(model, await sceneOf(model));
  const root = makeRoot(`Brain viewer ${model.get("title")}`.trim());
  el.replaceChildren(root);
  return mountViewer(root, ctx);
}
