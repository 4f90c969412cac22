// What is told of a place: the read-out, a sentence to be heard, colours, a time course, a picture.

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
  const more = ctx.scene.overlays.map((volume) => valueAt(volume, mm, 0));
  return { mm, k, own, under, more, voxel: ownVoxel(ctx.maps, mm), region: regionsAt(ctx, mm) };
}

function makeReadOut(ctx) {
  const fields = AXES.map((name, axis) => numberField(name, () => Number(ctx.state.get("cut_coords")[axis].toFixed(1)),
    (value) => { const mm = [...ctx.state.get("cut_coords")]; mm[axis] = value; ctx.moveTo(mm); }));
  const { background, overlays, regions } = ctx.scene;
  const names = ["value", background && "background", ...overlays.map(({ name }) => name || "overlay"), "voxel", regions.length && "region"];
  const cells = names.map((name) => (name ? h("dd", {}) : null));
  const rows = names.map((name, i) => (name ? h("div", { class: i ? "" : "nbv-value" }, h("dt", {}, name), cells[i]) : null));
  ctx.state.on("cut_coords component names", () => {
    fields.forEach((field) => field.refresh());
    const { own, under, more, voxel, region } = readOut(ctx);
    const texts = [withError(own), under && digits(under.value, under.half),
      ...more.map((found) => digits(found.value, found.half)), voxel.map(minus).join(", "), region || "none"];
    cells.forEach((cell, i) => { if (cell) say(cell, texts[i]); });
  });
  return h("div", { class: "nbv-read" }, h("div", { class: "nbv-mm" }, ...fields, h("span", {}, "mm")), h("dl", {}, ...rows.filter(Boolean)));
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
