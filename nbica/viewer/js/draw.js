// Slices as pixels: the same steps in the same order as render.py, which is the oracle. Change one
// only with the other; tests/browser compares them pixel by pixel.

/**
 * How one image of maps is drawn; as `render.Layer` in Python.
 * @typedef {object} Layer
 * @property {Maps} volume
 * @property {number} frame which of its maps
 * @property {number} threshold smaller absolute values are not drawn
 * @property {number} vmax absolute value at which colors end
 * @property {number} opacity
 * @property {string} colormap
 */

/**
 * How a scene is drawn; as `render.Look` in Python.
 * @typedef {object} Look
 * @property {Layer[]} layers from the lowest to the highest
 * @property {number[]} window values of the background that are black and white
 * @property {boolean} radiological right is drawn on the left
 * @property {boolean} linear interpolate; else the nearest voxel
 * @property {boolean} outlines
 * @property {boolean} glass the largest values along the line of sight
 */

/**
 * What a pane keeps from frame to frame, so that a change costs what it changes.
 * @typedef {object} Plate
 * @property {Scene} scene
 * @property {number} axis
 * @property {number} step a pixel's side, in mm
 * @property {string} picture what was painted last, in words
 * @property {boolean | null} radiological
 * @property {ImageData} image
 * @property {Uint32Array} pixels of the image
 * @property {Map<Volume, Table[]>} tables places of the pixels, right and down
 * @property {{of: string, pixels: Uint32Array}} ground the background's picture
 * @property {Map<Volume, {of: string, codes: Float64Array, inside: boolean}>} layers their codes
 */

// As in render.py: the brightest background, and the thickest part of a head in a glass view.
const BRIGHTEST = 204;
const GLASS = 110;
const BLACK = 0xff000000; // opaque: alpha is last in memory

/**
 * A plate without pixels: the first picture lays them out.
 * @param {Scene} scene
 * @param {number} axis
 * @param {number} step a pixel's side, in mm
 * @returns {Plate}
 */
function makePlate(scene, axis, step) {
  const picture = { picture: "", radiological: null, image: new ImageData(1, 1) };
  const parts = { tables: new Map(), ground: noGround(0), layers: new Map() };
  return { scene, axis, step, pixels: new Uint32Array(0), ...picture, ...parts };
}

/**
 * One slice, as ImageData; null if it would be the same as before.
 * @param {Plate} plate
 * @param {Look} look
 * @param {number} mm where it is cut
 * @returns {ImageData | null}
 */
function paintSlice(plate, look, mm) {
  const depth = look.glass ? null : mm; // through all of the head there is no depth
  const picture = JSON.stringify([
    depth,
    look.window,
    look.radiological,
    look.linear,
    look.outlines,
    look.glass,
    look.layers.map((layer) => ({ ...layer, volume: plate.scene.volumes.indexOf(layer.volume) })),
  ]);
  if (picture === plate.picture) return null;
  plate.picture = picture;
  if (plate.radiological !== look.radiological) layOutPixels(plate, look.radiological);
  plate.pixels.set(groundOf(plate, look, depth));
  for (const layer of look.layers) paintMap(plate, layer, look, depth);
  if (look.outlines && !look.glass)
    for (const volume of plate.scene.regions) paintOutlines(plate, volume, look, mm);
  return plate.image;
}

/**
 * The places of a plate's pixels, for one side that right is on.
 * @param {Plate} plate
 * @param {boolean} radiological
 */
function layOutPixels(plate, radiological) {
  const { scene, axis, step } = plate;
  const [horizontal, vertical] = otherAxes(axis);
  const right = pixelCentres(...scene.bounds[horizontal], step);
  const down = pixelCentres(...scene.bounds[vertical], step).reverse();
  if (radiological && horizontal === 0) right.reverse();
  const image = new ImageData(right.length, down.length);
  const pixels = new Uint32Array(image.data.buffer);
  const tables = new Map();
  for (const volume of scene.volumes.filter(({ shape }) => shape))
    tables.set(volume, [placeTable(volume, horizontal, right), placeTable(volume, vertical, down)]);
  Object.assign(plate, { radiological, image, pixels, tables });
  Object.assign(plate, { ground: noGround(pixels.length), layers: new Map() });
}

/**
 * Places of a plate's pixels in an image: right and down.
 * @param {Plate} plate
 * @param {Volume} volume
 */
const tablesOf = (plate, volume) => /** @type {Table[]} */ (plate.tables.get(volume));

/** @param {number} n pixels */
const noGround = (n) => ({ of: "", pixels: new Uint32Array(n) });

// ---- background --------------------------------------------------------------------------------

/**
 * The background's pixels, painted again if they changed.
 * @param {Plate} plate
 * @param {Look} look
 * @param {number | null} depth
 */
function groundOf(plate, look, depth) {
  const { ground } = plate;
  const of = JSON.stringify([depth, look.window, look.linear, look.glass]);
  if (ground.of !== of) {
    ground.of = of;
    ground.pixels.fill(BLACK);
    if (plate.scene.background) paintGrey(ground.pixels, plate, look, depth);
  }
  return ground.pixels;
}

/**
 * @param {Uint32Array} pixels
 * @param {Plate} plate
 * @param {Look} look
 * @param {number | null} depth
 */
function paintGrey(pixels, plate, look, depth) {
  const background = /** @type {Grey} */ (plate.scene.background);
  const codes = scratch("grey", pixels.length);
  if (!fillCodes(codes, plate, background, background.codes, look, depth)) return;
  const [low, high] = look.window.map((value) => (value - background.low) / background.quantum + 1);
  for (let i = 0; i < pixels.length; i++) {
    const code = codes[i];
    if (code !== code) continue;
    const grey = look.glass
      ? Math.floor(code + 0.5)
      : Math.floor(clip01((code - low) / (high - low)) * BRIGHTEST + 0.5);
    pixels[i] = BLACK | (grey << 16) | (grey << 8) | grey;
  }
}

