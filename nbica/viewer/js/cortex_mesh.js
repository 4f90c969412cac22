// The cortex as numbers: what cortex.py packed, unpacked; its places. No pixels.

/**
 * Both hemispheres, the left one's vertices and faces first. Coordinates are whole steps, three for
 * each vertex.
 * @typedef {object} Mesh
 * @property {number} step of coordinates, in mm
 * @property {number} n vertices
 * @property {Int16Array} pial
 * @property {Int16Array} white
 * @property {Int16Array} inflated
 * @property {Int8Array} pialNormals directions out of it, 127 long
 * @property {Int8Array} inflatedNormals
 * @property {Int8Array} sulc depth in 60ths: above 0 in sulci
 * @property {Uint8Array} isCortex 0 on the medial wall
 * @property {Uint16Array} faces three vertices each
 * @property {number[]} parents the two vertices that each of a hemisphere was put between
 * @property {number} depths how many samples a value is the mean of
 * @property {Record<string, number[][]>} middles by hemisphere: of the folded and the inflated one
 * @property {{volume: Maps, frame: number, values: Float32Array}[]} sampled last
 */

/**
 * A cortex that is on its way, or there.
 * @typedef {object} Cortex
 * @property {Mesh | null} mesh
 * @property {Promise<void>} ready
 */

/** @type {WeakMap<Model, Cortex>} */
const openedCortices = new WeakMap();

/**
 * The cortex of a model, null where it has none; several views of one model share it.
 * @param {Model} model
 * @returns {Cortex | null}
 */
function cortexOf(model) {
  const view = model.get("_cortex");
  if (!view?.byteLength) return null;
  return getOrMakeWeak(openedCortices, model, () => {
    /** @type {Cortex} */
    const cortex = { mesh: null, ready: Promise.resolve() };
    // The slices are drawn first.
    cortex.ready = new Promise((done) => setTimeout(done)).then(async () => {
      cortex.mesh = await openCortex(view);
    });
    return cortex;
  });
}

/**
 * @template {WeakKey} K
 * @template V
 * @param {WeakMap<K, V>} cache
 * @param {K} key
 * @param {() => V} make
 * @returns {V}
 */
function getOrMakeWeak(cache, key, make) {
  if (!cache.has(key)) cache.set(key, make());
  return /** @type {V} */ (cache.get(key));
}

/**
 * @param {DataView<ArrayBuffer>} view the bytes that cortex.pack_cortex made
 * @returns {Promise<Mesh>}
 */
async function openCortex(view) {
  const { volumes, step, levels, icosahedron, n_depths: depths } = await unpack(view);
  const { faces, parents } = divideIcosahedron(icosahedron, levels);
  const half = parents.length / 2;
  const read = (/** @type {string} */ name, /** @type {any} */ Type = Int16Array) =>
    joinHalves(volumes, Type, (half) =>
      unpackResiduals(half, name, parents, new Type(half[`${name}_low`].length)));
  const bit = (/** @type {Uint8Array} */ bytes, /** @type {number} */ v) =>
    (bytes[v >> 3] >> (v & 7)) & 1;
  const [pial, white, inflated] = ["pial", "thickness", "inflated"].map((name) => read(name));
  for (let i = 0; i < white.length; i++) white[i] += pial[i];
  const all = Uint16Array.from([...faces, ...faces.map((v) => v + half)]);
  return {
    step, n: 2 * half, pial, white, inflated, faces: all, parents, depths, sampled: [],
    middles: findMiddles([pial, inflated], half, step),
    pialNormals: normalsOf(pial, all), inflatedNormals: normalsOf(inflated, all),
    sulc: read("sulc", Int8Array),
    isCortex: joinHalves(volumes, Uint8Array, ({ cortex }) =>
      Uint8Array.from({ length: half }, (_, v) => bit(cortex, v))),
  };
}

/**
 * What both hemispheres have, one after the other.
 * @param {any[]} halves
 * @param {any} Type of the array
 * @param {(half: any) => ArrayLike<number>} partOf
 */
