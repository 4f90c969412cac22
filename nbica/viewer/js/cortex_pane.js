// Panes of the cortex: drawn with the slices, each from its own side.

/** @typedef {{name: string, short: string, turn: number[], hemi: string}} CortexView */

/** @type {CortexView[]} */
const CORTEX_VIEWS = [
  { name: "left", short: "Left", turn: [0, 180], hemi: "both" },
  { name: "top", short: "Top", turn: [90, 270], hemi: "both" },
  { name: "front", short: "Front", turn: [0, 90], hemi: "both" },
  { name: "right", short: "Right", turn: [0, 0], hemi: "both" },
  { name: "left, medial", short: "L medial", turn: [0, 0], hemi: "left" },
  { name: "below", short: "Below", turn: [-90, 90], hemi: "both" },
  { name: "back", short: "Back", turn: [0, 270], hemi: "both" },
  { name: "right, medial", short: "R medial", turn: [0, 180], hemi: "right" },
];
// Those of a page of the cortex, row by row.
const CORTEX_PAGE = ["left", "top", "right", "left, medial", "below", "right, medial"];
// What a pane shows, in mm: the cortex from any side.
const CORTEX_BOX = [184, 178];
// Pixels of a picture for one of the page: edges become smooth, and a fine screen is filled.
const SHARP = 2;
// Milliseconds that leave a frame no time for more.
const SLOW = 9;
// The crosshair is marked if it is so near to the cortex, in mm.
const NEAR_CORTEX = 12;

/**
 * A pane of the cortex; a picture is saved of it as of a slice.
 * @typedef {object} CortexPane
 * @property {HTMLElement} figure
 * @property {HTMLElement} el
 * @property {HTMLCanvasElement} canvas
 * @property {null} cut
 * @property {() => void} draw
 * @property {() => void} close
 */

/**
 * From where a pane looks: the viewer's traits, or its own.
 * @typedef {{get: () => {turn: number[], hemi: string}, set: (turn: number[]) => void,
 *   show: (view: CortexView) => void}} Place
 */

/**
 * The place of the cortex, in mm, at a point of a pane, in the page's pixels.
 * @typedef {(right: number, down: number) => number[] | null} Under
 */

/**
 * The panes that the state asks for: one beside the slices, six on a page of the cortex.
 * @param {Context} ctx
 * @returns {CortexPane[]}
 */
function makeCortexPanes(ctx) {
  if (!ctx.cortex) return [];
  const view = ctx.state.get("view");
  if (view === "cortex")
    return CORTEX_PAGE.map((name) => makeCortexPane(ctx, ownPlace(viewNamed(name)), name));
  if (view !== "ortho" || !ctx.state.get("cortex")) return [];
  const place = statePlace(ctx.state);
  return [makeCortexPane(ctx, place, "left", makeCortexButtons(ctx, place))];
}

/** @param {string} name */
const viewNamed = (name) => CORTEX_VIEWS.find((one) => one.name === name) ?? CORTEX_VIEWS[0];

/**
 * Draw as many panes as a frame has time for, the one that waits longest first.
 * @param {CortexPane[]} panes in turn
 * @returns {boolean} whether all are drawn
 */
function drawCortexPanes(panes) {
  const start = performance.now();
  for (let n = 0; n < panes.length; n++) {
    if (performance.now() - start > 5) return false;
    const pane = /** @type {CortexPane} */ (panes.shift());
    panes.push(pane);
    pane.draw();
  }
  return true;
}

/**
 * @param {State} state
 * @returns {Place}
 */
const statePlace = (state) => ({
  get: () => ({ turn: state.get("turn"), hemi: state.get("hemi") }),
  set: (turn) => state.set({ turn }),
  show: ({ turn, hemi }) => state.set({ turn, hemi }),
});

/**
 * @param {CortexView} view
 * @returns {Place}
 */
function ownPlace(view) {
  let { turn, hemi } = view;
  return {
    get: () => ({ turn, hemi }),
    set: (to) => {
      turn = to;
    },
    show: (to) => {
      ({ turn, hemi } = to);
    },
  };
}

/**
 * @param {Context} ctx
 * @param {Place} place
 * @param {string} home name of the view that it goes back to
 * @param {HTMLElement | null} below
 * @returns {CortexPane}
 */
function makeCortexPane(ctx, place, home, below = null) {
  const canvas = makeElement("canvas", { "aria-hidden": "true" });
  const words = makePaneWords();
  const el = makeElement("div", { class: "nbv-solid", tabindex: 0, role: "application" }, canvas);
  const figure = makeElement("div", { class: "nbv-slice" }, words.strip, el, below);
  const painter = makeCortexPainter(ctx, place, el, canvas);
  const draw = () => {
    const { turn, hemi } = place.get();
    writeCortexWords(ctx, el, words, turn, hemi);
    painter.paint();
  };
  const goHome = () => place.show(viewNamed(home));
  const change = (/** @type {() => void} */ act) => {
    act();
    requestAnimationFrame(draw);
  };
  listenToTurns(ctx, el, painter.under, place, change);
  el.addEventListener("dblclick", () => change(goHome));
  el.addEventListener("keydown", (event) => {
    if (turnByKey(event, place, goHome)) requestAnimationFrame(draw);
  });
  const observer = new ResizeObserver(draw);
  observer.observe(el);
  ctx.cortex?.ready.then(draw);
  const close = () => {
    observer.disconnect();
    painter.close();
  };
  return { figure, el, canvas, cut: null, draw, close };
}

