// Codes at a pane's pixels: planes of voxels, read and interpolated, by the same steps in the same
// order as render.py. A frame is some milliseconds of this; its arrays serve the next one again, as
// megabytes thrown away sixty times a second would have the collector stop the page.

/**
 * Values in rows, along the vertical axis from below.
 * @typedef {{values: Float64Array, width: number, height: number}} Plane
 */

/**
 * Voxels for places along one axis, as nbica's `grids.table` in Python.
 * @typedef {object} Table
 * @property {Int32Array} nearest voxel, or -1
 * @property {Int32Array} low voxel below
 * @property {Int32Array} high voxel above
 * @property {Float64Array} weight of the one above
 * @property {number[]} outside places whose nearest voxel is none
 * @property {number} length
 */

// Codes of a background above this are head and not air; as in render.py.
const HEAD = 25;

/**
 * The axes within a plane across an axis: horizontal, vertical.
 * @param {number} axis
 */
const otherAxes = (axis) => [0, 1, 2].filter((other) => other !== axis);
/** @param {number} t */
const clip01 = (t) => Math.min(Math.max(t, 0), 1);

/** @type {Map<string, Float64Array>} */
const scratchArrays = new Map();

/**
 * An array of at least this length for as long as one pane is drawn; what is in it is anything.
 * @param {string} name
 * @param {number} length
 */
function scratch(name, length) {
  let array = scratchArrays.get(name);
  if (!array || array.length < length) scratchArrays.set(name, (array = new Float64Array(length)));
  return array;
}

/**
 * What a cache holds under a key; made if it is not there.
 * @template K, V
 * @param {Map<K, V>} cache
 * @param {K} key
 * @param {() => V} make
 * @returns {V}
 */
function getOrMake(cache, key, make) {
  if (!cache.has(key)) cache.set(key, make());
  return /** @type {V} */ (cache.get(key));
}

// ---- places ------------------------------------------------------------------------------------

/**
 * As geometry.table; `outside` lists the places whose nearest voxel is none.
 * @param {Grid} volume
 * @param {number} axis
 * @param {ArrayLike<number>} mm
 * @returns {Table}
 */
function placeTable(volume, axis, mm) {
  const n = volume.shape[axis];
  const length = mm.length;
  const nearest = new Int32Array(length);
  const low = new Int32Array(length);
  const high = new Int32Array(length);
  const weight = new Float64Array(length);
  const outside = [];
  for (let i = 0; i < length; i++) {
    const u = (mm[i] - volume.origin[axis]) / volume.step[axis];
    const near = Math.floor(u + 0.5);
    const clipped = Math.min(Math.max(u, 0), n - 1);
    nearest[i] = near >= 0 && near < n ? near : -1;
    low[i] = Math.floor(clipped);
    high[i] = Math.min(low[i] + 1, n - 1);
    weight[i] = clipped - low[i];
    if (nearest[i] < 0) outside.push(i);
  }
  return { nearest, low, high, weight, outside, length };
}

/**
 * Centres of the pixels between two ends, in mm.
 * @param {number} low
 * @param {number} high
 * @param {number} step
 */
function pixelCentres(low, high, step) {
  const n = Math.floor((high - low) / step + 0.5);
  return Float64Array.from({ length: n }, (_, i) => low + (i + 0.5) * step);
}

// ---- planes of voxels --------------------------------------------------------------------------

/**
 * What a plane across an axis is made of: its extent, and the way from voxel to voxel.
 * @param {Grid} volume
 * @param {number} axis
 */
function layOutPlane(volume, axis) {
  const [nx, ny] = volume.shape;
  const strides = [1, nx, nx * ny];
  const [horizontal, vertical] = otherAxes(axis);
  return {
    width: volume.shape[horizontal],
    height: volume.shape[vertical],
    right: strides[horizontal],
    down: strides[vertical],
    deep: strides[axis],
  };
}

/**
 * Codes of a plane of voxels, as they are; rows along the vertical axis.
 * @param {Volume} volume
 * @param {ArrayLike<number>} codes by rank for maps, else by voxel
 * @param {number} axis
 * @param {number} index
 * @param {string} name of the array it is read into
 * @returns {Plane}
 */
function readPlane(volume, codes, axis, index, name) {
  const { width, height, right, down, deep } = layOutPlane(volume, axis);
  const values = scratch(name, width * height);
  const rank = volume.role === "maps" ? volume.rank : null;
  for (let v = 0, i = 0; v < height; v++) {
    let p = index * deep + v * down;
    if (rank) for (let h = 0; h < width; h++, i++, p += right) values[i] = codes[rank[p]];
    else for (let h = 0; h < width; h++, i++, p += right) values[i] = codes[p];
  }
  return { values, width, height };
}

/**
 * "No data" counts as 0 where it is interpolated.
 * @param {Volume} volume
 * @param {Plane} plane
 */
function withoutGaps(volume, plane) {
  const { values } = plane;
  const n = plane.width * plane.height;
  if (volume.role === "maps" && volume.gaps)
    for (let i = 0; i < n; i++) if (values[i] === NO_DATA) values[i] = 0;
  return plane;
}

/**
 * The plane at a depth: the nearest, or what lies between the two beside it.
 * @param {Volume} volume
 * @param {ArrayLike<number>} codes
 * @param {number} axis
 * @param {Table} across of the one depth
 * @param {boolean} linear
 * @returns {Plane}
 */
