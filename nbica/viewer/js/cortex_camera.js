// From where the cortex is looked at, and what is seen from there. No pixels.

/**
 * Where the cortex is looked at from.
 * @typedef {object} Camera
 * @property {number[][]} axes what points right, up and towards the viewer
 * @property {number[]} middle in mm
 * @property {number} scale pixels for a mm
 * @property {number} inflation 0: as folded; 1: blown up
 * @property {string} hemi "both", "left" or "right"
 */

/**
 * What a camera's picture holds: the first and the last place in `mesh.faces`.
 * @param {Mesh} mesh
 * @param {string} hemi
 */
function facesOf({ faces }, hemi) {
  const half = faces.length / 2;
  return { both: [0, 2 * half], left: [0, half], right: [half, 2 * half] }[hemi] ?? [0, 0];
}

/**
 * Axes of a camera at an elevation and an azimuth, as nilearn and Matplotlib count them: from the
 * right (0, 0), the front (0, 90), the left (0, 180), the top (90, …).
 * @param {number[]} turn in degrees
 */
function axesOf(turn) {
  const [e, a] = turn.map((angle) => (angle * Math.PI) / 180);
  const toward = [Math.cos(e) * Math.cos(a), Math.cos(e) * Math.sin(a), Math.sin(e)];
  const up = [-Math.sin(e) * Math.cos(a), -Math.sin(e) * Math.sin(a), Math.cos(e)];
  return [[-Math.sin(a), Math.cos(a), 0], up, toward];
}

/**
 * Where a vertex is seen: right, up and towards the viewer, in mm.
 * @param {Mesh} mesh
 * @param {Camera} camera
 * @param {number} v
 */
function seenFrom({ pial, inflated, step }, { axes, middle, inflation }, v) {
  const mm = middle.map((m, axis) => {
    const at = pial[3 * v + axis];
    return (at + (inflated[3 * v + axis] - at) * inflation) * step - m;
  });
  return axes.map((along) => along[0] * mm[0] + along[1] * mm[1] + along[2] * mm[2]);
}

/**
 * All vertices as `seenFrom` gives them, one after the other.
 * @param {Mesh} mesh
 * @param {Camera} camera
 */
function seeAll({ pial, inflated, step, n }, { axes, middle, inflation }) {
  const seen = scratch("cortex", 3 * n);
  const [[rx, ry], up, toward] = axes;
  for (let i = 0; i < 3 * n; i += 3) {
    const x = (pial[i] + (inflated[i] - pial[i]) * inflation) * step - middle[0];
    const y = (pial[i + 1] + (inflated[i + 1] - pial[i + 1]) * inflation) * step - middle[1];
    const z = (pial[i + 2] + (inflated[i + 2] - pial[i + 2]) * inflation) * step - middle[2];
    seen[i] = rx * x + ry * y;
    seen[i + 1] = up[0] * x + up[1] * y + up[2] * z;
    seen[i + 2] = toward[0] * x + toward[1] * y + toward[2] * z;
  }
  return seen;
}
