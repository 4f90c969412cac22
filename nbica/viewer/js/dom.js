// Small helpers for elements, numbers and state. Text only ever becomes text, never HTML.

function h(tag, attributes = {}, ...children) {
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

// A text that stays is not written again: the page would lay it out again.
function say(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

const minus = (text) => String(text).replace("-", "−");
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// A number with as many decimals as its precision deserves.
function digits(value, half) {
  if (value === undefined) return "outside";
  if (value === null || Number.isNaN(value)) return "no data";
  const decimals = half > 0 ? clamp(Math.ceil(-Math.log10(half)), 0, 6) : 3;
  return minus(half > 0 ? value.toFixed(decimals) : Number(value.toFixed(decimals)));
}

const short = (value) => minus(Number(value.toPrecision(3)));
const inMm = (value) => minus(Number(value.toFixed(1)));

// State: what Python sees and what is drawn. Drawing is at once; Python is told ten times a second.
function makeState(model) {
  let timer = null;
  const save = () => { timer = null; model.save_changes(); };
  const bound = [];
  return {
    get: (name) => model.get(name),
    set(changes) {
      for (const [name, value] of Object.entries(changes)) model.set(name, value);
      timer = timer ?? setTimeout(save, 100);
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
      if (timer !== null) { clearTimeout(timer); save(); }
    },
  };
}

// Dark as JupyterLab, VS Code or the system says; told again when that changes.
function followTheme(root) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const lab = document.body.dataset.jpThemeLight;
    const code = document.body.className.match(/vscode-(dark|light|high-contrast)/);
    const dark = lab ? lab === "false" : code ? code[1] !== "light" : system.matches;
    root.classList.toggle("nbv-dark", dark);
  };
  const observer = new MutationObserver(apply);
  observer.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
  system.addEventListener("change", apply);
  apply();
  return () => { observer.disconnect(); system.removeEventListener("change", apply); };
}

// ---- controls that are bound to the state ------------------------------------------------------

let lastId = 0;

function labelled(text, control, ...rest) {
  control.id = `nbv-${++lastId}`;
  return h("div", { class: "nbv-field" }, h("label", { for: control.id }, text), control, ...rest);
}

function slider(state, name, { label, min, max, step, show = short }) {
  const input = h("input", { type: "range", min, max, step });
  const output = h("output", {});
  input.addEventListener("input", () => state.set({ [name]: Number(input.value) }));
  state.on(name, () => {
    input.value = state.get(name);
    output.textContent = show(state.get(name));
    input.setAttribute("aria-valuetext", output.textContent);
  });
  return labelled(label, input, output);
}

function checkbox(state, name, label) {
  const input = h("input", { type: "checkbox" });
  input.addEventListener("change", () => state.set({ [name]: input.checked }));
  state.on(name, () => { input.checked = state.get(name); });
  return h("label", { class: "nbv-check" }, input, label);
}

function choice(state, name, label, options) {
  const select = h("select", {}, ...options.map(([value, text]) => h("option", { value }, text)));
  select.addEventListener("change", () => state.set({ [name]: select.value }));
  state.on(name, () => { select.value = state.get(name); });
  return labelled(label, select);
}

function numberField(label, read, write, attributes = {}) {
  const input = h("input", { type: "number", step: "any", ...attributes });
  input.addEventListener("change", () => {
    if (input.value !== "" && Number.isFinite(Number(input.value))) write(Number(input.value));
    input.value = read();
  });
  const field = labelled(label, input);
  field.refresh = () => { if (document.activeElement !== input) input.value = read(); };
  return field;
}
