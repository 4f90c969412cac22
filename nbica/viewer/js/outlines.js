// Where a lightbox is cut, and outlines of regions: the same steps as in render.py.

// ---- lightbox ----------------------------------------------------------------------------------

/**
 * Where the slices of a lightbox are cut, in mm: evenly between the ends of what is shown of a map,
 * a hundredth of it left out at each; in all of the box where nothing is shown.
 * @param {Layer} layer
 * @param {number[]} bounds of the box along the axis
 * @param {number} axis
 * @param {number} n how many
 */
function lightboxCuts(layer, bounds, axis, n) {
  const [low, high] = extentOfShown(layer, axis) ?? bounds;
  return Array.from({ length: n }, (_, i) => low + (high - low) * ((i + 0.5) / n));
}

/**
 * @param {Layer} layer
 * @param {number} axis
 * @returns {number[] | null} the outer faces of its first and last plane, in mm
 */
function extentOfShown({ volume, frame, threshold }, axis) {
  const counts = countShown(volume, frame, threshold, axis);
  const least = counts.reduce((a, b) => a + b, 0) / 100;
  if (!least) return null;
  const first = firstBeyond(counts, least);
  const last = counts.length - 1 - firstBeyond([...counts].reverse(), least);
  return [first - 0.5, last + 0.5].map((i) => volume.origin[axis] + volume.step[axis] * i);
}

/**
 * How many voxels of each plane across an axis are shown.
 * @param {Maps} volume
 * @param {number} frame
 * @param {number} threshold
 * @param {number} axis
 */
function countShown(volume, frame, threshold, axis) {
  const codes = codesOf(volume, frame);
  const scale = volume.scales[frame];
  const voxels = (volume.voxels ??= voxelsInMask(volume));
  const [nx, ny, nz] = volume.shape;
  const [size, n] = [[1, nx], [nx, ny], [nx * ny, nz]][axis];
  const counts = new Array(n).fill(0);
  for (let i = 0; i < volume.n; i++) {
    if (codes[i] === NO_DATA || codes[i] === 0 || Math.abs(codes[i] * scale) < threshold) continue;
    counts[Math.floor(voxels[i] / size) % n] += 1;
  }
  return counts;
}

/**
 * The first place by which the sum is larger than a number.
 * @param {number[]} counts
 * @param {number} least
 */
function firstBeyond(counts, least) {
  let sum = 0;
  return counts.findIndex((count) => (sum += count) > least);
}

// ---- outlines ----------------------------------------------------------------------------------

/**
 * Where neighbours belong to different regions, in colors that the map has not.
 * @param {Plate} plate
 * @param {Labels} volume
 * @param {Look} look
 * @param {number} depth
 */
function paintOutlines(plate, volume, look, depth) {
  const across = placeTable(volume, plate.axis, [depth]);
  const [right, down] = tablesOf(plate, volume);
  if (across.nearest[0] < 0) return;
  const codes = scratch("regions", plate.pixels.length);
  const plane = readPlane(volume, volume.codes, plate.axis, across.nearest[0], "low");
  if (look.linear) fillLikeliest(codes, plane, right, down);
  else fillNearest(codes, plane, right, down);
  cutOutside(codes, right, down);
  const { colormap } = look.layers[0];
  const columns = right.length;
  for (let r = 0, i = 0; r < down.length; r++) {
    for (let c = 0; c < columns; c++, i++) {
      const own = codes[i] || 0;
      const beside = c + 1 < columns ? codes[i + 1] || 0 : own;
      const below = r + 1 < down.length ? codes[i + columns] || 0 : own;
      if (own === beside && own === below) continue;
      // An outline takes the color of its region; where two meet, of the higher.
      const code = Math.max(own, beside, below);
      plate.pixels[i] = packRgb(...outlineColor(plate.scene, colormap, code));
    }
  }
}

/**
 * Each pixel takes the region that has most of it, of the nine voxels around, weighted by a smooth
 * bump (the quadratic B-spline): the steps of single voxels go, as in `render.py`.
 * @param {Float64Array} out
 * @param {Plane} plane
 * @param {Table} right
 * @param {Table} down
 */
function fillLikeliest(out, { values, width, height }, right, down) {
  const across = bumps(right);
  const codes = new Float64Array(9);
  const weights = new Float64Array(9);
  const below = bumps(down);
  for (let r = 0, i = 0; r < down.length; r++) {
    const row = clamp(down.nearest[r], 0, height - 1);
    for (let c = 0; c < right.length; c++, i++) {
      const column = clamp(right.nearest[c], 0, width - 1);
      let same = true;
      for (let v = -1, at = 0; v <= 1; v++) {
        const from = clamp(row + v, 0, height - 1) * width;
        for (let h = -1; h <= 1; h++, at++) {
          codes[at] = values[from + clamp(column + h, 0, width - 1)];
          weights[at] = below[3 * r + v + 1] * across[3 * c + h + 1];
          same = same && codes[at] === codes[0];
        }
      }
      out[i] = same ? codes[0] : likeliest(codes, weights);
    }
  }
}

/**
 * Three weights for each place: of the voxel before the nearest, the nearest, the one after.
 * @param {Table} table
 */
function bumps({ nearest, low, weight, length }) {
  const found = new Float64Array(3 * length);
  for (let i = 0; i < length; i++) {
    const t = low[i] - nearest[i] + weight[i];
    found[3 * i] = ((0.5 - t) * (0.5 - t)) / 2;
    found[3 * i + 1] = 0.75 - t * t;
    found[3 * i + 2] = ((0.5 + t) * (0.5 + t)) / 2;
  }
  return found;
}

/**
 * The code with the largest sum of weights; the first of equals.
 * @param {Float64Array} codes
 * @param {Float64Array} weights
 */
function likeliest(codes, weights) {
  let best = -1;
  let found = 0;
  for (let k = 0; k < codes.length; k++) {
    let sum = 0;
    for (let i = 0; i < codes.length; i++) if (codes[i] === codes[k]) sum += weights[i];
    if (sum > best) [best, found] = [sum, codes[k]];
  }
  return found;
}
