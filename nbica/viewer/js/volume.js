// Bytes to volumes: what payload.py packed, unpacked. A map's codes are decoded when it is first
// looked at, so that the first picture does not wait for the others.

/**
 * Voxels along the world's axes, x running fastest.
 * @typedef {object} Grid
 * @property {number[]} shape voxels along x, y and z
 * @property {number[]} origin centre of the first voxel, in mm
 * @property {number[]} step a voxel's sides, in mm
 */

/**
 * A background: code 0 says no data, 1 to 255 are `low` to `low + 254 * quantum`.
 * @typedef {object} GreyOnly
 * @property {"grey"} role
 * @property {string} name
 * @property {Uint8Array} codes by voxel
 * @property {number} low
 * @property {number} quantum
 * @property {number[]} window values that are drawn black and white
 * @property {number[][]} toVoxel from mm to voxels of the image's own file, 3 rows of 4
 * @typedef {Grid & GreyOnly} Grey
 */

/**
 * Maps on one grid: values are codes times the map's scale; 0 outside of the mask.
 * @typedef {object} MapsOnly
 * @property {"maps"} role
 * @property {string} name
 * @property {number[]} scales one per map
 * @property {number[]} peaks largest absolute values, one per map
 * @property {boolean} signed
 * @property {string} unit "z", or "" for what the image is in
 * @property {boolean} gaps some codes say "no data"
 * @property {number[][]} toVoxel as a background's
 * @property {Uint8Array} mask a bit per voxel
 * @property {Int8Array} residuals what codesOf decodes
 * @property {Float32Array} [baseline] of a series: its mean over time, by rank
 * @property {number} n voxels in the mask
 * @property {Int32Array} rank each voxel's place among those in the mask; n where it is outside
 * @property {Int32Array} padded places of the mask's voxels on a grid with a border
 * @property {(Int8Array | null)[]} frames codes of the maps that were decoded
 * @property {Int32Array} [voxels] index of each voxel in the mask
 * @property {{frame: number, cache: Map<number, Plane>}} [glass] of the map seen through last
 * @property {any} [vertices] values on the cortex, if they are not those of the voxels
 * @typedef {Grid & MapsOnly} Maps
 */

/**
 * Regions: 0 is outside of all.
 * @typedef {object} LabelsOnly
 * @property {"labels"} role
 * @property {string} name
 * @property {Uint8Array | Uint16Array} codes by voxel
 * @property {Record<number, string>} regions names by code
 * @typedef {Grid & LabelsOnly} Labels
 * @typedef {Grey | Maps | Labels} Volume
 */

/**
 * What there is to show: the header of a payload, its volumes sorted by what they are for.
 * @typedef {object} Scene
 * @property {Volume[]} volumes
 * @property {Maps} maps to look through
 * @property {Maps[]} overlays single maps above them
 * @property {Maps | null} partner maps of another decomposition, as many
 * @property {Grey | null} background
 * @property {Labels[]} regions
 * @property {[number, number][]} bounds the box to show: low and high of each axis, in mm
 * @property {number} step a pixel's side, in mm
 * @property {Record<string, Uint8Array>} luts 256 colors of three bytes, by name
 * @property {string[]} diverging names of those with two ends
 * @property {Record<string, [number, number, number][]>} outlines colors of regions, by color map
 * @property {string[]} notices sentences a reader should see
 * @property {number | null} t_r seconds between frames
 * @property {any} courses time courses, or what a desk knows of them; see plots.js and signals.js
 * @property {Map<string, any>} cache
 * @property {Record<string, number[]>} columns of a desk: what components are sorted by
 * @property {string} ordered of a desk: what the components' numbers are ordered by, or ""
 * @property {Record<string, string[]>} texts of a desk: what is shown of a column
 * @property {string[]} suggested of a desk: a name for each component, or ""
 * @property {string[]} classes of a desk: labels that can be given
 * @property {string[]} kept of a desk: classes that are signal
 * @property {string[]} tints of a desk: a color per class
 * @property {{r: number, name: string}[]} [pairs] of a desk: each component's partner
 * @property {number} partner_ratio the partner's values to these
 */

/**
 * What an image holds at a place: null is no data, undefined is outside of the image.
 * @typedef {object} Found
 * @property {number | null | undefined} value
 * @property {number} [half] half of the step between two values
 * @property {number} [level] of a series: the value is what differs from the mean, this is both
 */