function joinHalves(halves, Type, partOf) {
  const parts = halves.map(partOf);
  const joined = new Type(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/**
 * Faces of an icosahedron divided in four so many times, and the two vertices that each lies
 * between; as surfaces.icosahedral_mesh.
 * @param {number[][]} icosahedron
 * @param {number} levels
 */
function divideIcosahedron(icosahedron, levels) {
  /** @type {number[][]} three vertices, and where it stands among those that are near */
  let faces = icosahedron.map((face, i) => [...face, i]);
  const parents = new Array(24).fill(0);
  for (let level = 0; level < levels; level++) {
    /** @type {Map<number, number>} */
    const known = new Map();
    const between = (/** @type {number} */ u, /** @type {number} */ v) =>
      getOrMake(known, Math.min(u, v) * 65536 + Math.max(u, v), () => parents.push(u, v) / 2 - 1);
    /** @type {number[][]} */
    const rest = [];
    const corners = faces.map(([a, b, c, i]) => {
      const [ca, bc, ab] = [between(c, a), between(b, c), between(a, b)];
      rest.push([ca, bc, c, 4 * i + 1], [ab, bc, ca, 4 * i + 2], [ab, b, bc, 4 * i + 3]);
      return [a, ab, ca, 4 * i];
    });
    faces = corners.concat(rest);
  }
  // Faces that are drawn one after the other then lie beside each other, in memory too.
  faces.sort((one, other) => one[3] - other[3]);
  return { faces: faces.flatMap(([a, b, c]) => [a, b, c]), parents };
}

/**
 * Numbers of each vertex, of what the two it lies between do not say.
 * @param {any} volume
 * @param {string} name
 * @param {number[]} parents
 * @param {T} out vertex after vertex
 * @returns {T}
 * @template {Int8Array | Int16Array} T
 */
function unpackResiduals(volume, name, parents, out) {
  const [low, high] = [volume[`${name}_low`], volume[`${name}_high`]];
  const n = parents.length / 2;
  const axes = low.length / n;
  for (let axis = 0; axis < axes; axis++) {
    for (let v = 0, i = axis * n; v < n; v++, i++) {
      const sum = out[axes * parents[2 * v] + axis] + out[axes * parents[2 * v + 1] + axis];
      out[axes * v + axis] = (v < 12 ? 0 : sum >> 1) + (((high?.[i] ?? 0) << 8) | low[i]);
    }
  }
  return out;
}

/**
 * Directions out of the surface, as whole numbers.
 * @param {Int16Array} at coordinates
 * @param {Uint16Array} faces
 */
function normalsOf(at, faces) {
  const sums = new Float32Array(at.length);
  for (let f = 0; f < faces.length; f += 3) {
    const [a, b, c] = [3 * faces[f], 3 * faces[f + 1], 3 * faces[f + 2]];
    const [ux, uy, uz] = [at[b] - at[a], at[b + 1] - at[a + 1], at[b + 2] - at[a + 2]];
    const [vx, vy, vz] = [at[c] - at[a], at[c + 1] - at[a + 1], at[c + 2] - at[a + 2]];
    const across = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
    for (const vertex of [a, b, c])
      for (let axis = 0; axis < 3; axis++) sums[vertex + axis] += across[axis];
  }
  const normals = new Int8Array(at.length);
  for (let i = 0; i < at.length; i += 3) {
    const long = Math.hypot(sums[i], sums[i + 1], sums[i + 2]) || 1;
    for (let axis = 0; axis < 3; axis++)
      normals[i + axis] = Math.round((127 * sums[i + axis]) / long);
  }
  return normals;
}

/**
 * The middles of the boxes around both hemispheres and each, in mm.
 * @param {Int16Array[]} shapes
 * @param {number} half vertices of a hemisphere
 * @param {number} step
 * @returns {Record<string, number[][]>}
 */
function findMiddles(shapes, half, step) {
  const parts = { both: [0, 2 * half], left: [0, half], right: [half, 2 * half] };
  return Object.fromEntries(Object.entries(parts).map(([hemi, [from, to]]) =>
    [hemi, shapes.map((at) => middleOf(at.subarray(3 * from, 3 * to)).map((v) => v * step))]));
}

/** @param {Int16Array} at coordinates */
function middleOf(at) {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  for (let i = 0; i < at.length; i++) {
    if (at[i] < low[i % 3]) low[i % 3] = at[i];
    if (at[i] > high[i % 3]) high[i % 3] = at[i];
  }
  return low.map((v, axis) => (v + high[axis]) / 2);
}

// ---- places ------------------------------------------------------------------------------------

/**
 * Where a vertex lies halfway through the cortex, in mm.
 * @param {Mesh} mesh
 * @param {number} v
 */
const midOf = ({ pial, white, step }, v) =>
  [0, 1, 2].map((axis) => ((pial[3 * v + axis] + white[3 * v + axis]) / 2) * step);

/**
 * The vertex of the cortex that is nearest to a place.
 * @param {Mesh} mesh
 * @param {number[]} mm
 * @returns {{vertex: number, distance: number}} in mm
 */
function nearestVertex({ pial, white, step, n, isCortex }, mm) {
  const [x, y, z] = mm.map((v) => (2 * v) / step);
  let least = Infinity;
  let vertex = 0;
  for (let v = 0, i = 0; v < n; v++, i += 3) {
    const dx = pial[i] + white[i] - x;
    const dy = pial[i + 1] + white[i + 1] - y;
    const dz = pial[i + 2] + white[i + 2] - z;
    const far = dx * dx + dy * dy + dz * dz;
    if (far < least && isCortex[v]) [least, vertex] = [far, v];
  }
  return { vertex, distance: (Math.sqrt(least) * step) / 2 };
}
