// The contact sheet: all components, sorted, filtered and searched.

/**
 * A component on the contact sheet.
 * @typedef {object} Tile
 * @property {HTMLElement} el
 * @property {() => void} draw
 * @property {(sort: string) => void} write its words; beside its name stands what is sorted by
 */

/**
 * @param {Context} ctx
 * @param {number} k
 * @param {Marks} marks
 * @returns {Tile}
 */
function makeTile(ctx, k, marks) {
  const { scene, state } = ctx;
  const canvas = makeElement("canvas", { "aria-hidden": "true" });
  const plate = makePlate(scene, 2, 2 * scene.step);
  const name = makeElement("b");
  const about = makeElement("span", { class: "nbv-dim" });
  const chip = makeElement("i", { class: "nbv-chip" });
  const attributes = { class: "nbv-tile", role: "option", id: `nbv-tile-${++lastId}` };
  const el = makeElement("div", { ...attributes, onclick: () => ctx.select(k) },
    canvas, name, about, chip);
  const draw = () => {
    const [peak] = [...peaksOf(ctx.maps, k, 1, 0), [0, 0, 0]];
    const look = ctx.look();
    const layers = [{ ...look.layers[0], frame: k }];
    const image = paintSlice(plate, { ...look, layers, outlines: false, glass: false }, peak[2]);
    if (image) putImage(canvas, image);
  };
  redrawIfLost(canvas, plate, draw);
  const write = (/** @type {string} */ sort) => {
    const facts = factOf(scene, k, sort);
    const own = marks.of(k);
    writeText(name, ctx.name(k));
    writeText(about, facts);
    writeText(chip, own.join(" · "));
    const first = own.find((one) => scene.classes.includes(one));
    const tint = scene.tints[scene.classes.indexOf(first ?? "")];
    chip.style.setProperty("--mark", tint ?? "#e6e6e6");
    el.setAttribute("aria-selected", String(state.get("component") === k));
    const words = [ctx.name(k), facts, own.join(", ") || "not labelled"];
    const label = words.filter(Boolean).join(", ");
    el.setAttribute("aria-label", label);
    el.title = label;
  };
  return { el, draw, write };
}

/**
 * What stands below a component's name: what is sorted by, else its match, else its stability.
 * @param {Scene} scene
 * @param {number} k
 * @param {string} sort
 */
function factOf({ texts, suggested }, k, sort) {
  if (texts[sort]) return texts[sort][k];
  if (texts.match && suggested[k]) return texts.match[k];
  return texts.stability ? texts.stability[k] : "";
}

/**
 * All components. Tiles are drawn one a frame: the slices in view must not wait for them.
 * @param {Context} ctx
 * @param {Marks} marks
 */
function makeSheet(ctx, marks) {
  const tiles = Array.from({ length: ctx.count }, (_, k) => makeTile(ctx, k, marks));
  const label = `${ctx.count} components`;
  const attributes = { class: "nbv-sheet", role: "listbox", tabindex: 0, "aria-label": label };
  const sheet = makeElement("div", attributes, ...tiles.map((tile) => tile.el));
  const choice = makeSheetBar(ctx, marks, () => arrange());
  let next = 0;
  let waiting = 0;
  const work = () => {
    waiting = 0;
    tiles[next++].draw();
    if (next < tiles.length) waiting = requestAnimationFrame(work);
  };
  ctx.state.on("threshold vmax opacity colormap window radiological interpolate", () => {
    next = 0;
    waiting = waiting || requestAnimationFrame(work);
  });
  const write = () => {
    tiles.forEach((tile) => tile.write(choice.sort()));
    const chosen = tiles[ctx.state.get("component")].el;
    sheet.setAttribute("aria-activedescendant", chosen.id);
    scrollWithin(sheet, chosen);
  };
  let shown = "";
  const arrange = () => {
    const order = choice.order();
    ctx.order = () => order;
    if (shown !== order.join()) sheet.replaceChildren(...order.map((k) => tiles[k].el));
    shown = order.join();
    choice.tell(order.length);
    write();
  };
  ctx.state.on("component names", write);
  ctx.state.on("marks names", arrange);
  sheet.addEventListener("keydown", (event) => chooseByArrow(ctx, sheet, event));
  const el = makeElement("div", { class: "nbv-side" }, choice.el, sheet);
  return { el, close: () => cancelAnimationFrame(waiting) };
}

/**
 * Bring a tile into view within the sheet, without moving the page.
 * @param {HTMLElement} el
 * @param {HTMLElement} chosen
 */