const NO_DATA = -128;

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function gunzip(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** @type {Record<string, any>} */
const TYPES = {
  uint8: Uint8Array,
  uint16: Uint16Array,
  int8: Int8Array,
  int16: Int16Array,
  float32: Float32Array,
};

/**
 * A header with its volumes, each with typed arrays.
 * @param {DataView<ArrayBuffer>} view the bytes that payload.pack made
 * @returns {Promise<any>}
 */
async function unpack(view) {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const buffer = await gunzip(bytes);
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  for (const volume of header.volumes) {
    for (const [name, { at, size, type }] of Object.entries(/** @type {any} */ (volume.arrays))) {
      const Type = TYPES[type];
      volume[name] = new Type(buffer, 4 + length + at, size / Type.BYTES_PER_ELEMENT);
    }
  }
  return header;
}

/**
 * @param {DataView<ArrayBuffer>} view the bytes that payload.pack made of a scene
 * @returns {Promise<Scene>}
 */
async function openScene(view) {
  const header = await unpack(view);
  for (const volume of header.volumes) if (volume.role === "maps") prepareMaps(volume);
  for (const name of Object.keys(header.luts))
    header.luts[name] = Uint8Array.from(header.luts[name]);
  return sortVolumes(header);
}

/**
 * The volumes by what they are for.
 * @param {any} scene a header whose volumes have their arrays
 * @returns {Scene}
 */
function sortVolumes(scene) {
  const all = (/** @type {string} */ role) =>
    scene.volumes.filter((/** @type {Volume} */ volume) => volume.role === role);
  const [maps, ...overlays] = all("maps");
  const partner = scene.pairs ? overlays.pop() : null;
  const [background = null] = all("grey");
  [maps.vertices] = all("vertices");
  return Object.assign(scene, {
    maps,
    overlays,
    partner,
    background,
    regions: all("labels"),
    cache: new Map(),
  });
}

/**
 * rank: for each voxel its place among those in the mask, or one past the last, where codes are 0.
 * @param {Maps} volume
 */
function prepareMaps(volume) {
  const [nx, ny, nz] = volume.shape;
  const rank = new Int32Array(nx * ny * nz);
  let n = 0;
  for (let p = 0; p < rank.length; p++) rank[p] = (volume.mask[p >> 3] >> (p & 7)) & 1 ? n++ : -1;
  const padded = new Int32Array(n);
  for (let z = 0, p = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++, p++) {
        if (rank[p] >= 0) padded[rank[p]] = x + 1 + (nx + 1) * (y + 1 + (ny + 1) * (z + 1));
        else rank[p] = n;
      }
    }
  }
  Object.assign(volume, { rank, padded, n, frames: volume.scales.map(() => null) });
}

/**
 * Codes of one map; the same prediction as payload.residuals.
 * @param {Maps} volume
 * @param {number} k which map
 * @returns {Int8Array} by rank
 */
function codesOf(volume, k) {
  const known = volume.frames[k];
  if (known) return known;
  const [nx, ny, nz] = volume.shape;
  const { padded, n, residuals } = volume;
  const sy = nx + 1;
  const sz = sy * (ny + 1);
  const at = new Int8Array(sz * (nz + 1));
  const codes = new Int8Array(n + 1);
  for (let i = 0, r = k * n; i < n; i++, r++) {
    const p = padded[i];
    const beside = at[p - 1] + at[p - sy] + at[p - sz];
    const across = at[p - 1 - sy] + at[p - 1 - sz] + at[p - sy - sz];
    // Rounded down: + 1536 makes it positive, where | 0 does that. The sum wraps at 8 bits.
    at[p] = codes[i] = (((2 * beside - across + 1536) / 3) | 0) - 512 + residuals[r];
  }
  volume.frames[k] = codes;
  return codes;
}

// ---- places ------------------------------------------------------------------------------------

/**
 * The voxel whose box holds a place along one axis, or -1.
 * @param {Grid} volume
 * @param {number} axis
 * @param {number} mm
 */
function nearestVoxel(volume, axis, mm) {
  const i = Math.floor((mm - volume.origin[axis]) / volume.step[axis] + 0.5);
  return i >= 0 && i < volume.shape[axis] ? i : -1;
}

/**
 * Index of the voxel at a place, or -1.
 * @param {Grid} volume
 * @param {number[]} mm
 */
function voxelIndex(volume, mm) {
  const [i, j, k] = [0, 1, 2].map((axis) => nearestVoxel(volume, axis, mm[axis]));
  return i < 0 || j < 0 || k < 0 ? -1 : i + volume.shape[0] * (j + volume.shape[1] * k);
}

/**
 * Centre of a voxel given by its index.
 * @param {Grid} volume
 * @param {number} index
 */
