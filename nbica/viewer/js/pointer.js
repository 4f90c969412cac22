// What a pointer, fingers and a wheel do in a pane.

/**
 * @param {Context} ctx
 * @param {Pane} pane
 */
function listenToPointer(ctx, pane) {
  const { el } = pane;
  el.addEventListener("pointerdown", (event) => {
    if (event.button > 0 || event.pointerType !== "mouse") return;
    el.setPointerCapture(event.pointerId);
    pane.dragging = true;
    el.focus({ preventScroll: true });
    followPointer(ctx, pane, event);
    event.preventDefault();
  });
  el.addEventListener("pointermove", (event) => {
    if (pane.dragging) followPointer(ctx, pane, event);
  });
  const release = () => {
    if (!pane.dragging) return;
    pane.dragging = false;
    pane.mark();
  };
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"])
    el.addEventListener(end, release);
  el.addEventListener("wheel", (event) => turnWheel(ctx, pane, event), { passive: false });
}

/**
 * A finger that swipes scrolls the page, as everywhere. One that taps moves the crosshair, one
 * that rests first drags it, and two zoom.
 * @param {Context} ctx
 * @param {Pane} pane
 */
function listenToTouch(ctx, pane) {
  const { el } = pane;
  let resting = 0;
  let apart = 0; // between two fingers, for a zoom of 1
  let touched = false;
  const end = () => {
    clearTimeout(resting);
    apart = 0;
    pane.dragging = false;
  };
  const begin = (/** @type {TouchEvent} */ { touches }) => {
    end();
    touched = true;
    if (touches.length === 2) apart = distance(touches) / ctx.state.get("zoom");
    if (touches.length === 1) resting = setTimeout(rest, 300, touches[0]);
  };
  const rest = (/** @type {Touch} */ touch) => {
    pane.dragging = true;
    followPointer(ctx, pane, touch);
  };
  const move = (/** @type {TouchEvent} */ event) => {
    clearTimeout(resting);
    if (apart) ctx.state.set({ zoom: clamp(distance(event.touches) / apart, 1, 8) });
    else if (pane.dragging) followPointer(ctx, pane, event.touches[0]);
    else return; // the page scrolls
    if (event.cancelable) event.preventDefault();
  };
  el.addEventListener("touchstart", begin, { passive: true });
  el.addEventListener("touchmove", move, { passive: false });
  for (const name of ["touchend", "touchcancel"]) el.addEventListener(name, end);
  el.addEventListener("click", (event) => {
    if (touched) followPointer(ctx, pane, event);
    touched = false;
  });
  el.addEventListener("contextmenu", (event) => touched && event.preventDefault());
}

/** @param {TouchList} touches two of them */
const distance = ([a, b]) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);

/**
 * Move the crosshair to where the pointer is.
 * @param {Context} ctx
 * @param {Pane} pane
 * @param {{clientX: number, clientY: number}} point
 */
function followPointer(ctx, pane, { clientX, clientY }) {
  const box = pane.canvas.getBoundingClientRect();
  const at = [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
  const inside = at.map((part) => clamp(part, 0, 1));
  const mm = placeAt(ctx, pane.axis, pane.depth(), inside);
  if (ctx.look().glass) mm[pane.axis] = deepestValue(ctx, pane.axis, mm);
  ctx.moveTo(mm);
}

/**
 * The wheel is the page's, so that nobody is caught while scrolling by. With Shift it turns slices
 * (a full screen has no page: without it, too), with Ctrl, or by a pinch on a touchpad, it zooms.
 * @param {Context} ctx
 * @param {Pane} pane
 * @param {WheelEvent} event
 */
function turnWheel(ctx, pane, event) {
  const up = (event.deltaY || event.deltaX) < 0; // a browser turns a wheel with Shift sideways
  const alone = document.fullscreenElement?.contains(pane.el);
  if (event.ctrlKey || event.metaKey) zoomBy(ctx, up ? 1.25 : 0.8);
  else if (event.shiftKey || alone) moveSlice(ctx, pane.axis, up ? 1 : -1);
  else return;
  event.preventDefault();
}

/**
 * In a glass view, a click goes to the largest value behind it.
 * @param {Context} ctx
 * @param {number} axis
 * @param {number[]} mm
 * @returns {number} mm along the axis
 */
function deepestValue(ctx, axis, mm) {
  const { maps } = ctx;
  let best = 0;
  let depth = ctx.state.get("cut_coords")[axis];
  for (let i = 0; i < maps.shape[axis]; i++) {
    const there = [...mm];
    there[axis] = maps.origin[axis] + i * maps.step[axis];
    const { value } = valueAt(maps, there, ctx.state.get("component"));
    if (value != null && Math.abs(value) > best) [best, depth] = [Math.abs(value), there[axis]];
  }
  return depth;
}

/**
 * Move the crosshair along an axis.
 * @param {Context} ctx
 * @param {number} axis
 * @param {number} by how many voxels
 */
function moveSlice(ctx, axis, by) {
  const mm = [...ctx.state.get("cut_coords")];
  mm[axis] += by * ctx.finest[axis];
  ctx.moveTo(mm);
}

/**
 * @param {Context} ctx
 * @param {number} factor
 */
function zoomBy(ctx, factor) {
  const zoom = Number((ctx.state.get("zoom") * factor).toFixed(3));
  ctx.state.set({ zoom: clamp(zoom, 1, 8) });
}
