// What Jupyter gives to a widget, for a page without Jupyter. `window.nbica` is for those who script
// the page: nbica.set("component", 3).
class PageModel {
  #state;
  #calls = new Map();
  constructor(state) { this.#state = state; }
  get(name) { return this.#state[name]; }
  set(name, value) {
    if (this.#state[name] === value) return;
    this.#state[name] = value;
    for (const call of [...(this.#calls.get(`change:${name}`) ?? [])]) call();
  }
  on(event, call) { this.#calls.set(event, [...(this.#calls.get(event) ?? []), call]); }
  off(event, call) { this.#calls.set(event, (this.#calls.get(event) ?? []).filter((one) => one !== call)); }
  save_changes() {}
}

const textOf = (id) => document.getElementById(id).textContent;
const bytes = Uint8Array.from(atob(textOf("nbica-payload")), (char) => char.charCodeAt(0));
const state = JSON.parse(textOf("nbica-state"));
window.nbica = new PageModel({ ...state, _payload: new DataView(bytes.buffer) });
await entry.render({ model: window.nbica, el: document.getElementById("nbica") });
window.nbicaReady = performance.now();  // milliseconds since the page was asked for
document.documentElement.dataset.ready = "true";