function scrollWithin(el, chosen) {
  const below = chosen.offsetTop + chosen.offsetHeight - el.clientHeight;
  const right = chosen.offsetLeft + chosen.offsetWidth - el.clientWidth;
  el.scrollTop = clamp(el.scrollTop, below + 6, chosen.offsetTop - 6);
  el.scrollLeft = clamp(el.scrollLeft, right + 6, chosen.offsetLeft - 6);
}

/**
 * @param {Context} ctx
 * @param {HTMLElement} el the sheet
 * @param {KeyboardEvent} event
 */
function chooseByArrow(ctx, el, event) {
  const tops = [...el.children].map((tile) => /** @type {HTMLElement} */ (tile).offsetTop);
  const columns = tops.filter((top) => top === tops[0]).length;
  /** @type {Record<string, number>} */
  const moves = {
    ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns,
    Home: -ctx.count, End: ctx.count,
  };
  if (!(event.key in moves)) return;
  ctx.step(moves[event.key]);
  event.preventDefault();
}

// ---- which components, in which order ----------------------------------------------------------

const SORTS = {
  number: "Number", stability: "Stability", match: "Match", noise: "Noise", label: "Label",
};

/**
 * What is chosen above the sheet.
 * @param {Context} ctx
 * @param {Marks} marks
 * @param {() => void} arrange called when something was chosen
 */
function makeSheetBar(ctx, marks, arrange) {
  const { scene } = ctx;
  const known = (/** @type {string} */ name) =>
    ["number", "label"].includes(name) || name in scene.columns;
  const sorts = Object.entries(SORTS).filter(([name]) => known(name));
  const options = sorts.map(([value, text]) => makeElement("option", { value },
    // A fit numbers its components by variance: that order is theirs.
    value === "number" && scene.ordered === "variance" ? "Variance" : text));
  const sort = makeElement("select", { "aria-label": "Sort by", title: "Sort by" }, ...options);
  const filter = makeElement("select", { "aria-label": "Show", title: "Show" });
  const find = makeElement("input",
    { type: "search", placeholder: "name or region", "aria-label": "Find by name or region" });
  const count = makeElement("span", { class: "nbv-dim", role: "status" });
  const listFilters = () => {
    const used = new Set(Array.from({ length: ctx.count }, (_, k) => marks.of(k)).flat());
    const all = ["all", "not labelled", "signal", "noise", ...used];
    const now = all.includes(filter.value) ? filter.value : "all";
    filter.replaceChildren(...all.map((text) => makeElement("option", {}, text)));
    filter.value = now;
  };
  listFilters();
  ctx.state.on("marks", listFilters);
  for (const control of [sort, filter]) control.addEventListener("change", arrange);
  find.addEventListener("input", arrange);
  find.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && find.value) event.stopPropagation();
  });
  const el = makeElement("div", { class: "nbv-sheet-bar" }, sort, filter, find, count);
  return {
    el,
    sort: () => sort.value,
    order: () => orderOf(ctx, marks, sort.value, filter.value, find.value.trim().toLowerCase()),
    tell: (/** @type {number} */ n) => {
      const all = n === ctx.count;
      writeText(count, all ? "" : `${n} of ${ctx.count}`);
    },
  };
}

/**
 * @param {Context} ctx
 * @param {Marks} marks
 * @param {string} sort
 * @param {string} filter
 * @param {string} text
 */
function orderOf(ctx, marks, sort, filter, text) {
  const { scene } = ctx;
  const all = Array.from({ length: ctx.count }, (_, k) => k);
  const passes = (/** @type {number} */ k) => {
    const own = marks.of(k);
    if (filter === "not labelled") return !own.length;
    if (filter === "signal") return own.some((one) => one === "Signal");
    if (filter === "noise") return isNoise(scene, own);
    return filter === "all" || own.includes(filter);
  };
  const kept = all.filter((k) => passes(k) && (!text || wordsOf(ctx, marks, k).includes(text)));
  const column = scene.columns[sort];
  if (column) return kept.sort((a, b) => column[b] - column[a] || a - b);
  const label = (/** @type {number} */ k) => marks.of(k).join() || "~"; // without any: last
  if (sort === "label") return kept.sort((a, b) => label(a).localeCompare(label(b)) || a - b);
  return kept;
}

/**
 * All that a component can be found by, in small letters.
 * @param {Context} ctx
 * @param {Marks} marks
 * @param {number} k
 */
function wordsOf(ctx, marks, k) {
  const region = getOrMake(ctx.scene.cache, `region ${k}`, () =>
    peaksOf(ctx.maps, k, 3, 0).map((mm) => regionsAt(ctx, mm)).join(" "));
  return [ctx.name(k), ctx.scene.suggested[k], ...marks.of(k), region].join(" ").toLowerCase();
}
