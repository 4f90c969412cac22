// Slices as pixels: the same steps in the same order as render.py, which is the oracle. Change one
// only with the other; tests/browser compares them pixel by pixel.

const BRIGHTEST = 204;
const GLASS = 110;
const BLACK = 0xff000000;  // opaque: alpha is last in memory

// A plate is what a pane keeps from frame to frame, so that a change costs what it changes: the
// places of its pixels, the background's picture, the codes of each layer.
function makePlate(scene, axis, step) {
  return { scene, axis, step, picture: "", radiological: null, ground: { of: "" }, layers: new Map() };
}

// One slice, as ImageData; null if it would be the same as before.
function paint(plate, look, mm) {
  const depth = look.glass ? null : mm;  // through all of the head there is no depth
  const picture = JSON.stringify([depth, look.window, look.radiological, look.linear, look.outlines, look.glass,
    look.layers.map((layer) => ({ ...layer, volume: plate.scene.volumes.indexOf(layer.volume) }))]);
  if (picture === plate.picture) return null;
  plate.picture = picture;
  if (plate.radiological !== look.radiological) layOutPixels(plate, look.radiological);
  plate.pixels.set(groundOf(plate, look, depth));
  for (const layer of look.layers) paintMap(plate, layer, look, depth);
  if (look.outlines && !look.glass) for (const volume of plate.scene.regions) paintOutlines(plate, volume, depth);
  return plate.image;
}

function layOutPixels(plate, radiological) {
  const { scene, axis, step } = plate, [horizontal, vertical] = others(axis);
  const right = pixelCentres(...scene.bounds[horizontal], step);
  const down = pixelCentres(...scene.bounds[vertical], step).reverse();
  if (radiological && horizontal === 0) right.reverse();
  const image = new ImageData(right.length, down.length), pixels = new Uint32Array(image.data.buffer);
  const tables = new Map(scene.volumes.filter(({ shape }) => shape).map((volume) =>
    [volume, [table(volume, horizontal, right), table(volume, vertical, down)]]));
  Object.assign(plate, { radiological, image, pixels, tables, ground: { of: "" }, layers: new Map() });
}

// ---- background --------------------------------------------------------------------------------

function groundOf(plate, look, depth) {
  const { ground } = plate, of = JSON.stringify([depth, look.window, look.linear, look.glass]);
  if (ground.of !== of) {
    ground.of = of;
    ground.pixels = (ground.pixels ?? new Uint32Array(plate.pixels.length)).fill(BLACK);
    if (plate.scene.background) paintGrey(ground.pixels, plate, look, depth);
  }
  return ground.pixels;
}

function paintGrey(pixels, plate, look, depth) {
  const { background } = plate.scene, codes = scratch("grey", pixels.length);
  if (!fillCodes(codes, plate, background, background.codes, look, depth)) return;
  const [low, high] = look.window.map((value) => (value - background.low) / background.quantum + 1);
  for (let i = 0; i < pixels.length; i++) {
    const code = codes[i];
    if (code !== code) continue;
    const grey = look.glass ? Math.floor(code + 0.5) : Math.floor(clip01((code - low) / (high - low)) * BRIGHTEST + 0.5);
    pixels[i] = BLACK | (grey << 16) | (grey << 8) | grey;
  }
}

// ---- maps --------------------------------------------------------------------------------------

function paintMap(plate, layer, look, depth) {
  const { volume, threshold, vmax, opacity } = layer;
  const codes = codesAt(plate, layer, look, depth);
  if (!codes) return;
  const { pixels, scene } = plate, scale = volume.scales[layer.frame], lowest = lowestOf(scene, layer);
  const lut = scene.luts[layer.colormap], colors = opacity === 1 ? solidColors(scene, layer.colormap) : null;
  for (let i = 0; i < pixels.length; i++) {
    const value = codes[i] * scale;
    if (value === 0 || !(Math.abs(value) >= threshold)) continue;
    const index = Math.floor(clip01((value - lowest) / (vmax - lowest)) * 255 + 0.5);
    pixels[i] = colors ? colors[index] : blend(pixels[i], lut, 3 * index, opacity);
  }
}

