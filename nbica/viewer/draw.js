// Slices as pixels: the same steps in the same order as render.py, which is the oracle. Change one
// only with the other; tests/browser compares them pixel by pixel.

const BRIGHTEST = 204;
const GLASS = 110;
const HEAD = 25;

const others = (axis) => [0, 1, 2].filter((other) => other !== axis);
const clip01 = (t) => Math.min(Math.max(t, 0), 1);

function table(volume, axis, mm) {
  const n = volume.shape[axis], length = mm.length;
  const nearest = new Int32Array(length), low = new Int32Array(length);
  const high = new Int32Array(length), weight = new Float64Array(length);
  for (let i = 0; i < length; i++) {
    const u = (mm[i] - volume.origin[axis]) / volume.step[axis];
    const near = Math.floor(u + 0.5);
    const clipped = Math.min(Math.max(u, 0), n - 1);
    nearest[i] = near >= 0 && near < n ? near : -1;
    low[i] = Math.floor(clipped);
    high[i] = Math.min(low[i] + 1, n - 1);
    weight[i] = clipped - low[i];
  }
  return { nearest, low, high, weight };
}

function pixelCentres(low, high, step) {
  const n = Math.floor((high - low) / step + 0.5);
  return Float64Array.from({ length: n }, (_, i) => low + (i + 0.5) * step);
}

function lightboxCuts(bounds, axis, n) {
  const [low, high] = bounds[axis];
  return Array.from({ length: n }, (_, i) => low + (0.1 + 0.8 * ((i + 0.5) / n)) * (high - low));
}

// Centres of a pane's pixels in mm: across, right and down.
function placesOf(scene, look, axis, mm, step) {
  const [horizontal, vertical] = others(axis);
  const right = pixelCentres(...scene.bounds[horizontal], step);
  const down = pixelCentres(...scene.bounds[vertical], step).reverse();
  if (look.radiological && horizontal === 0) right.reverse();
  return { axis, depth: mm, right, down };
}

function tablesOf(places, volume) {
  const [horizontal, vertical] = others(places.axis);
  return [
    table(volume, places.axis, [places.depth]),
    table(volume, horizontal, places.right),
    table(volume, vertical, places.down),
  ];
}

// One slice, as ImageData.
function drawPane(scene, look, axis, mm, step) {
  const places = placesOf(scene, look, axis, mm, step);
  const image = new ImageData(places.right.length, places.down.length);
  new Uint32Array(image.data.buffer).fill(0xff000000);  // opaque black, alpha last in memory
  if (scene.background) paintGrey(image, scene, look, places);
  for (const layer of look.layers) paintMap(image, scene, layer, look, places);
  if (look.outlines && !look.glass) for (const volume of scene.regions) paintOutlines(image, scene, volume, places);
  return image;
}

function paintGrey(image, scene, look, places) {
  const volume = scene.background, data = image.data;
  const [across, right, down] = tablesOf(places, volume);
  if (!look.glass && across.nearest[0] < 0) return;
  const codes = look.glass
    ? interpolate(thickness(scene, places.axis), right, down, look.linear)
    : interpolate(planeBetween(volume, volume.codes, places.axis, across, look.linear), right, down, look.linear);
  const [low, high] = look.window.map((value) => (value - volume.low) / volume.quantum + 1);
  const columns = places.right.length;
  for (let r = 0, i = 0; r < places.down.length; r++) {
    if (down.nearest[r] < 0) { i += columns; continue; }
    for (let c = 0; c < columns; c++, i++) {
      if (right.nearest[c] < 0) continue;
      const grey = look.glass
        ? Math.floor(codes[i] + 0.5)
        : Math.floor(clip01((codes[i] - low) / (high - low)) * BRIGHTEST + 0.5);
      data[4 * i] = data[4 * i + 1] = data[4 * i + 2] = grey;
    }
  }
}

function paintMap(image, scene, layer, look, places) {
  const { volume, frame, threshold, vmax, opacity } = layer;
  const [across, right, down] = tablesOf(places, volume);
  if (!look.glass && across.nearest[0] < 0) return;
  const dense = codesOf(volume, frame);
  const plane = look.glass
    ? largestAlong(volume, frame, places.axis)
    : planeBetween(volume, dense, places.axis, across, look.linear);
  const codes = interpolate(plane, right, down, look.linear);
  const gaps = !look.glass && volume.gaps ? rawPlane(volume, dense, places.axis, across.nearest[0]) : null;
  const scale = volume.scales[frame], lut = scene.luts[layer.colormap];
  const lowest = lowestOf(scene, layer);
  const columns = places.right.length, data = image.data;
  for (let r = 0, i = 0; r < places.down.length; r++) {
    if (down.nearest[r] < 0) { i += columns; continue; }
    for (let c = 0; c < columns; c++, i++) {
      const value = codes[i] * scale;
      if (right.nearest[c] < 0 || value === 0 || !(Math.abs(value) >= threshold)) continue;
      if (gaps && gaps.values[down.nearest[r] * gaps.width + right.nearest[c]] === NO_DATA) continue;
      const index = 3 * Math.floor(clip01((value - lowest) / (vmax - lowest)) * 255 + 0.5);
      for (let rgb = 0; rgb < 3; rgb++) {
        const p = 4 * i + rgb;
        data[p] = Math.floor(data[p] * (1 - opacity) + lut[index + rgb] * opacity + 0.5);
      }
    }
  }
}

