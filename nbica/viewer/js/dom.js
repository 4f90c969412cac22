// Elements, numbers in words, state, theme, and controls that are bound to the state.
// Text only ever becomes text, never HTML.

/**
 * What the parts know of a widget's model: Jupyter's, or a page's own (start.js).
 * @typedef {object} Model
 * @property {(name: string) => any} get
 * @property {(name: string, value: any) => void} set
 * @property {(event: string, call: (...what: any[]) => void) => void} on
 * @property {(event: string, call: (...what: any[]) => void) => void} off
 * @property {() => void} save_changes
 * @property {(content: any) => void} [send] to Python; a page has none
 */

/**
 * The viewer's traits by name, as Python holds them.
 * @typedef {object} State
 * @property {(name: string) => any} get
 * @property {(changes: Record<string, any>) => void} set
 *   Draws at once; Python hears of it ten times a second.
 * @property {(names: string, call: () => void) => void} on
 *   Call now, and whenever one of the names (with spaces between them) changes.
 * @property {() => void} close
 */

// ---- elements ----------------------------------------------------------------------------------

/**
 * An element with attributes, listeners ("onclick") and children; null children are left out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [attributes] true: there, without a value; false or null: not there
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
function makeElement(tag, attributes = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (name === "class") el.className = value;
    else if (value === true) el.setAttribute(name, "");
    else if (value !== false && value != null) el.setAttribute(name, value);
  }
  el.append(...children.filter((child) => child != null));
  return el;
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} attributes
 * @param {...(Node | string)} children
 * @returns {SVGElementTagNameMap[T]}
 */
function makeSvg(tag, attributes, ...children) {
  const el = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, value);
  el.append(...children);
  return el;
}

/**
 * Text that stays is not written again: the page would lay it out again.
 * @param {HTMLElement} el
 * @param {string} text
 */
function writeText(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

/**
 * Have the browser save a file.
 * @param {HTMLElement} root where the link is for a moment
 * @param {string} url
 * @param {string} name
 */
function download(root, url, name) {
  const link = makeElement("a", { href: url, download: name });
  root.append(link);
  link.click();
  link.remove();
}

// ---- numbers -----------------------------------------------------------------------------------

/**
 * A number or its text with a true minus sign.
 * @param {number | string} text
 */
const withMinus = (text) => String(text).replace("-", "−");

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/**
 * A number with as many decimals as its precision deserves.
 * @param {number | null | undefined} value null: no data; undefined: outside of the image
 * @param {number} [half] half of the step between two values
 * @returns {string}
 */
function formatValue(value, half = 0) {
  if (value === undefined) return "outside";
  if (value === null || Number.isNaN(value)) return "no data";
  const decimals = half > 0 ? clamp(Math.ceil(-Math.log10(half)), 0, 6) : 3;
  return withMinus(half > 0 ? value.toFixed(decimals) : Number(value.toFixed(decimals)));
}

/**
 * Three digits.
 * @param {number} value
 */
const formatShort = (value) => withMinus(Number(value.toPrecision(3)));

/**
 * A place along an axis, to a tenth of a millimetre.
 * @param {number} value
 */
const formatMm = (value) => withMinus(Number(value.toFixed(1)));

// ---- state and theme ---------------------------------------------------------------------------

/**
 * @param {Model} model
 * @returns {State}
 */
function makeState(model) {
  let timer = 0;
  const save = () => {
    timer = 0;
    model.save_changes();
  };
  /** @type {[string, () => void][]} */
  const bound = [];
  return {
    get: (name) => model.get(name),
    set(changes) {
      for (const [name, value] of Object.entries(changes)) model.set(name, value);
      timer = timer || setTimeout(save, 100);
    },
    on(names, call) {
      for (const name of names.split(" ")) {
        model.on(`change:${name}`, call);
        bound.push([`change:${name}`, call]);
      }
      call();
    },
    close() {
      bound.forEach(([event, call]) => model.off(event, call));
      if (timer) {
        clearTimeout(timer);
        save();
      }
    },
  };
}

/**
 * Dark as JupyterLab, VS Code or the system says, now and when that changes.
 * @param {HTMLElement} root
 * @returns {() => void} stops following
 */
function followTheme(root) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const lab = document.body.dataset.jpThemeLight;
    const code = document.body.className.match(/vscode-(dark|light|high-contrast)/);
    const dark = lab ? lab === "false" : code ? code[1] !== "light" : system.matches;
    root.classList.toggle("nbv-dark", dark);
  };
  const observer = new MutationObserver(apply);
  observer.observe(document.body, {
    attributes: true,
    attributeFilter: ["data-jp-theme-light", "class"],
  });
  system.addEventListener("change", apply);
  apply();
  return () => {
    observer.disconnect();
    system.removeEventListener("change", apply);
  };
}

// ---- controls that are bound to the state ------------------------------------------------------

let lastId = 0;

/**
 * A control behind its label.
 * @param {string} text
 * @param {HTMLElement} control
 * @param {...HTMLElement} rest
 * @returns {HTMLDivElement}
 */
function makeField(text, control, ...rest) {
  control.id = `nbv-${++lastId}`;
  const label = makeElement("label", { for: control.id }, text);
  return makeElement("div", { class: "nbv-field" }, label, control, ...rest);
}

/**
 * @param {State} state
 * @param {string} name the trait it sets
 * @param {object} options
 * @param {string} options.label
 * @param {number} options.min
 * @param {number} options.max
 * @param {number} options.step
 * @param {(value: number) => string} [options.show]
 */
function makeSlider(state, name, { label, min, max, step, show = formatShort }) {
  const input = makeElement("input", { type: "range", min, max, step });
  const output = makeElement("output");
  input.addEventListener("input", () => state.set({ [name]: Number(input.value) }));
  state.on(name, () => {
    input.value = state.get(name);
    output.textContent = show(state.get(name));
    input.setAttribute("aria-valuetext", output.textContent);
  });
  return makeField(label, input, output);
}

/**
 * @param {State} state
 * @param {string} name the trait it sets
 * @param {string} label
 */
function makeCheckbox(state, name, label) {
  const input = makeElement("input", { type: "checkbox" });
  input.addEventListener("change", () => state.set({ [name]: input.checked }));
  state.on(name, () => {
    input.checked = state.get(name);
  });
  return makeElement("label", { class: "nbv-check" }, input, label);
}

/**
 * @param {State} state
 * @param {string} name the trait it sets
 * @param {string} label
 * @param {[string | number, string][]} options values and their texts
 * @param {(text: string) => any} [parse] from an option's text to a trait's value
 */
function makeChoice(state, name, label, options, parse = (text) => text) {
  const items = options.map(([value, text]) => makeElement("option", { value }, text));
  const select = makeElement("select", {}, ...items);
  select.addEventListener("change", () => state.set({ [name]: parse(select.value) }));
  state.on(name, () => {
    select.value = state.get(name);
  });
  return makeField(label, select);
}

/**
 * A field for a number, which `refresh` writes unless somebody is typing in it.
 *
 * Enter is answered here: in JupyterLab no "change" follows it.
 * @param {string} label
 * @param {() => number} read
 * @param {(value: number) => void} write
 */
function makeNumberField(label, read, write) {
  const input = makeElement("input", { type: "number", step: "any" });
  const show = () => {
    input.value = String(read());
  };
  const take = () => {
    if (input.value !== "" && Number.isFinite(Number(input.value))) write(Number(input.value));
    show();
  };
  input.addEventListener("change", take);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") take();
  });
  const refresh = () => {
    if (document.activeElement !== input) show();
  };
  return { el: makeField(label, input), refresh };
}