function planeBetween(volume, codes, axis, across, linear) {
  const read = (/** @type {number} */ index, /** @type {string} */ name) =>
    withoutGaps(volume, readPlane(volume, codes, axis, index, name));
  if (!linear) return read(across.nearest[0], "low");
  const plane = read(across.low[0], "low");
  const weight = across.weight[0];
  if (weight === 0) return plane; // at the centre of a voxel, where crosshairs mostly are
  const low = plane.values;
  const high = read(across.high[0], "high").values;
  const n = plane.width * plane.height;
  for (let i = 0; i < n; i++) low[i] += (high[i] - low[i]) * weight;
  return plane;
}

// ---- from voxels to pixels ---------------------------------------------------------------------

/**
 * Values of a plane at pixels.
 * @param {Float64Array} out
 * @param {Plane} plane
 * @param {Table} right
 * @param {Table} down
 * @param {boolean} linear
 */
function interpolate(out, plane, right, down, linear) {
  (linear ? fillBetween : fillNearest)(out, plane, right, down);
}

/**
 * Each pixel takes the nearest voxel.
 * @param {Float64Array} out
 * @param {Plane} plane
 * @param {Table} right
 * @param {Table} down
 */
function fillNearest(out, { values, width }, right, down) {
  for (let r = 0, i = 0; r < down.length; r++) {
    const near = down.nearest[r] * width;
    for (let c = 0; c < right.length; c++, i++) out[i] = values[near + right.nearest[c]];
  }
}

/**
 * Between the four voxels around each pixel.
 * @param {Float64Array} out
 * @param {Plane} plane
 * @param {Table} right
 * @param {Table} down
 */
function fillBetween(out, plane, right, down) {
  const columns = right.length;
  const rows = stretchedRows(plane, right);
  for (let r = 0, i = 0; r < down.length; r++) {
    const upper = rows(down.low[r]);
    const lower = rows(down.high[r]);
    const weight = down.weight[r];
    // Most of a map is 0, and so is what lies between two rows of it.
    if (!upper && !lower) {
      out.fill(0, i, (i += columns));
      continue;
    }
    const a = upper ?? rows.zeros;
    const b = lower ?? rows.zeros;
    for (let c = 0; c < columns; c++, i++) out[i] = a[c] + (b[c] - a[c]) * weight;
  }
}

/**
 * Rows of voxels as wide as pixels: each is made once, for all rows of pixels beside it. Two are
 * held, as a row of pixels lies between an even and an odd one. null: nothing in it but 0.
 * @param {Plane} plane
 * @param {Table} right
 */
function stretchedRows({ values, width }, right) {
  const columns = right.length;
  const held = [-1, -1];
  /** @type {(Float64Array | null)[]} */
  const found = [null, null];
  const both = [scratch("even", columns), scratch("odd", columns)];
  const rows = (/** @type {number} */ index) => {
    const slot = index & 1;
    if (held[slot] !== index) {
      held[slot] = index;
      found[slot] = isEmpty(values, index * width, width)
        ? null
        : stretch(both[slot], values, index * width, right);
    }
    return found[slot];
  };
  rows.zeros = scratch("zeros", columns).fill(0);
  return rows;
}

/**
 * @param {Float64Array} values
 * @param {number} from
 * @param {number} length
 */
function isEmpty(values, from, length) {
  for (let i = from; i < from + length; i++) if (values[i] !== 0) return false;
  return true;
}

/**
 * A row of voxels as wide as the pixels.
 * @param {Float64Array} out
 * @param {Float64Array} values
 * @param {number} from
 * @param {Table} right
 */
function stretch(out, values, from, { low, high, weight, length }) {
  for (let c = 0; c < length; c++) {
    const a = values[from + low[c]];
    out[c] = a + (values[from + high[c]] - a) * weight[c];
  }
  return out;
}

// ---- glass -------------------------------------------------------------------------------------

/**
 * How much head lies along each line of sight, as grey.
 * @param {Scene} scene
 * @param {number} axis
 * @param {number} brightest grey of the thickest part
 * @returns {Plane}
 */
function headThickness(scene, axis, brightest) {
  return getOrMake(scene.cache, `thickness ${axis}`, () => {
    const volume = /** @type {Grey} */ (scene.background);
    const total = alongAxis(
      volume,
      axis,
      (code, sum) => sum + (code > HEAD ? 1 : 0),
      (p) => volume.codes[p],
    );
    let most = 1;
    for (const count of total.values) most = Math.max(most, count);
    total.values.forEach((count, i) => {
      total.values[i] = count * (brightest / most);
    });
    return total;
  });
}

/**
 * The code of the largest absolute value along each line of sight; the first of equals.
 * @param {Maps} volume
 * @param {number} frame
 * @param {number} axis
 * @returns {Plane}
 */
function largestAlong(volume, frame, axis) {
  volume.glass =
    volume.glass && volume.glass.frame === frame ? volume.glass : { frame, cache: new Map() };
  return getOrMake(volume.glass.cache, axis, () => {
    const codes = codesOf(volume, frame);
    const larger = (/** @type {number} */ code, /** @type {number} */ best) =>
      code !== NO_DATA && Math.abs(code) > Math.abs(best) ? code : best;
    return alongAxis(volume, axis, larger, (p) => codes[volume.rank[p]]);
  });
}

/**
 * Fold all voxels along each line of sight.
 * @param {Grid} volume
 * @param {number} axis
 * @param {(code: number, sum: number) => number} fold
 * @param {(index: number) => number} read
 * @returns {Plane}
 */
function alongAxis(volume, axis, fold, read) {
  const { width, height, right, down, deep } = layOutPlane(volume, axis);
  const values = new Float64Array(width * height);
  for (let d = 0; d < volume.shape[axis]; d++) {
    for (let v = 0, i = 0; v < height; v++) {
      let p = d * deep + v * down;
      for (let h = 0; h < width; h++, i++, p += right) values[i] = fold(read(p), values[i]);
    }
  }
  return { values, width, height };
}
