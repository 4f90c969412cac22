// The cortex as pixels, on a plain canvas as the slices are: faces to pixels, pixels to colors.
//
// A road not taken: WebGL. Where a graphics card draws, both are quick; where a processor has to,
// as on a remote desktop or in a virtual machine, Chromium's software WebGL took 21 ms for the
// 40 960 faces in 288 x 279 pixels, and this 5 ms. Here nothing can be missing, lost, or limited to
// sixteen a page, all browsers draw the same pixels, and what is under the pointer is known.

/**
 * A picture of the cortex, and what it was made of.
 * @typedef {object} CortexPlate
 * @property {ImageData} image
 * @property {Uint32Array} pixels of the image
 * @property {Int32Array} faces the face seen in each pixel, as its place in `mesh.faces`; -1: none
 * @property {Float32Array} heights of what is seen, towards the viewer, in mm
 * @property {Float32Array} first share of the face's first corner in a pixel
 * @property {Float32Array} second share of its second corner
 * @property {Float32Array} facing by vertex: 1 where the surface faces the viewer, 0 from the side
 * @property {number} sharp pixels of the picture for one of the page
 * @property {number} cost of the last one seen from elsewhere, in milliseconds
 * @property {string} seen from where, in words
 * @property {string} painted what, in words
 */

/**
 * @param {number} sharp
 * @returns {CortexPlate}
 */
function makeCortexPlate(sharp) {
  const [heights, first, second, facing] = [0, 0, 0, 0].map((n) => new Float32Array(n));
  const none = { heights, first, second, facing, seen: "", painted: "" };
  const [faces, pixels] = [new Int32Array(0), new Uint32Array(0)];
  return { image: new ImageData(1, 1), faces, pixels, sharp, cost: 0, ...none };
}

/**
 * Draw a cortex.
 * @param {CortexPlate} plate
 * @param {Mesh} mesh
 * @param {Scene} scene
 * @param {Layer[]} layers from the lowest to the highest
 * @param {Camera} camera
 * @param {number[]} size of the pane, in the page's pixels
 * @returns {boolean} false if it is the same as before
 */
function paintCortex(plate, mesh, scene, layers, camera, size) {
  const moved = !isSeen(plate, camera, size);
  const named = layers.map((one) => ({ ...one, volume: allVolumes(scene).indexOf(one.volume) }));
  const painted = JSON.stringify(named);
  if (!moved && painted === plate.painted) return false;
  const start = performance.now();
  if (moved) {
    resizePlate(plate, mesh, size[0] * plate.sharp, size[1] * plate.sharp);
    findFaces(plate, mesh, camera);
  }
  Object.assign(plate, { seen: JSON.stringify([camera, size]), painted });
  shadeSurface(plate, mesh, camera.inflation);
  for (const layer of layers) paintValues(plate, mesh, scene, layer);
  applyLight(plate, mesh);
  if (moved) plate.cost = performance.now() - start;
  return true;
}

/**
 * Whether a plate has what is seen from there.
 * @param {CortexPlate} plate
 * @param {Camera} camera
 * @param {number[]} size
 */
const isSeen = ({ seen }, camera, size) => seen === JSON.stringify([camera, size]);

/** @param {Scene} scene @returns {Volume[]} */
const allVolumes = (scene) => scene.volumes;

/**
 * @param {CortexPlate} plate
 * @param {Mesh} mesh
 * @param {number} width
 * @param {number} height
 */
function resizePlate(plate, mesh, width, height) {
  const { image } = plate;
  if (image.width === width && image.height === height) return;
  const n = width * height;
  plate.image = new ImageData(width, height);
  plate.pixels = new Uint32Array(plate.image.data.buffer);
  plate.faces = new Int32Array(n);
  [plate.heights, plate.first, plate.second] = [0, 1, 2].map(() => new Float32Array(n));
  plate.facing = new Float32Array(mesh.n);
}

// ---- faces to pixels ---------------------------------------------------------------------------

/**
 * Which face is seen in each pixel, and where of it.
 * @param {CortexPlate} plate
 * @param {Mesh} mesh
 * @param {Camera} camera
 */
