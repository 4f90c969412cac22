// Values of maps at the vertices of the cortex: sampled from the volume that is there for the
// slices, so that another map costs no byte; or as they came with the vertices.

/**
 * Values of a map at the vertices, 0 where there are none: the mean over depths of the cortex, as
 * surfaces.sample_between. Maps seen last are kept.
 * @param {Mesh} mesh
 * @param {Maps} volume
 * @param {number} frame which map
 * @returns {Float32Array}
 */
function valuesAtVertices(mesh, volume, frame) {
  const known = mesh.sampled.find((one) => one.volume === volume && one.frame === frame);
  if (known) return known.values;
  const values = new Float32Array(mesh.n);
  const { vertices } = volume;
  const dense = vertices ? null : denseCodes(volume, frame);
  for (let v = 0; v < mesh.n; v++) {
    if (!mesh.isCortex[v]) continue;
    values[v] = dense
      ? meanOverDepths(mesh, volume, dense, 3 * v) * volume.scales[frame]
      : givenValue(mesh, vertices, frame, v);
  }
  mesh.sampled.unshift({ volume, frame, values });
  mesh.sampled.length = Math.min(mesh.sampled.length, 32);
  return values;
}

/**
 * A value that came with its vertex.
 * @param {Mesh} mesh
 * @param {any} vertices
 * @param {number} frame
 * @param {number} v
 */
function givenValue({ n, parents }, vertices, frame, v) {
  vertices.halves ??= ["left", "right"].map((name) =>
    unpackResiduals(vertices, name, parents, new Int8Array(vertices[`${name}_low`].length)));
  const half = n / 2;
  const { scales, halves } = vertices;
  return halves[v < half ? 0 : 1][scales.length * (v % half) + frame] * scales[frame];
}

/**
 * Codes of a map by voxel, x running fastest: a vertex asks for eighty of them.
 * @param {Maps} volume
 * @param {number} frame
 * @returns {Int8Array}
 */
function denseCodes(volume, frame) {
  const codes = codesOf(volume, frame);
  const voxels = (volume.voxels ??= voxelsInMask(volume));
  const dense = new Int8Array(volume.rank.length);
  for (let i = 0; i < volume.n; i++) dense[voxels[i]] = codes[i];
  return dense;
}

/**
 * @param {Mesh} mesh
 * @param {Maps} volume
 * @param {Int8Array} dense its codes
 * @param {number} i where the vertex's coordinates begin
 */
function meanOverDepths({ pial, white, step, depths }, volume, dense, i) {
  const { origin, step: side } = volume;
  const x = (pial[i] * step - origin[0]) / side[0];
  const y = (pial[i + 1] * step - origin[1]) / side[1];
  const z = (pial[i + 2] * step - origin[2]) / side[2];
  const dx = ((white[i] - pial[i]) * step) / side[0];
  const dy = ((white[i + 1] - pial[i + 1]) * step) / side[1];
  const dz = ((white[i + 2] - pial[i + 2]) * step) / side[2];
  let total = 0;
  let count = 0;
  for (let d = 0; d < depths; d++) {
    const part = d / (depths - 1);
    const code = codeBetween(volume, dense, x + part * dx, y + part * dy, z + part * dz);
    if (code !== code) continue;
    total += code;
    count += 1;
  }
  return count ? total / count : 0;
}

/**
 * The code at a place between voxels; NaN outside and where the nearest voxel has no data.
 * @param {Maps} volume
 * @param {Int8Array} dense its codes
 * @param {number} x in voxels, as y and z
 * @param {number} y
 * @param {number} z
 */
function codeBetween({ shape, gaps }, dense, x, y, z) {
  const nx = shape[0];
  const ny = shape[1];
  const nz = shape[2];
  if (!(x >= -0.5 && y >= -0.5 && z >= -0.5)) return NaN;
  if (!(x < nx - 0.5 && y < ny - 0.5 && z < nz - 0.5)) return NaN;
  // From 0 on, a whole number of 32 bits is the number rounded down.
  if (gaps && dense[((x + 0.5) | 0) + nx * (((y + 0.5) | 0) + ny * ((z + 0.5) | 0))] === NO_DATA)
    return NaN;
  const [i, j, k] = [Math.max(x, 0) | 0, Math.max(y, 0) | 0, Math.max(z, 0) | 0];
  const tx = i + 1 < nx ? Math.max(x - i, 0) : 0;
  const ty = j + 1 < ny ? Math.max(y - j, 0) : 0;
  const tz = k + 1 < nz ? Math.max(z - k, 0) : 0;
  // Beyond the last voxel nothing is read: its weight is 0, and it is itself again.
  const right = tx ? 1 : 0;
  const back = ty ? nx : 0;
  const up = tz ? nx * ny : 0;
  const p = i + nx * (j + ny * k);
  const q = p + up;
  const low = codeAlong(dense, p, right, tx, gaps);
  const lower = low + (codeAlong(dense, p + back, right, tx, gaps) - low) * ty;
  if (!up) return lower;
  const high = codeAlong(dense, q, right, tx, gaps);
  return lower + (high + (codeAlong(dense, q + back, right, tx, gaps) - high) * ty - lower) * tz;
}

/**
 * @param {Int8Array} dense
 * @param {number} p a voxel
 * @param {number} right to the next one
 * @param {number} part of the way there
 * @param {boolean} gaps "no data" counts as 0
 */
function codeAlong(dense, p, right, part, gaps) {
  const low = dense[p];
  const high = dense[p + right];
  if (gaps && (low === NO_DATA || high === NO_DATA)) {
    const [a, b] = [low === NO_DATA ? 0 : low, high === NO_DATA ? 0 : high];
    return a + (b - a) * part;
  }
  return low + (high - low) * part;
}