// Codes of a layer at the pixels, NaN where there is none; null if the slice lies outside of it.
function codesAt(plate, { volume, frame }, look, depth) {
  const kept = cached(plate.layers, volume, () => ({ of: "", codes: new Float64Array(plate.pixels.length) }));
  const of = JSON.stringify([frame, depth, look.linear, look.glass]);
  if (kept.of !== of) {
    kept.of = of;
    kept.inside = fillCodes(kept.codes, plate, volume, codesOf(volume, frame), look, depth, frame);
  }
  return kept.inside ? kept.codes : null;
}

function fillCodes(out, plate, volume, codes, look, depth, frame) {
  const { axis } = plate, [right, down] = plate.tables.get(volume);
  const across = look.glass ? null : table(volume, axis, [depth]);
  if (across && across.nearest[0] < 0) return false;
  const through = () => (volume.rank ? largestAlong(volume, frame, axis) : thickness(plate.scene, axis, GLASS));
  interpolate(out, across ? planeBetween(volume, codes, axis, across, look.linear) : through(), right, down, look.linear);
  if (across && volume.gaps) cutGaps(out, readPlane(volume, codes, axis, across.nearest[0], "low"), right, down);
  cutOutside(out, right, down);
  return true;
}

function cutGaps(out, { values, width }, right, down) {
  for (let r = 0, i = 0; r < down.length; r++) {
    const near = down.nearest[r] * width;
    for (let c = 0; c < right.length; c++, i++) if (values[near + right.nearest[c]] === NO_DATA) out[i] = NaN;
  }
}

function cutOutside(out, right, down) {
  for (const r of down.outside) out.fill(NaN, r * right.length, (r + 1) * right.length);
  for (const c of right.outside) for (let r = 0; r < down.length; r++) out[r * right.length + c] = NaN;
}

// The value at the low end of the colours: symmetric wherever there are two signs.
function lowestOf(scene, { volume, colormap, vmax }) {
  return volume.signed || scene.diverging.includes(colormap) ? -vmax : 0;
}

function solidColors(scene, colormap) {
  return cached(scene.cache, `colors ${colormap}`, () => {
    const lut = scene.luts[colormap];
    return Uint32Array.from({ length: 256 }, (_, i) => rgb(lut[3 * i], lut[3 * i + 1], lut[3 * i + 2]));
  });
}

const rgb = (red, green, blue) => (BLACK | (blue << 16) | (green << 8) | red) >>> 0;

function blend(under, lut, at, opacity) {
  const mix = (below, above) => Math.floor(below * (1 - opacity) + above * opacity + 0.5);
  return rgb(mix(under & 255, lut[at]), mix((under >> 8) & 255, lut[at + 1]), mix((under >> 16) & 255, lut[at + 2]));
}

// ---- outlines ----------------------------------------------------------------------------------

function paintOutlines(plate, volume, depth) {
  const across = table(volume, plate.axis, [depth]), [right, down] = plate.tables.get(volume);
  if (across.nearest[0] < 0) return;
  const { values, width } = readPlane(volume, volume.codes, plate.axis, across.nearest[0], "low");
  const columns = right.length, rows = down.length;
  const at = (r, c) => (down.nearest[r] < 0 || right.nearest[c] < 0 ? 0 : values[down.nearest[r] * width + right.nearest[c]]);
  for (let r = 0, i = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++, i++) {
      const own = at(r, c);
      const beside = c + 1 < columns ? at(r, c + 1) : own;
      const below = r + 1 < rows ? at(r + 1, c) : own;
      if (own === beside && own === below) continue;
      plate.pixels[i] = rgb(...plate.scene.outlines[(Math.max(own, beside, below) - 1) % plate.scene.outlines.length]);
    }
  }
}
