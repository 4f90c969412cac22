// Regions of an atlas and outlines of masks: which is at a place, which is near, where each is.

// Millimetres within which a region is near.
const NEAR = 30;

/**
 * A region's name; of an image without names, its number.
 * @param {Labels} volume
 * @param {number} code
 */
const regionName = (volume, code) =>
  volume.regions[code] ?? `${volume.name || "region"} ${code}`.trim();

/**
 * Names of the regions at a place.
 * @param {Context} ctx
 * @param {number[]} mm
 */
function regionsAt(ctx, mm) {
  const found = ctx.scene.regions.map((volume) => {
    const p = voxelIndex(volume, mm);
    const code = p < 0 ? 0 : volume.codes[p];
    return code ? regionName(volume, code) : "";
  });
  return found.filter(Boolean).join(", ");
}

/**
 * The region at a place, or the nearest and how far it is.
 * @param {Context} ctx
 * @param {number[]} mm
 */
function regionInWords(ctx, mm) {
  const here = regionsAt(ctx, mm);
  if (here) return here;
  const near = ctx.scene.regions.flatMap((volume) => nearestRegion(volume, mm) ?? []);
  const [first] = near.sort((a, b) => a.distance - b.distance);
  return first ? `none; ${first.name} ${Math.round(first.distance)} mm away` : "none";
}

/**
 * The region whose voxel is nearest to a place; null if none is near.
 * @param {Labels} volume
 * @param {number[]} mm
 */
function nearestRegion(volume, mm) {
  const { shape, step } = volume;
  const ranges = mm.map((v, axis) => {
    const at = (v - volume.origin[axis]) / step[axis];
    const far = NEAR / step[axis];
    return [Math.max(Math.ceil(at - far), 0), Math.min(Math.floor(at + far), shape[axis] - 1), at];
  });
  const [[x0, x1, x], [y0, y1, y], [z0, z1, z]] = ranges;
  let least = NEAR ** 2;
  let code = 0;
  for (let k = z0; k <= z1; k++) {
    for (let j = y0; j <= y1; j++) {
      const row = shape[0] * (j + shape[1] * k);
      const across = ((k - z) * step[2]) ** 2 + ((j - y) * step[1]) ** 2;
      if (across >= least) continue;
      for (let i = x0; i <= x1; i++) {
        const found = volume.codes[row + i];
        const distance = across + ((i - x) * step[0]) ** 2;
        if (found && distance < least) [least, code] = [distance, found];
      }
    }
  }
  return code ? { name: regionName(volume, code), distance: Math.sqrt(least) } : null;
}

/**
 * The voxel of each region that is nearest to the region's middle, in mm, by code.
 * @param {Labels} volume
 * @returns {Map<number, number[]>}
 */
function placesOfRegions(volume) {
  /** @type {Map<number, number[]>} */
  const voxels = new Map();
  volume.codes.forEach((/** @type {number} */ code, /** @type {number} */ p) => {
    if (code) getOrMake(voxels, code, () => []).push(p);
  });
  const codes = [...voxels.keys()].sort((a, b) => a - b);
  return new Map(codes.map((code) => [code, inTheMiddle(volume, voxels.get(code) ?? [])]));
}

/**
 * @param {Labels} volume
 * @param {number[]} voxels indices of a region's voxels
 */
function inTheMiddle(volume, voxels) {
  const places = voxels.map((p) => mmOf(volume, p));
  const middle = [0, 1, 2].map((axis) =>
    places.reduce((sum, mm) => sum + mm[axis], 0) / places.length);
  const far = (/** @type {number[]} */ mm) => Math.hypot(...mm.map((v, axis) => v - middle[axis]));
  return places.reduce((best, mm) => (far(mm) < far(best) ? mm : best));
}

/**
 * The color of a region's outline, which differs from those of the map in view.
 * @param {Scene} scene
 * @param {string} colormap
 * @param {number} code
 */
function outlineColor(scene, colormap, code) {
  const colors = scene.outlines[colormap];
  return colors[(code - 1) % colors.length];
}

/**
 * The panel of all regions: a click goes there. Made when it is first opened.
 * @param {Context} ctx
 * @param {Actions} actions
 */
function makeLegend(ctx, actions) {
  const list = makeElement("ul", { class: "nbv-regions" });
  const label = "Find a region";
  const find = makeElement("input", { type: "search", placeholder: label, "aria-label": label });
  find.addEventListener("input", () => {
    const text = find.value.toLowerCase();
    for (const item of list.children)
      item.toggleAttribute("hidden", !item.textContent?.toLowerCase().includes(text));
  });
  const el = makePanel("Regions", "nbv-legend", actions.regions, find, list);
  const fill = () => {
    for (const volume of ctx.scene.regions) list.append(...legendItems(ctx, volume));
  };
  new MutationObserver((_, observer) => {
    observer.disconnect();
    fill();
  }).observe(el, { attributeFilter: ["hidden"] });
  ctx.state.on("colormap", () => {
    ctx.scene.outlines[ctx.state.get("colormap")].forEach((color, i) =>
      el.style.setProperty(`--outline-${i}`, `rgb(${color.join()})`));
  });
  return el;
}

/**
 * @param {Context} ctx
 * @param {Labels} volume
 */
function legendItems(ctx, volume) {
  return [...placesOfRegions(volume)].map(([code, mm]) => {
    const n = ctx.scene.outlines[ctx.state.get("colormap")].length;
    const color = `background: var(--outline-${(code - 1) % n})`;
    const go = makeElement("button", { type: "button", onclick: () => ctx.moveTo(mm) },
      makeElement("i", { style: color }), regionName(volume, code));
    return makeElement("li", {}, go);
  });
}