// The value at the low end of the colours: symmetric wherever there are two signs.
function lowestOf(scene, { volume, colormap, vmax }) {
  return volume.signed || scene.diverging.includes(colormap) ? -vmax : 0;
}

function paintOutlines(image, scene, volume, places) {
  const [across, right, down] = tablesOf(places, volume);
  if (across.nearest[0] < 0) return;
  const plane = rawPlane(volume, volume.codes, places.axis, across.nearest[0]);
  const columns = places.right.length, rows = places.down.length, data = image.data;
  const at = (r, c) =>
    down.nearest[r] < 0 || right.nearest[c] < 0 ? 0 : plane.values[down.nearest[r] * plane.width + right.nearest[c]];
  for (let r = 0, i = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++, i++) {
      const own = at(r, c);
      const beside = c + 1 < columns ? at(r, c + 1) : own;
      const below = r + 1 < rows ? at(r + 1, c) : own;
      if (own === beside && own === below) continue;
      const color = scene.outlines[(Math.max(own, beside, below) - 1) % scene.outlines.length];
      data[4 * i] = color[0], data[4 * i + 1] = color[1], data[4 * i + 2] = color[2];
    }
  }
}

// ---- planes of voxels --------------------------------------------------------------------------

// Codes of a plane of voxels, as they are; rows along the vertical axis.
function rawPlane(volume, codes, axis, index) {
  const [nx, ny] = volume.shape, strides = [1, nx, nx * ny];
  const [horizontal, vertical] = others(axis);
  const width = volume.shape[horizontal], height = volume.shape[vertical];
  const values = new Float64Array(width * height), { rank } = volume;
  for (let v = 0, i = 0; v < height; v++) {
    let p = index * strides[axis] + v * strides[vertical];
    for (let h = 0; h < width; h++, i++, p += strides[horizontal]) {
      values[i] = rank ? codes[rank[p]] : codes[p];
    }
  }
  return { values, width };
}

function withoutGaps(volume, plane) {
  if (volume.gaps) plane.values.forEach((code, i) => { if (code === NO_DATA) plane.values[i] = 0; });
  return plane;
}

// The plane at a depth: the nearest, or what lies between the two beside it.
function planeBetween(volume, codes, axis, across, linear) {
  const read = (index) => withoutGaps(volume, rawPlane(volume, codes, axis, index));
  if (!linear) return read(across.nearest[0]);
  const low = read(across.low[0]), weight = across.weight[0];
  if (weight === 0) return low;  // at the centre of a voxel, where crosshairs mostly are
  const high = read(across.high[0]).values;
  for (let i = 0; i < high.length; i++) low.values[i] += (high[i] - low.values[i]) * weight;
  return low;
}

function interpolate(plane, right, down, linear) {
  const out = new Float64Array(right.weight.length * down.weight.length);
  (linear ? fillBetween : fillNearest)(out, plane, right, down);
  return out;
}

function fillNearest(out, { values, width }, right, down) {
  const columns = right.nearest.length;
  for (let r = 0, i = 0; r < down.nearest.length; r++) {
    const near = down.nearest[r] * width;
    for (let c = 0; c < columns; c++, i++) out[i] = values[near + right.nearest[c]];
  }
}

function fillBetween(out, { values, width }, right, down) {
  const columns = right.low.length;
  const filled = filledRows(values, width);
  for (let r = 0, i = 0; r < down.low.length; r++) {
    // Most of a map is 0, and so is what lies between two rows of it.
    if (!filled[down.low[r]] && !filled[down.high[r]]) { i += columns; continue; }
    const low = down.low[r] * width, high = down.high[r] * width, v = down.weight[r];
    for (let c = 0; c < columns; c++, i++) {
      const a = right.low[c], b = right.high[c], w = right.weight[c];
      const upper = values[low + a] + (values[low + b] - values[low + a]) * w;
      const lower = values[high + a] + (values[high + b] - values[high + a]) * w;
      out[i] = upper + (lower - upper) * v;
    }
  }
}

function filledRows(values, width) {
  const filled = new Uint8Array(values.length / width);
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) filled[(i / width) | 0] = 1;
  return filled;
}

// ---- glass -------------------------------------------------------------------------------------

function cached(cache, key, make) {
  if (!cache.has(key)) cache.set(key, make());
  return cache.get(key);
}

// How much head lies along each line of sight.
function thickness(scene, axis) {
  return cached(scene.cache, `thickness ${axis}`, () => {
    const volume = scene.background;
    const total = alongAxis(volume, axis, (code, sum) => sum + (code > HEAD ? 1 : 0), (p) => volume.codes[p]);
    let most = 1;
    for (const count of total.values) most = Math.max(most, count);
    total.values.forEach((count, i) => { total.values[i] = count * (GLASS / most); });
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
  const [nx, ny] = volume.shape, strides = [1, nx, nx * ny];
  const [horizontal, vertical] = others(axis);
  const width = volume.shape[horizontal], height = volume.shape[vertical];
  const values = new Float64Array(width * height);
  for (let d = 0; d < volume.shape[axis]; d++) {
    for (let v = 0, i = 0; v < height; v++) {
      let p = d * strides[axis] + v * strides[vertical];
      for (let h = 0; h < width; h++, i++, p += strides[horizontal]) values[i] = fold(read(p), values[i]);
    }
  }
  return { values, width };
}
