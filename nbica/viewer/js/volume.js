// Bytes to volumes: what payload.py packed, unpacked. A map's codes are decoded when it is first
// looked at, so that the first picture does not wait for the others.

const NO_DATA = -128;

async function gunzip(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

const TYPES = { uint8: Uint8Array, uint16: Uint16Array, int8: Int8Array, int16: Int16Array, float32: Float32Array };

// A scene: the header with its volumes, each with typed arrays.
async function openScene(view) {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const buffer = await gunzip(bytes);
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  for (const volume of header.volumes) {
    for (const [name, { at, size, type }] of Object.entries(volume.arrays)) {
      const Type = TYPES[type];
      volume[name] = new Type(buffer, 4 + length + at, size / Type.BYTES_PER_ELEMENT);
    }
    if (volume.role === "maps") prepareMaps(volume);
  }
  for (const name of Object.keys(header.luts)) header.luts[name] = Uint8Array.from(header.luts[name]);
  return furnish(header);
}

// The volumes by what they are for.
function furnish(scene) {
  const all = (role) => scene.volumes.filter((volume) => volume.role === role);
  const [maps, ...overlays] = all("maps");
  const partner = scene.pairs ? overlays.pop() : null;
  const [background = null] = all("grey");
  return Object.assign(scene, { maps, overlays, partner, background, regions: all("labels"), cache: new Map() });
}

// rank: for each voxel its place among those in the mask, or one past the last, where codes are 0.
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

// Codes of one map; the same prediction as payload.residuals.
function codesOf(volume, k) {
  if (volume.frames[k]) return volume.frames[k];
  const [nx, ny, nz] = volume.shape;
  const { padded, n, residuals } = volume;
  const sy = nx + 1, sz = sy * (ny + 1);
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

// The voxel whose box holds a place along one axis, or -1.
function nearestVoxel(volume, axis, mm) {
  const i = Math.floor((mm - volume.origin[axis]) / volume.step[axis] + 0.5);
  return i >= 0 && i < volume.shape[axis] ? i : -1;
}

// Index of the voxel at a place, or -1.
function voxelIndex(volume, mm) {
  const [i, j, k] = [0, 1, 2].map((axis) => nearestVoxel(volume, axis, mm[axis]));
  return i < 0 || j < 0 || k < 0 ? -1 : i + volume.shape[0] * (j + volume.shape[1] * k);
}

// Centre of a voxel given by its index.
function mmOf(volume, index) {
  const [nx, ny] = volume.shape;
  const voxel = [index % nx, Math.floor(index / nx) % ny, Math.floor(index / (nx * ny))];
  return voxel.map((v, axis) => volume.origin[axis] + volume.step[axis] * v);
}

// What an image holds at a place: {value, half}; value is null for no data, undefined outside.
function valueAt(volume, mm, k) {
  const p = voxelIndex(volume, mm);
  if (p < 0) return { value: undefined };
  if (volume.role === "grey") {
    const code = volume.codes[p];
    return code ? { value: volume.low + (code - 1) * volume.quantum, half: volume.quantum / 2 } : { value: null };
  }
  const code = codesOf(volume, k)[volume.rank[p]];
  if (code === NO_DATA) return { value: null };
  const base = volume.baseline ? volume.baseline[volume.rank[p]] || 0 : 0;
  return { value: base + code * volume.scales[k], half: volume.rank[p] < volume.n ? volume.scales[k] / 2 : 0 };
}

// Values of all frames at a place.
function courseAt(volume, mm) {
  const p = voxelIndex(volume, mm);
  if (p < 0 || volume.rank[p] === volume.n) return null;
  return volume.scales.map((_, k) => valueAt(volume, mm, k).value);
}

// Voxel of the image's own file at a place.
function ownVoxel(volume, mm) {
  return volume.toVoxel.map((row) => Math.floor(row[0] * mm[0] + row[1] * mm[1] + row[2] * mm[2] + row[3] + 0.5));
}

// Where |values| are largest, 15 mm apart at least, from the largest down; as payload.peaks_of.
function peaksOf(volume, k, most, threshold) {
  const byVoxel = volume.voxels || (volume.voxels = voxelsInMask(volume));
  const found = [];
  for (const i of largestCodes(volume, k, most === 1 ? 1 : 4000, threshold)) {
    const mm = mmOf(volume, byVoxel[i]);
    const far = (o) => (mm[0] - o[0]) ** 2 + (mm[1] - o[1]) ** 2 + (mm[2] - o[2]) ** 2 > 225;
    if (found.every(far)) found.push(mm);
    if (found.length === most) break;
  }
  return found;
}

// Places in the mask of the largest |codes|, from the largest down, in order where they are equal.
function largestCodes(volume, k, most, threshold) {
  const codes = codesOf(volume, k), sizes = new Uint32Array(129);
  for (let i = 0; i < volume.n; i++) sizes[Math.abs(codes[i])]++;  // "no data" is 128
  let least = 127;
  for (let sum = sizes[127]; least > 1 && sum < most; sum += sizes[least]) least--;
  least = Math.max(least, Math.ceil(threshold / volume.scales[k]));
  const bins = Array.from({ length: 129 }, () => []);
  for (let i = 0; i < volume.n; i++) if (Math.abs(codes[i]) >= least) bins[Math.abs(codes[i])].push(i);
  return bins.slice(0, 128).reverse().flat().slice(0, most);
}

function voxelsInMask(volume) {
  const voxels = new Int32Array(volume.n);
  volume.rank.forEach((r, p) => { if (r < volume.n) voxels[r] = p; });
  return voxels;
}

// Decode all maps while nothing else is to be done, so that the next one is there when asked for.
function decodeWhenIdle(volume) {
  const idle = window.requestIdleCallback ?? ((call) => setTimeout(call, 30));
  let k = 0, closed = false;
  const work = () => {
    while (k < volume.frames.length && volume.frames[k]) k++;
    if (closed || k === volume.frames.length) return;
    codesOf(volume, k);
    idle(work);
  };
  idle(work);
  return () => { closed = true; };
}
