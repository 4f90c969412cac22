// What pointer and keys do on a cortex: a drag turns it, a click moves the crosshair.

/**
 * Half a turn for the width of a pane; what is in front follows the pointer.
 * @param {number[]} turn
 * @param {number} right parts of the pane's width
 * @param {number} down
 */
const turnedBy = ([elevation, azimuth], right, down) => [
  clamp(elevation + 180 * down, -90, 90),
  (((azimuth - 180 * right) % 360) + 360) % 360,
];

/**
 * A drag turns, a click moves the crosshair. A finger that moves up or down scrolls the page, as
 * the pane's `touch-action` says; one that moves sideways turns.
 * @param {Context} ctx
 * @param {HTMLElement} el
 * @param {Under} under
 * @param {Place} place
 * @param {(act: () => void) => void} change
 */
function listenToTurns(ctx, el, under, place, change) {
  /** @type {{x: number, y: number, turn: number[], moved: boolean} | null} */
  let drag = null;
  el.addEventListener("pointerdown", (event) => {
    if (event.button > 0 || !event.isPrimary) return;
    el.setPointerCapture(event.pointerId);
    el.focus({ preventScroll: true });
    drag = { x: event.clientX, y: event.clientY, turn: place.get().turn, moved: false };
  });
  el.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const [right, down] = [event.clientX - drag.x, event.clientY - drag.y];
    drag.moved ||= Math.hypot(right, down) > 4;
    const { turn, moved } = drag;
    const parts = [right, down].map((way) => way / el.clientWidth);
    if (moved) change(() => place.set(turnedBy(turn, parts[0], parts[1])));
  });
  el.addEventListener("pointerup", (event) => {
    if (drag && !drag.moved) moveToPointer(ctx, el, under, event);
    drag = null;
  });
  el.addEventListener("pointercancel", () => {
    drag = null;
  });
}

/**
 * @param {Context} ctx
 * @param {HTMLElement} el
 * @param {Under} under
 * @param {PointerEvent} event
 */
function moveToPointer(ctx, el, under, event) {
  const box = el.getBoundingClientRect();
  const mm = under(event.clientX - box.left, event.clientY - box.top);
  if (mm) ctx.moveTo(mm);
}

/**
 * @param {KeyboardEvent} event
 * @param {Place} place
 * @param {() => void} goHome
 * @returns {boolean} whether the key did something
 */
function turnByKey(event, place, goHome) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const far = event.shiftKey ? 0.25 : 1 / 18;
  /** @type {Record<string, number[]>} */
  const ways = {
    ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far],
  };
  if (event.key === "Home") goHome();
  else if (event.key in ways)
    place.set(turnedBy(place.get().turn, ways[event.key][0], ways[event.key][1]));
  else return false;
  event.preventDefault();
  return true;
}