function mmOf(volume, index) {
  const [nx, ny] = volume.shape;
  const voxel = [index % nx, Math.floor(index / nx) % ny, Math.floor(index / (nx * ny))];
  return voxel.map((v, axis) => volume.origin[axis] + volume.step[axis] * v);
}

/**
 * What an image holds at a place: {value, half}; value is null for no data, undefined outside.
 * @param {Grey | Maps} volume
 * @param {number[]} mm
 * @param {number} k which map; 0 for a background
 * @returns {Found}
 */
function valueAt(volume, mm, k) {
  const p = voxelIndex(volume, mm);
  if (p < 0) return { value: undefined };
  if (volume.role === "grey") {
    const code = volume.codes[p];
    return code
      ? { value: volume.low + (code - 1) * volume.quantum, half: volume.quantum / 2 }
      : { value: null };
  }
  const code = codesOf(volume, k)[volume.rank[p]];
  if (code === NO_DATA) return { value: null };
  const value = code * volume.scales[k];
  const half = volume.rank[p] < volume.n ? volume.scales[k] / 2 : 0;
  if (!volume.baseline) return { value, half };
  return { value, half, level: value + (volume.baseline[volume.rank[p]] || 0) };
}

/**
 * Levels of all frames of a series at a place.
 * @param {Maps} volume
 * @param {number[]} mm
 * @returns {(number | null | undefined)[] | null} null outside of the mask
 */
function courseAt(volume, mm) {
  const p = voxelIndex(volume, mm);
  if (p < 0 || volume.rank[p] === volume.n) return null;
  return volume.scales.map((_, k) => valueAt(volume, mm, k).level);
}

/**
 * Voxel of the image's own file at a place.
 * @param {Maps} volume
 * @param {number[]} mm
 */
function ownVoxel(volume, mm) {
  return volume.toVoxel.map((row) =>
    Math.floor(row[0] * mm[0] + row[1] * mm[1] + row[2] * mm[2] + row[3] + 0.5),
  );
}

/**
 * Where |values| are largest, 15 mm apart at least, from the largest down; as payload.peaks_of.
 * @param {Maps} volume
 * @param {number} k which map
 * @param {number} most how many
 * @param {number} threshold
 * @returns {number[][]} in mm
 */
function peaksOf(volume, k, most, threshold) {
  const byVoxel = volume.voxels || (volume.voxels = voxelsInMask(volume));
  /** @type {number[][]} */
  const found = [];
  for (const i of largestCodes(volume, k, most === 1 ? 1 : 4000, threshold)) {
    const mm = mmOf(volume, byVoxel[i]);
    const far = (/** @type {number[]} */ o) =>
      (mm[0] - o[0]) ** 2 + (mm[1] - o[1]) ** 2 + (mm[2] - o[2]) ** 2 > 225;
    if (found.every(far)) found.push(mm);
    if (found.length === most) break;
  }
  return found;
}

/**
 * Places in the mask of the largest |codes|, from the largest down, in order where they are equal.
 * @param {Maps} volume
 * @param {number} k which map
 * @param {number} most how many
 * @param {number} threshold
 */
function largestCodes(volume, k, most, threshold) {
  const codes = codesOf(volume, k);
  const sizes = new Uint32Array(129);
  for (let i = 0; i < volume.n; i++) sizes[Math.abs(codes[i])]++; // "no data" is 128
  let least = 127;
  for (let sum = sizes[127]; least > 1 && sum < most; sum += sizes[least]) least--;
  least = Math.max(least, Math.ceil(threshold / volume.scales[k]));
  /** @type {number[][]} */
  const bins = Array.from({ length: 129 }, () => []);
  for (let i = 0; i < volume.n; i++)
    if (Math.abs(codes[i]) >= least) bins[Math.abs(codes[i])].push(i);
  return bins.slice(0, 128).reverse().flat().slice(0, most);
}

/**
 * @param {Maps} volume
 * @returns {Int32Array} index of each voxel in the mask, by rank
 */
function voxelsInMask(volume) {
  const voxels = new Int32Array(volume.n);
  volume.rank.forEach((r, p) => {
    if (r < volume.n) voxels[r] = p;
  });
  return voxels;
}

/**
 * Decode all maps while nothing else is to be done, so that the next one is there when asked for.
 * @param {Maps} volume
 * @returns {() => void} stops
 */
function decodeWhenIdle(volume) {
  const idle = window.requestIdleCallback ?? ((call) => setTimeout(call, 30));
  let k = 0;
  let closed = false;
  const work = () => {
    while (k < volume.frames.length && volume.frames[k]) k++;
    if (closed || k === volume.frames.length) return;
    codesOf(volume, k);
    idle(work);
  };
  idle(work);
  return () => {
    closed = true;
  };
}
