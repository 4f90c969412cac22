// What is told of a place: the read-out, a sentence to be heard, colors, a picture.

/**
 * All that is known of the place at the crosshair.
 * @param {Context} ctx
 */
function readPlace(ctx) {
  const mm = ctx.state.get("cut_coords");
  const { background, overlays } = ctx.scene;
  return {
    mm,
    own: valueAt(ctx.maps, mm, ctx.state.get("component")),
    under: background && valueAt(background, mm, 0),
    more: overlays.map((volume) => valueAt(volume, mm, 0)),
    voxel: ownVoxel(ctx.maps, mm),
    region: regionInWords(ctx, mm),
  };
}

/** @param {Context} ctx */
function makeReadOut(ctx) {
  const fields = AXES.map((name, axis) => makePlaceField(ctx, name, axis));
  const titles = wordsOfPlace(ctx).map(([title]) => title);
  const cells = titles.map(() => makeElement("dd"));
  const rows = titles.map((title, i) => makeElement("div",
    { class: i ? "" : "nbv-value" }, makeElement("dt", {}, title), cells[i]));
  ctx.state.on("cut_coords component names", () => {
    fields.forEach((field) => field.refresh());
    wordsOfPlace(ctx).forEach(([, text], i) => writeText(cells[i], text));
  });
  return makeElement("div", { class: "nbv-read" },
    makeElement("div", { class: "nbv-mm" }, ...fields.map(({ el }) => el),
      makeElement("span", {}, "mm")),
    makeElement("dl", {}, ...rows));
}

/**
 * What the read-out says: titles and texts, as many wherever the crosshair is. The colors of a run
 * are what differs from its mean, so that is told first, and the level apart from it.
 * @param {Context} ctx
 * @returns {[string, string][]}
 */
function wordsOfPlace(ctx) {
  const { own, under, more, voxel, region } = readPlace(ctx);
  const isSeries = ctx.maps.baseline !== undefined;
  const { background, overlays, regions } = ctx.scene;
  /** @type {[string, string | null | false | 0][]} */
  const all = [
    [isSeries ? "deviation" : ctx.maps.unit || "value", formatWithError(own)],
    ["level", isSeries && formatValue(own.level ?? own.value, own.half)],
    [isSeries && background?.name === "mean" ? "mean" : "background",
      under && formatValue(under.value, under.half)],
    ...overlays.map(({ name }, i) => /** @type {[string, string]} */ (
      [name || "overlay", formatValue(more[i].value, more[i].half)])),
    ["voxel", voxel.map(withMinus).join(", ")],
    ["region", regions.length && region],
  ];
  return all.flatMap(([title, text]) => (text ? [[title, text]] : []));
}

/**
 * @param {Context} ctx
 * @param {string} name
 * @param {number} axis
 */
function makePlaceField(ctx, name, axis) {
  const read = () => Number(ctx.state.get("cut_coords")[axis].toFixed(1));
  return makeNumberField(name, read, (value) => {
    const mm = [...ctx.state.get("cut_coords")];
    mm[axis] = value;
    ctx.moveTo(mm);
  });
}

/**
 * A value and half of the step between two.
 * @param {Found} found
 */
const formatWithError = ({ value, half }) =>
  value == null || !half
    ? formatValue(value, half)
    : `${formatValue(value, half)} ± ${Number(half.toPrecision(1))}`;

/**
 * At most two sentences a second for those who listen.
 * @param {Context} ctx
 */
function makeLiveRegion(ctx) {
  const el = makeElement("div", { class: "nbv-hidden", role: "status", "aria-live": "polite" });
  let timer = 0;
  const speak = () => {
    timer = 0;
    el.textContent = spokenPlace(ctx);
  };
  ctx.state.on("cut_coords component", () => {
    timer = timer || setTimeout(speak, 500);
  });
  return { el, close: () => clearTimeout(timer) };
}

/** @param {Context} ctx */
function spokenPlace(ctx) {
  const { mm, own, region } = readPlace(ctx);
  const k = ctx.state.get("component");
  const place = AXES.map((name, axis) => `${name} ${formatMm(mm[axis])}`).join(", ");
  const map = ctx.count > 1 ? `, ${ctx.name(k)}, ${numberInWords(ctx, k)}` : "";
  const where = ctx.scene.regions.length ? `, region ${region}` : "";
  const what = ctx.maps.baseline ? "deviation" : ctx.maps.unit || "value";
  return `${place} mm, ${what} ${formatValue(own.value, own.half)}${map}${where}`;
}

// ---- color bar ---------------------------------------------------------------------------------