/**
 * What paints a pane: finely, but where that takes too long, coarsely while it moves.
 * @param {Context} ctx
 * @param {Place} place
 * @param {HTMLElement} el
 * @param {HTMLCanvasElement} canvas
 */
function makeCortexPainter(ctx, place, el, canvas) {
  const plates = [1, SHARP].map(makeCortexPlate);
  let plate = plates[1];
  let timer = 0;
  let marked = "";
  const paint = (rests = false) => {
    const mesh = ctx.cortex?.mesh;
    const pen = canvas.getContext("2d", { alpha: false });
    if (!mesh || !pen || !el.clientWidth) return;
    const { turn, hemi } = place.get();
    const cameras = plates.map(({ sharp }) => cameraOf(ctx, el, turn, hemi, sharp));
    const size = [el.clientWidth, el.clientHeight];
    const coarse = !rests && plates[1].cost > SLOW && !isSeen(plates[1], cameras[1], size);
    clearTimeout(timer);
    if (coarse) timer = setTimeout(paint, 150, true);
    const i = coarse ? 0 : 1;
    plate = plates[i];
    const isNew = paintCortex(plate, mesh, ctx.scene, ctx.look().layers, cameras[i], size);
    const vertex = markedVertex(ctx, mesh, hemi);
    if (!isNew && marked === `${vertex} ${i}`) return;
    marked = `${vertex} ${i}`;
    putImage(canvas, plate.image);
    if (vertex >= 0) drawMark(pen, plate, mesh, cameras[i], vertex, 6 * plate.sharp);
  };
  return {
    paint: () => paint(),
    /** @type {Under} */
    under(right, down) {
      const mesh = ctx.cortex?.mesh;
      return mesh ? placeUnder(plate, mesh, right * plate.sharp, down * plate.sharp) : null;
    },
    close: () => clearTimeout(timer),
  };
}

/**
 * The vertex at the crosshair, -1 where none is to be marked.
 * @param {Context} ctx
 * @param {Mesh} mesh
 * @param {string} hemi
 */
function markedVertex(ctx, mesh, hemi) {
  const { vertex, distance } = nearestVertex(mesh, ctx.state.get("cut_coords"));
  const own = vertex < mesh.n / 2 ? "left" : "right";
  const here = hemi === "both" || hemi === own;
  return ctx.state.get("crosshair") && here && distance < NEAR_CORTEX ? vertex : -1;
}

/**
 * @param {Context} ctx
 * @param {HTMLElement} el
 * @param {number[]} turn
 * @param {string} hemi
 * @param {number} sharp pixels of the picture for one of the page
 * @returns {Camera}
 */
function cameraOf(ctx, el, turn, hemi, sharp) {
  const { middles } = /** @type {Mesh} */ (ctx.cortex?.mesh);
  const inflation = ctx.state.get("inflation");
  const [folded, inflated] = middles[hemi];
  const middle = folded.map((v, axis) => v + (inflated[axis] - v) * inflation);
  const scale = sharp * Math.min(el.clientWidth / CORTEX_BOX[0], el.clientHeight / CORTEX_BOX[1]);
  return { axes: axesOf(turn), middle, scale, inflation, hemi };
}

// ---- words -------------------------------------------------------------------------------------

/**
 * What points to the right of a picture: a letter where it is one axis of the body.
 * @param {number[]} right
 */
function lettersOf(right) {
  const axis = [0, 1, 2].find((a) => Math.abs(right[a]) > 0.7);
  if (axis === undefined) return ["", ""];
  return right[axis] > 0 ? ENDS[axis] : [...ENDS[axis]].reverse();
}

/**
 * @param {number[]} turn
 * @param {string} hemi
 */
const viewOf = (turn, hemi) =>
  CORTEX_VIEWS.find((view) => view.hemi === hemi && String(view.turn) === String(turn));

/**
 * @param {Context} ctx
 * @param {HTMLElement} el
 * @param {PaneWords} words
 * @param {number[]} turn
 * @param {string} hemi
 */
function writeCortexWords(ctx, el, { letters, caption }, turn, hemi) {
  const ends = lettersOf(axesOf(turn)[0]);
  letters.forEach((letter, i) => writeText(letter, ends[i]));
  const half = hemi === "both" ? "turned" : `${hemi}, turned`;
  const name = viewOf(turn, hemi)?.name ?? half;
  writeText(caption, name);
  const mesh = ctx.cortex?.mesh;
  const far = mesh ? nearestVertex(mesh, ctx.state.get("cut_coords")).distance : 0;
  const where = `The crosshair is ${Math.round(far)} mm from the cortex.`;
  el.setAttribute("aria-label", `Cortex, ${name}. ${ends[0] && `${ends[0]} is on the left. `}` +
    `${where} Arrow keys turn it, Home turns it back, a click moves the crosshair.`);
}

/**
 * @param {Context} ctx
 * @param {Place} place
 */
function makeCortexButtons(ctx, place) {
  const buttons = CORTEX_VIEWS.map((view) =>
    makeButton(view.short, `Cortex: ${view.name}`, () => place.show(view)));
  const el = makeElement("div", { class: "nbv-sides", role: "group", "aria-label": "Cortex" },
    ...buttons);
  ctx.state.on("turn hemi", () => {
    const { turn, hemi } = place.get();
    buttons.forEach((button, i) =>
      button.setAttribute("aria-pressed", String(CORTEX_VIEWS[i] === viewOf(turn, hemi))));
  });
  return el;
}