function findFaces(plate, mesh, camera) {
  const { width, height } = plate.image;
  const seen = seeAll(mesh, camera);
  for (let i = 0; i < 3 * mesh.n; i += 3) {
    seen[i] = width / 2 + seen[i] * camera.scale - 0.5; // the middle of a pixel is a whole number
    seen[i + 1] = height / 2 - seen[i + 1] * camera.scale - 0.5;
  }
  findFacing(plate.facing, mesh, camera);
  plate.faces.fill(-1);
  plate.heights.fill(-Infinity);
  // The near hemisphere first: less is drawn over.
  const order = camera.axes[2][0] < 0 ? ["left", "right"] : ["right", "left"];
  for (const hemi of camera.hemi === "both" ? order : [camera.hemi]) {
    const [from, to] = facesOf(mesh, hemi);
    for (let f = from; f < to; f += 3) fillFace(plate, mesh.faces, f, seen);
  }
}

/**
 * How much each vertex faces the viewer.
 * @param {Float32Array} facing
 * @param {Mesh} mesh
 * @param {Camera} camera
 */
function findFacing(facing, { pialNormals, inflatedNormals, n }, { axes, inflation }) {
  const [x, y, z] = axes[2];
  for (let v = 0, i = 0; v < n; v++, i += 3) {
    const nx = pialNormals[i] + (inflatedNormals[i] - pialNormals[i]) * inflation;
    const ny = pialNormals[i + 1] + (inflatedNormals[i + 1] - pialNormals[i + 1]) * inflation;
    const nz = pialNormals[i + 2] + (inflatedNormals[i + 2] - pialNormals[i + 2]) * inflation;
    facing[v] = (nx * x + ny * y + nz * z) / (Math.sqrt(nx * nx + ny * ny + nz * nz) || 1);
  }
}

/**
 * The pixels of a face that nothing hides.
 * @param {CortexPlate} plate
 * @param {Uint16Array} corners of all faces
 * @param {number} f where this one's begin
 * @param {Float64Array} seen by vertex: right and down in pixels, towards the viewer in mm
 */
function fillFace({ image, faces, heights, first, second }, corners, f, seen) {
  const a = 3 * corners[f];
  const b = 3 * corners[f + 1];
  const c = 3 * corners[f + 2];
  const ax = seen[a];
  const ay = seen[a + 1];
  const bx = seen[b];
  const by = seen[b + 1];
  const cx = seen[c];
  const cy = seen[c + 1];
  const area = (by - ay) * (cx - ax) - (bx - ax) * (cy - ay);
  if (area <= 0) return; // seen from within
  const { width, height } = image;
  const left = Math.max(Math.ceil(Math.min(ax, bx, cx)), 0);
  const right = Math.min(Math.floor(Math.max(ax, bx, cx)), width - 1);
  const top = Math.max(Math.ceil(Math.min(ay, by, cy)), 0);
  const bottom = Math.min(Math.floor(Math.max(ay, by, cy)), height - 1);
  // Shares of the corners in a pixel are linear: from one to the next they grow by the same.
  const du = (cy - by) / area;
  const dv = (ay - cy) / area;
  for (let y = top; y <= bottom; y++) {
    let u = ((by - y) * (cx - left) - (bx - left) * (cy - y)) / area;
    let v = ((cy - y) * (ax - left) - (cx - left) * (ay - y)) / area;
    for (let x = left, i = y * width + left; x <= right; x++, i++, u += du, v += dv) {
      const w = 1 - u - v;
      if (u < 0 || v < 0 || w < -1e-9) continue;
      const toward = u * seen[a + 2] + v * seen[b + 2] + w * seen[c + 2];
      if (toward <= heights[i]) continue;
      heights[i] = toward;
      faces[i] = f;
      first[i] = u;
      second[i] = v;
    }
  }
}

// ---- pixels to colors --------------------------------------------------------------------------

/**
 * The bare surface in greys: gyri light, sulci dark, the medial wall darker.
 * @param {CortexPlate} plate
 * @param {Mesh} mesh
 * @param {number} inflation sulci have sharper edges where no fold is left to show them
 */
function shadeSurface({ pixels, faces, first, second }, mesh, inflation) {
  const { sulc, isCortex, faces: corners } = mesh;
  const [low, high] = [-21, 54 - 33 * inflation];
  for (let i = 0; i < pixels.length; i++) {
    const f = faces[i];
    if (f < 0) {
      pixels[i] = BLACK;
      continue;
    }
    const [a, b, c] = [corners[f], corners[f + 1], corners[f + 2]];
    const [u, v] = [first[i], second[i]];
    const w = 1 - u - v;
    const cortex = u * isCortex[a] + v * isCortex[b] + w * isCortex[c];
    const t = clip01((u * sulc[a] + v * sulc[b] + w * sulc[c] - low) / (high - low));
    const bare = 204 - 86 * t * t * (3 - 2 * t);
    const grey = bare + (76 - bare) * clip01(2 - 4 * cortex + 0.5);
    pixels[i] = BLACK | (grey << 16) | (grey << 8) | grey;
  }
}