/** @param {Context} ctx */
function makeColorbar(ctx) {
  const canvas = makeElement("canvas", { width: 256, height: 1, "aria-hidden": "true" });
  const ticks = makeElement("div", { class: "nbv-ticks" });
  const words = makeElement("span", { class: "nbv-words" });
  const unit = makeElement("span", { class: "nbv-unit" }, ctx.maps.unit);
  const scale = makeElement("div", { class: "nbv-scale" }, canvas, unit, ticks);
  const el = makeElement("div", { class: "nbv-bar", role: "img" }, words, scale);
  ctx.state.on("threshold vmax colormap radiological view", () => {
    const [vmax, threshold, colormap] = ["vmax", "threshold", "colormap"].map(ctx.state.get);
    const lowest = lowestOf(ctx.scene, { volume: ctx.maps, colormap, vmax });
    paintScale(canvas, ctx.scene.luts[colormap], lowest, vmax, threshold);
    ticks.replaceChildren(...makeTicks(lowest, vmax, threshold));
    const side = ctx.state.get("radiological") ? "right" : "left";
    unit.hidden = !ctx.maps.unit;
    const convention = side === "left" ? "Neurological" : "Radiological";
    words.textContent = ctx.state.get("view") === "cortex"
      ? "Letters say which side is left"
      : `${convention}: left is on the ${side}`;
    el.setAttribute("aria-label", `Colors from ${formatShort(lowest)} to ${formatShort(vmax)}, ` +
      `shown from ${formatShort(threshold)} on`);
  });
  return el;
}

/**
 * Numbers below a color bar: its ends, and where it begins to be shown.
 * @param {number} lowest
 * @param {number} vmax
 * @param {number} threshold
 */
function makeTicks(lowest, vmax, threshold) {
  const inBar = [-threshold, threshold].filter((v) => v >= lowest && v <= vmax);
  // Two ticks around 0 that are too near each other are one.
  const apart = inBar.filter((v) => v >= 0 || -v >= 0.12 * vmax);
  return [...new Set([lowest, ...apart, vmax])].map((v) => {
    const tick = makeElement("span", {}, formatShort(v));
    tick.style.left = `${(100 * (v - lowest)) / (vmax - lowest)}%`;
    return tick;
  });
}

/**
 * @param {HTMLCanvasElement} canvas of 256 pixels
 * @param {Uint8Array} lut
 * @param {number} lowest
 * @param {number} vmax
 * @param {number} threshold what is below is grey
 */
function paintScale(canvas, lut, lowest, vmax, threshold) {
  const image = new ImageData(256, 1);
  for (let i = 0; i < 256; i++) {
    const shown = Math.abs(lowest + (i / 255) * (vmax - lowest)) >= threshold;
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = shown ? lut[3 * i + c] : 58;
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d")?.putImageData(image, 0, 0);
}

// ---- a picture ---------------------------------------------------------------------------------

/**
 * @param {Context} ctx
 * @param {Stage} stage
 * @param {HTMLElement} root
 */
function savePicture(ctx, stage, root) {
  download(root, pictureOf(ctx, stage).toDataURL("image/png"), `${fileName(ctx)}.png`);
}

/**
 * The map's name, of letters that every file system takes.
 * @param {Context} ctx
 */
const fileName = (ctx) =>
  ctx.name(ctx.state.get("component")).replace(/[^\p{L}\p{N}]+/gu, "_") || "brain";

/**
 * The panes as they stand, at twice their size on screen, on black.
 * @param {Context} ctx
 * @param {Stage} stage
 */
function pictureOf(ctx, stage) {
  const box = stage.el.getBoundingClientRect();
  const foot = 40;
  const [width, height] = [Math.round(box.width * 2), Math.round(box.height * 2) + foot];
  const canvas = makeElement("canvas", { width, height });
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.fillRect(0, 0, width, height);
  for (const pane of [...stage.panes(), ...stage.cortex()]) drawInto(pen, pane, box, 2);
  pen.font = "22px system-ui, sans-serif";
  pen.textAlign = "left";
  pen.fillStyle = "#ccc";
  pen.fillText(pictureWords(ctx), 12, height - 13);
  return canvas;
}

/** @param {Context} ctx */
function pictureWords({ state, name }) {
  const [low, high] = ["threshold", "vmax"].map((trait) => formatShort(state.get(trait)));
  const place = state.get("cut_coords").map(formatMm).join(", ");
  return [name(state.get("component")), `shown from ${low} to ${high}`, `at ${place} mm`,
    state.get("radiological") ? "radiological" : "neurological"].join(" · ");
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {Pane | CortexPane} pane
 * @param {DOMRect} box of the stage
 * @param {number} scale pixels of the picture for one of the screen
 */
function drawInto(pen, pane, box, scale) {
  /** @param {DOMRect} rect @returns {[number, number, number, number]} */
  const at = (rect) => [(rect.left - box.left) * scale, (rect.top - box.top) * scale,
    rect.width * scale, rect.height * scale];
  const [left, top, width, height] = at(pane.el.getBoundingClientRect());
  pen.save();
  pen.beginPath();
  pen.rect(left, top, width, height);
  pen.clip();
  pen.drawImage(pane.canvas, ...at(pane.canvas.getBoundingClientRect()));
  pen.restore();
  pen.fillStyle = "#fff";
  pen.font = `${pane.cut === null ? 24 : 18}px system-ui, sans-serif`;
  pen.textAlign = "center";
  for (const word of pane.figure.querySelectorAll(".nbv-strip > *")) {
    const [x, y, w, h] = at(word.getBoundingClientRect());
    pen.fillText(word.textContent ?? "", x + w / 2, y + 0.75 * h);
  }
}
