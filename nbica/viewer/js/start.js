// A page without Jupyter: the model that Jupyter would give to a widget, and the page's start.
// `window.nbica` is for those who script the page: nbica.set("component", 3).

/** @implements {Model} */
class PageModel {
  /** @type {Record<string, any>} */
  #state;
  /** @type {Map<string, (() => void)[]>} */
  #calls = new Map();
  /** @param {Record<string, any>} state */
  constructor(state) {
    this.#state = state;
  }
  /** @param {string} name */
  get(name) {
    return this.#state[name];
  }
  /** @param {string} name @param {any} value */
  set(name, value) {
    if (this.#state[name] === value) return;
    this.#state[name] = value;
    for (const call of this.#callsOf(`change:${name}`)) call();
  }
  /** @param {string} event @param {() => void} call */
  on(event, call) {
    this.#calls.set(event, [...this.#callsOf(event), call]);
  }
  /** @param {string} event @param {() => void} call */
  off(event, call) {
    this.#calls.set(
      event,
      this.#callsOf(event).filter((one) => one !== call),
    );
  }
  save_changes() {}
  /** @param {string} event */
  #callsOf(event) {
    return [...(this.#calls.get(event) ?? [])];
  }
}

/**
 * The text of an element, which then goes: megabytes of base64 are not needed twice.
 * @param {string} id
 */
function takeText(id) {
  const el = /** @type {HTMLElement} */ (document.getElementById(id));
  const text = el.textContent ?? "";
  el.remove();
  return text;
}

/** @param {string} base64 */
function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** @param {string} id of a script element with base64; nothing where it is not there */
const takeBlock = (id) =>
  document.getElementById(id) ? new DataView(bytesOf(takeText(id)).buffer) : undefined;

const pageModel = new PageModel({
  ...JSON.parse(takeText("nbica-state")),
  _payload: takeBlock("nbica-payload"),
  _courses: takeBlock("nbica-courses"),
  _cortex: takeBlock("nbica-cortex"),
});
Object.assign(window, { nbica: pageModel });
const pageElement = /** @type {HTMLElement} */ (document.getElementById("nbica"));
await entry.render({ model: pageModel, el: pageElement });
// Milliseconds since the page was asked for.
Object.assign(window, { nbicaReady: performance.now() });
document.documentElement.dataset.ready = "true";
