// Codes at a pane's pixels: planes of voxels, read and interpolated, by the same steps in the same
// order as render.py. A frame is some milliseconds of this; its arrays serve the next one again, as
// megabytes thrown away sixty times a second would have the collector stop the page.

const HEAD = 25;

const others = (axis) => [0, 1, 2].filter((other) => other !== axis);
const clip01 = (t) => Math.min(Math.max(t, 0), 1);

// An array of at least this length for as long as one pane is drawn; what is in it is anything.
const spare = new Map();

function scratch(name, length) {
  if (!(spare.get(name)?.length >= length)) spare.set(name, new Float64Array(length));
  return spare.get(name);
}

function cached(cache, key, make) {
  if (!cache.has(key)) cache.set(key, make());
  return cache.get(key);
}

// ---- places ------------------------------------------------------------------------------------

// As geometry.table; `outside` lists the places whose nearest voxel is none.
function table(volume, axis, mm) {
  const n = volume.shape[axis], length = mm.length;
  const nearest = new Int32Array(length), low = new Int32Array(length);
  const high = new Int32Array(length), weight = new Float64Array(length), outside = [];
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

function pixelCentres(low, high, step) {
  const n = Math.floor((high - low) / step + 0.5);
  return Float64Array.from({ length: n }, (_, i) => low + (i + 0.5) * step);
}

function lightboxCuts(bounds, axis, n) {
  const [low, high] = bounds[axis];
  return Array.from({ length: n }, (_, i) => low + (0.1 + 0.8 * ((i + 0.5) / n)) * (high - low));
}

// ---- planes of voxels --------------------------------------------------------------------------

// What a plane across an axis is made of: its extent, and the way from voxel to voxel.
function layOutPlane(volume, axis) {
  const [nx, ny] = volume.shape, strides = [1, nx, nx * ny];
  const [horizontal, vertical] = others(axis);
  return {
    width: volume.shape[horizontal], height: volume.shape[vertical],
    right: strides[horizontal], down: strides[vertical], deep: strides[axis],
  };
}

// Codes of a plane of voxels, as they are; rows along the vertical axis.
function readPlane(volume, codes, axis, index, name) {
  const { width, height, right, down, deep } = layOutPlane(volume, axis);
  const values = scratch(name, width * height), { rank } = volume;
  for (let v = 0, i = 0; v < height; v++) {
    let p = index * deep + v * down;
    if (rank) for (let h = 0; h < width; h++, i++, p += right) values[i] = codes[rank[p]];
    else for (let h = 0; h < width; h++, i++, p += right) values[i] = codes[p];
  }
  return { values, width, height };
}

function withoutGaps(volume, plane) {
  const { values } = plane, n = plane.width * plane.height;
  if (volume.gaps) for (let i = 0; i < n; i++) if (values[i] === NO_DATA) values[i] = 0;
  return plane;
}

// The plane at a depth: the nearest, or what lies between the two beside it.
function planeBetween(volume, codes, axis, across, linear) {
  const read = (index, name) => withoutGaps(volume, readPlane(volume, codes, axis, index, name));
  if (!linear) return read(across.nearest[0], "low");
  const plane = read(across.low[0], "low"), weight = across.weight[0];
  if (weight === 0) return plane;  // at the centre of a voxel, where crosshairs mostly are
  const low = plane.values, high = read(across.high[0], "high").values, n = plane.width * plane.height;
  for (let i = 0; i < n; i++) low[i] += (high[i] - low[i]) * weight;
  return plane;
}

// ---- from voxels to pixels ---------------------------------------------------------------------

function interpolate(out, plane, right, down, linear) {
  (linear ? fillBetween : fillNearest)(out, plane, right, down);
}

function fillNearest(out, { values, width }, right, down) {
  for (let r = 0, i = 0; r < down.length; r++) {
    const near = down.nearest[r] * width;
    for (let c = 0; c < right.length; c++, i++) out[i] = values[near + right.nearest[c]];
  }
}

function fillBetween(out, plane, right, down) {
  const columns = right.length, rows = stretchedRows(plane, right);
  for (let r = 0, i = 0; r < down.length; r++) {
    const upper = rows(down.low[r]), lower = rows(down.high[r]), weight = down.weight[r];
    // Most of a map is 0, and so is what lies between two rows of it.
    if (!upper && !lower) { out.fill(0, i, i += columns); continue; }
    const a = upper ?? rows.zeros, b = lower ?? rows.zeros;
    for (let c = 0; c < columns; c++, i++) out[i] = a[c] + (b[c] - a[c]) * weight;
  }
}

// Rows of voxels as wide as pixels: each is made once, for all rows of pixels beside it. Two are
// held, as a row of pixels lies between an even and an odd one. null: nothing in it but 0.
function stretchedRows({ values, width }, right) {
  const columns = right.length, held = [-1, -1], found = [null, null];
  const both = [scratch("even", columns), scratch("odd", columns)];
  const rows = (index) => {
    const slot = index & 1;
    if (held[slot] !== index) {
      held[slot] = index;
      found[slot] = isEmpty(values, index * width, width) ? null : stretch(both[slot], values, index * width, right);
    }
    return found[slot];
  };
  rows.zeros = scratch("zeros", columns).fill(0);
  return rows;
}

function isEmpty(values, from, length) {
  for (let i = from; i < from + length; i++) if (values[i] !== 0) return false;
  return true;
}

function stretch(out, values, from, { low, high, weight, length }) {
  for (let c = 0; c < length; c++) {
    const a = values[from + low[c]];
    out[c] = a + (values[from + high[c]] - a) * weight[c];
  }
  return out;
}

// ---- glass -------------------------------------------------------------------------------------

// How much head lies along each line of sight, as grey.
function thickness(scene, axis, brightest) {
  return cached(scene.cache, `thickness ${axis}`, () => {
    const volume = scene.background;
    const total = alongAxis(volume, axis, (code, sum) => sum + (code > HEAD ? 1 : 0), (p) => volume.codes[p]);
    let most = 1;
    for (const count of total.values) most = Math.max(most, count);
    total.values.forEach((count, i) => { total.values[i] = count * (brightest / most); });
    return total;
  });
}

// The code of the largest absolute value along each line of sight; the first of equals.
function largestAlong(volume, frame, axis) {
  volume.glass = volume.glass && volume.glass.frame === frame ? volume.glass : { frame, cache: new Map() };
  return cached(volume.glass.cache, axis, () => {
    const codes = codesOf(volume, frame);
    const larger = (code, best) => (code !== NO_DATA && Math.abs(code) > Math.abs(best) ? code : best);
    return alongAxis(volume, axis, larger, (p) => codes[volume.rank[p]]);
  });
}

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