// ---- maps --------------------------------------------------------------------------------------

/**
 * Paint a layer over what is there.
 * @param {Plate} plate
 * @param {Layer} layer
 * @param {Look} look
 * @param {number | null} depth
 */
function paintMap(plate, layer, look, depth) {
  const { volume, threshold, vmax, opacity } = layer;
  const codes = codesAt(plate, layer, look, depth);
  if (!codes) return;
  const { pixels, scene } = plate;
  const scale = volume.scales[layer.frame];
  const lowest = lowestOf(scene, layer);
  const lut = scene.luts[layer.colormap];
  const colors = opacity === 1 ? solidColors(scene, layer.colormap) : null;
  for (let i = 0; i < pixels.length; i++) {
    const value = codes[i] * scale;
    if (value === 0 || !(Math.abs(value) >= threshold)) continue;
    const index = Math.floor(clip01((value - lowest) / (vmax - lowest)) * 255 + 0.5);
    pixels[i] = colors ? colors[index] : blend(pixels[i], lut, 3 * index, opacity);
  }
}

/**
 * Codes of a layer at the pixels, NaN where there is none; null if the slice lies outside of it.
 * @param {Plate} plate
 * @param {Layer} layer
 * @param {Look} look
 * @param {number | null} depth
 * @returns {Float64Array | null}
 */
function codesAt(plate, { volume, frame }, look, depth) {
  const kept = getOrMake(plate.layers, volume, () => ({
    of: "",
    codes: new Float64Array(plate.pixels.length),
    inside: false,
  }));
  const of = JSON.stringify([frame, depth, look.linear, look.glass]);
  if (kept.of !== of) {
    kept.of = of;
    kept.inside = fillCodes(kept.codes, plate, volume, codesOf(volume, frame), look, depth, frame);
  }
  return kept.inside ? kept.codes : null;
}

/**
 * Codes of an image at a plate's pixels, NaN where there is none.
 * @param {Float64Array} out
 * @param {Plate} plate
 * @param {Grey | Maps} volume
 * @param {ArrayLike<number>} codes
 * @param {Look} look
 * @param {number | null} depth null: through all of the head
 * @param {number} [frame] which map
 * @returns {boolean} whether the slice lies in the image
 */
function fillCodes(out, plate, volume, codes, look, depth, frame = 0) {
  const { axis } = plate;
  const [right, down] = tablesOf(plate, volume);
  const across = depth === null ? null : placeTable(volume, axis, [depth]);
  if (across && across.nearest[0] < 0) return false;
  const through = () =>
    volume.role === "maps"
      ? largestAlong(volume, frame, axis)
      : headThickness(plate.scene, axis, GLASS);
  const plane = across ? planeBetween(volume, codes, axis, across, look.linear) : through();
  interpolate(out, plane, right, down, look.linear);
  if (across && volume.role === "maps" && volume.gaps)
    cutGaps(out, readPlane(volume, codes, axis, across.nearest[0], "low"), right, down);
  cutOutside(out, right, down);
  return true;
}

/**
 * NaN where the nearest voxel holds no data.
 * @param {Float64Array} out
 * @param {Plane} plane
 * @param {Table} right
 * @param {Table} down
 */
function cutGaps(out, { values, width }, right, down) {
  for (let r = 0, i = 0; r < down.length; r++) {
    const near = down.nearest[r] * width;
    for (let c = 0; c < right.length; c++, i++)
      if (values[near + right.nearest[c]] === NO_DATA) out[i] = NaN;
  }
}

/**
 * NaN where there is no voxel.
 * @param {Float64Array} out
 * @param {Table} right
 * @param {Table} down
 */
function cutOutside(out, right, down) {
  for (const r of down.outside) out.fill(NaN, r * right.length, (r + 1) * right.length);
  for (const c of right.outside)
    for (let r = 0; r < down.length; r++) out[r * right.length + c] = NaN;
}

/**
 * The value at the low end of the colours: symmetric wherever there are two signs.
 * @param {Scene} scene
 * @param {{volume: Maps, colormap: string, vmax: number}} layer
 */
function lowestOf(scene, { volume, colormap, vmax }) {
  return volume.signed || scene.diverging.includes(colormap) ? -vmax : 0;
}

/**
 * A color map as pixels.
 * @param {Scene} scene
 * @param {string} colormap
 */
function solidColors(scene, colormap) {
  return getOrMake(scene.cache, `colors ${colormap}`, () => {
    const lut = scene.luts[colormap];
    return Uint32Array.from({ length: 256 }, (_, i) =>
      packRgb(lut[3 * i], lut[3 * i + 1], lut[3 * i + 2]),
    );
  });
}

/**
 * A color as a pixel.
 * @param {number} red
 * @param {number} green
 * @param {number} blue
 */
const packRgb = (red, green, blue) => (BLACK | (blue << 16) | (green << 8) | red) >>> 0;

/**
 * A pixel with a color over it.
 * @param {number} under a pixel
 * @param {Uint8Array} lut
 * @param {number} at where its color stands
 * @param {number} opacity
 */
function blend(under, lut, at, opacity) {
  const mix = (/** @type {number} */ below, /** @type {number} */ above) =>
    Math.floor(below * (1 - opacity) + above * opacity + 0.5);
  return packRgb(
    mix(under & 255, lut[at]),
    mix((under >> 8) & 255, lut[at + 1]),
    mix((under >> 16) & 255, lut[at + 2]),
  );
}
