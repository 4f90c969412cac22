// Labels: classes and free text, several of each component if need be, by keyboard.

const MARK_KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "e"];

/**
 * The labels that a person gave to components.
 * @typedef {object} Marks
 * @property {(k: number) => string[]} of a component
 * @property {(name: string) => void} set the class of the component in view, and go on to the next
 *   without a label
 * @property {(name: string) => void} toggle one more label of the component in view
 * @property {() => void} undo
 * @property {() => number} count of components with labels
 */

/**
 * @param {Context} ctx
 * @returns {Marks}
 */
function makeMarks(ctx) {
  const { state, scene } = ctx;
  /** @type {[number, string[]][]} */
  const past = [];
  /** @type {(k: number) => string[]} */
  const of = (k) => state.get("marks")[k] ?? [];
  const change = (/** @type {number} */ k, /** @type {string[]} */ own) => {
    const marks = { ...state.get("marks") };
    if (own.length) marks[k] = own;
    else delete marks[k];
    state.set({ marks });
  };
  const replace = (/** @type {string[]} */ own) => {
    const k = state.get("component");
    past.push([k, of(k)]);
    change(k, own);
    return k;
  };
  return {
    of,
    set(name) {
      const notes = of(state.get("component")).filter((one) => !scene.classes.includes(one));
      const k = replace([name, ...notes]);
      const order = ctx.order();
      const at = order.indexOf(k);
      const rest = [...order.slice(at + 1), ...order.slice(0, at + 1)].filter((i) => !of(i).length);
      if (rest.length) ctx.select(rest[0]);
    },
    toggle(name) {
      const own = of(state.get("component"));
      replace(own.includes(name) ? own.filter((one) => one !== name) : [...own, name]);
    },
    undo() {
      const last = past.pop();
      if (!last) return;
      change(...last);
      ctx.select(last[0]);
    },
    count: () => Object.keys(state.get("marks")).length,
  };
}

/**
 * Text as a label file can hold it: a class as it is written there, no comma, not "True".
 * @param {Scene} scene
 * @param {string} text
 * @returns {string} "" for what is no label
 */
function cleanLabel(scene, text) {
  const plain = (/** @type {string} */ one) => one.toLowerCase().replace(/[-_]/g, " ");
  const clean = text.replaceAll(",", ";").replace(/\s+/g, " ").trim();
  const known = scene.classes.find((name) => plain(name) === plain(clean));
  return known ?? (/^(true|false)$/i.test(clean) ? "" : clean);
}

/**
 * Whether a component with these labels is to be removed, as labelfile.is_noise.
 * @param {Scene} scene
 * @param {string[]} own
 */
const isNoise = (scene, own) =>
  own.some((one) => scene.classes.includes(one)) && !own.some((one) => scene.kept.includes(one));

/**
 * Whether one label says keep and another remove.
 * @param {Scene} scene
 * @param {string[]} own
 */
function isContradiction(scene, own) {
  const classes = own.filter((one) => scene.classes.includes(one));
  return new Set(classes.map((one) => scene.kept.includes(one))).size === 2;
}

/**
 * What FIX, FSLeyes and Melview read: numbers from 1, and a last line of those to remove.
 * @param {Context} ctx
 * @param {Marks} marks
 */
function labelFile({ count, scene }, marks) {
  const all = Array.from({ length: count }, (_, k) => marks.of(k));
  const withClass = (/** @type {string[]} */ own) =>
    own.some((one) => scene.classes.includes(one)) ? own : ["Unknown", ...own];
  const lines = all.map((own, k) =>
    `${k + 1}, ${withClass(own).join(", ")}, ${isNoise(scene, own) ? "True" : "False"}`);
  const noise = all.flatMap((own, k) => (isNoise(scene, own) ? [k + 1] : []));
  return `${[".", ...lines, `[${noise.join(", ")}]`].join("\n")}\n`;
}

// ---- where they are kept -----------------------------------------------------------------------

const PATIENCE = 5000; // ms for an answer of Python

/**
 * Says where the labels are: it is believed when Python has the same labels, and not before.
 * @param {State} state
 * @param {boolean} isPage nothing saves labels but its reader
 * @param {() => void} tell called when there is something new to say
 */
function makeKeeper(state, isPage, tell) {
  const now = () => JSON.stringify(state.get("marks"));
  const isKept = () => now() === JSON.stringify(state.get("_kept"));
  let saved = now();
  let timer = 0;
  let isLate = false;
  const wait = () => {
    isLate = false;
    clearTimeout(timer);
    if (isPage || isKept()) return;
    timer = setTimeout(() => {
      isLate = !isKept();
      tell();
    }, PATIENCE);
  };
  state.on("marks _kept", wait);
  if (isPage && window.top === window)
    window.addEventListener("beforeunload", (event) => now() !== saved && event.preventDefault());
  return {
    downloaded() {
      saved = now();
      tell();
    },
    place() {
      if (isPage) return now() === saved ? "" : "NOT saved: they are on this page only";
      if (isLate) return "NOT saved: Python does not answer; Save labels writes a file";
      return isKept() ? state.get("saved") : "saving …";
    },
  };
}

// ---- the bar -----------------------------------------------------------------------------------

/**
 * @param {Context} ctx
 * @param {Marks} marks
 * @param {HTMLElement} root
 * @param {boolean} isPage nothing saves labels but its reader
 */