/**
 * A layer's values above the surface, in the colors that they have in the slices.
 * @param {CortexPlate} plate
 * @param {Mesh} mesh
 * @param {Scene} scene
 * @param {Layer} layer
 */
function paintValues({ pixels, faces, first, second }, mesh, scene, layer) {
  const { threshold, vmax, opacity, colormap } = layer;
  const values = valuesAtVertices(mesh, layer.volume, layer.frame);
  const corners = mesh.faces;
  const lowest = lowestOf(scene, layer);
  const lut = scene.luts[colormap];
  const colors = opacity === 1 ? solidColors(scene, colormap) : null;
  for (let i = 0; i < pixels.length; i++) {
    const f = faces[i];
    if (f < 0) continue;
    const [u, v] = [first[i], second[i]];
    const value = u * values[corners[f]] + v * values[corners[f + 1]] +
      (1 - u - v) * values[corners[f + 2]];
    if (value === 0 || !(Math.abs(value) >= threshold)) continue;
    const index = Math.floor(clip01((value - lowest) / (vmax - lowest)) * 255 + 0.5);
    pixels[i] = colors ? colors[index] : blend(pixels[i], lut, 3 * index, opacity);
  }
}

/**
 * Darker to the sides: what faces the viewer keeps its color as the color bar has it.
 * @param {CortexPlate} plate
 * @param {Mesh} mesh
 */
function applyLight({ pixels, faces, first, second, facing }, mesh) {
  const corners = mesh.faces;
  for (let i = 0; i < pixels.length; i++) {
    const f = faces[i];
    if (f < 0) continue;
    const [u, v] = [first[i], second[i]];
    const towards = clip01(u * facing[corners[f]] + v * facing[corners[f + 1]] +
      (1 - u - v) * facing[corners[f + 2]]);
    const light = 0.25 + towards * (1.35 - 0.6 * towards);
    const pixel = pixels[i];
    pixels[i] = BLACK | (((pixel >> 16) & 255) * light << 16) |
      (((pixel >> 8) & 255) * light << 8) | ((pixel & 255) * light);
  }
}

// ---- what is at a place ------------------------------------------------------------------------

/**
 * The place of the cortex that is seen in a pixel: halfway through it, in mm.
 * @param {CortexPlate} plate
 * @param {Mesh} mesh
 * @param {number} x
 * @param {number} y
 * @returns {number[] | null} null beside the cortex
 */
function placeUnder({ image, faces, first, second }, mesh, x, y) {
  if (!(x >= 0 && y >= 0 && x < image.width && y < image.height)) return null;
  const i = Math.floor(y) * image.width + Math.floor(x);
  const f = faces[i];
  if (f < 0) return null;
  const [p, q, r] = [0, 1, 2].map((corner) => midOf(mesh, mesh.faces[f + corner]));
  const [u, v] = [first[i], second[i]];
  return p.map((_, axis) => u * p[axis] + v * q[axis] + (1 - u - v) * r[axis]);
}

/**
 * A ring around a vertex; faint where it lies behind the surface.
 * @param {CanvasRenderingContext2D} pen of the picture
 * @param {CortexPlate} plate
 * @param {Mesh} mesh
 * @param {Camera} camera
 * @param {number} vertex
 * @param {number} size of the ring, in pixels
 */
function drawMark(pen, { image, heights }, mesh, camera, vertex, size) {
  const [right, up, toward] = seenFrom(mesh, camera, vertex);
  const [x, y] = [image.width / 2 + right * camera.scale, image.height / 2 - up * camera.scale];
  const i = Math.floor(y) * image.width + Math.floor(x);
  pen.globalAlpha = toward + 3 < heights[i] ? 0.45 : 1;
  for (const [color, width] of [["#000", 0.7], ["#9fe8a4", 0.35]]) {
    pen.strokeStyle = String(color);
    pen.lineWidth = Number(width) * size;
    pen.beginPath();
    pen.arc(x, y, size, 0, 2 * Math.PI);
    pen.stroke();
  }
  pen.globalAlpha = 1;
}
