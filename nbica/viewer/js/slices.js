// The slice viewer, put together from dom.js, volume.js, planes.js, draw.js, panes.js, readout.js and
// controls.js.
// All that a person does is answered here; Python only hears of the state.

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
  const close = () => {
    for (const part of [stage, actions, cast, live, ctx.state]) part.close();
    width.disconnect();
    rest();
    forget();
  };
  return { stage, actions, close };
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