function makeMarkBar(ctx, marks, root, isPage) {
  const { state, scene } = ctx;
  const buttons = scene.classes.map((name, i) => makeElement("button", {
    type: "button", style: `--mark: ${scene.tints[i]}`,
    title: `${name}; with Shift: one more label`,
    onclick: (/** @type {MouseEvent} */ event) =>
      event.shiftKey ? marks.toggle(name) : marks.set(name),
  }, makeElement("kbd", {}, MARK_KEYS[i]), name));
  const count = makeElement("span", { class: "nbv-dim", role: "status" });
  const alarm = makeElement("span", { class: "nbv-alarm", role: "status" });
  const save = () => {
    const url = URL.createObjectURL(new Blob([labelFile(ctx, marks)], { type: "text/plain" }));
    download(root, url, "labels.txt");
    URL.revokeObjectURL(url);
    keeper.downloaded();
  };
  const keeper = makeKeeper(state, isPage, () => show());
  const show = () => {
    const own = marks.of(state.get("component"));
    const place = keeper.place();
    const both = isContradiction(scene, own) ? "labels that contradict: kept, as FSL does" : "";
    const isLost = place.startsWith("NOT");
    const words = [`${marks.count()} of ${ctx.count} labelled`, isLost ? "" : place];
    writeText(count, words.filter(Boolean).join(" · "));
    writeText(alarm, [both, isLost ? place : ""].filter(Boolean).join(" · "));
    buttons.forEach((button, i) =>
      button.setAttribute("aria-pressed", String(own.includes(scene.classes[i]))));
  };
  state.on("marks component saved _kept", show);
  const undo = makeElement("button",
    { type: "button", onclick: marks.undo, title: "Undo (u, Ctrl+Z)" },
    makeElement("kbd", {}, "u"), "Undo");
  const saver = makeElement("button",
    { type: "button", onclick: save, title: "As FIX and FSLeyes read them" }, "Save labels");
  const group = { class: "nbv-marks", role: "group", "aria-label": "Label of this component" };
  return makeElement("div", group, ...buttons, makeNotes(ctx, marks),
    makeElement("span", { class: "nbv-marks-end" }, alarm, count, undo, saver));
}

/**
 * Free text of the component in view: what there is, a field for more, names that are suggested.
 * @param {Context} ctx
 * @param {Marks} marks
 */
function makeNotes(ctx, marks) {
  const { state, scene } = ctx;
  const chips = makeElement("span", { class: "nbv-notes-own" });
  const input = makeElement("input", {
    type: "text", class: "nbv-note-text", placeholder: "free text (l)",
    "aria-label": "Free text label of this component", autocomplete: "off",
  });
  const add = () => {
    const label = cleanLabel(scene, input.value);
    if (label && !marks.of(state.get("component")).includes(label)) marks.toggle(label);
    input.value = "";
  };
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") add();
    else if (event.key === "Escape") input.blur();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const names = makeElement("span", { class: "nbv-names" });
  state.on("component marks cut_coords", () => {
    const k = state.get("component");
    const own = marks.of(k);
    const notes = own.filter((one) => !scene.classes.includes(one));
    chips.replaceChildren(...notes.map((note) => makeButton(`${note} ×`,
      `Remove the label ${note}`, () => marks.toggle(note), { class: "nbv-own" })));
    const offered = namesFor(ctx, k).filter((name) => !own.includes(name));
    if (names.dataset.of === JSON.stringify(offered)) return; // the crosshair moves on each frame
    names.dataset.of = JSON.stringify(offered);
    names.replaceChildren(...offered.map((name) => makeButton(`+ ${name}`,
      `Take the name ${name}`, () => marks.toggle(name), { class: "nbv-offer" })));
  });
  return makeElement("span", { class: "nbv-notes" }, chips, input, names);
}

/**
 * Names that a component may have: the network most like it, the region at the crosshair.
 * @param {Context} ctx
 * @param {number} k
 */
function namesFor(ctx, k) {
  const regions = regionsAt(ctx, ctx.state.get("cut_coords"));
  const names = [ctx.scene.suggested[k], regions].map((name) => cleanLabel(ctx.scene, name ?? ""));
  return [...new Set(names.filter(Boolean))];
}

/**
 * @param {Context} ctx
 * @param {Marks} marks
 * @param {KeyboardEvent} event
 */
function markByKey(ctx, marks, event) {
  if (event.metaKey || event.altKey || takesText(event.target)) return;
  const index = MARK_KEYS.indexOf(event.code.replace(/^(Digit|Key|Numpad)/, "").toLowerCase());
  const name = ctx.scene.classes[index];
  const isClass = index >= 0 && name !== undefined && !event.ctrlKey;
  if (event.ctrlKey ? event.key === "z" : event.key === "u") marks.undo();
  else if (isClass && event.shiftKey) marks.toggle(name);
  else if (MARK_KEYS.includes(event.key) && !event.ctrlKey)
    marks.set(ctx.scene.classes[MARK_KEYS.indexOf(event.key)]);
  else if (event.key === "l" && !event.ctrlKey) {
    const field = /** @type {Element} */ (event.currentTarget).querySelector(".nbv-note-text");
    if (field instanceof HTMLElement) field.focus();
  } else return;
  event.preventDefault();
}
