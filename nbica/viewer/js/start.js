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

// The text of an element, which then goes: megabytes of base64 are not needed twice.
function taken(id) {
  const el = document.getElementById(id), text = el.textContent;
  el.remove();
  return text;
}

function bytesOf(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

const state = JSON.parse(taken("nbica-state"));
const bytes = bytesOf(taken("nbica-payload"));
window.nbica = new PageModel({ ...state, _payload: new DataView(bytes.buffer) });
await entry.render({ model: window.nbica, el: document.getElementById("nbica") });
window.nbicaReady = performance.now();  // milliseconds since the page was asked for
document.documentElement.dataset.ready = "true";
