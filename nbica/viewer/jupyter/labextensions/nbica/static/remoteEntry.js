// For JupyterLab 4 and Notebook 7: a saved notebook shows what its outputs hold beside a widget.
//
// A widget lives in a kernel. In a reopened notebook its output says "Error displaying widget: model
// not found", though a picture and a page are saved beside it. This extension shows those, and steps
// back as soon as the widget is there again. It is loaded as it stands, without a build: all that a
// prebuilt extension must have is `init` and `get`.

(() => {
  const WIDGET = "application/vnd.jupyter.widget-view+json";
  const LOST = /^(Error displaying widget|Loading widget)/;
  // Milliseconds after which a notebook without a kernel is taken to stay so.
  const PATIENCE = 3000;
  let shared = {};

  /** A module that JupyterLab shares with its extensions. */
  async function fromLab(name) {
    const [version] = Object.values(shared[name]);
    return (await version.get())();
  }

  /** What an output holds beside its widget; null where that is no more than a line of text. */
  function savedBeside({ [WIDGET]: view, ...rest }) {
    return view && ("text/html" in rest || "image/png" in rest) ? rest : null;
  }

  /** Whether a widget's place says that there is none; with a kernel, one that loads may come. */
  function isLost({ node }, { patient, kernel }) {
    const found = LOST.exec(node.textContent.trim());
    return found !== null && (found[1].startsWith("Error") || (!kernel && !patient));
  }

  /** The saved output, rendered. */
  function renderSaved(panel, model, data) {
    const { rendermime } = panel.content;
    const mime = rendermime.preferredMimeType(data, model.trusted ? "any" : "ensure");
    if (!mime) return null;
    const renderer = rendermime.createRenderer(mime);
    renderer.renderModel({ data, metadata: model.metadata, trusted: model.trusted, setData() {} });
    renderer.addClass("jp-OutputArea-output");
    renderer.node.title = "As it was saved; run the cell to bring it to life";
    return renderer;
  }

  const standIns = new WeakMap();

  /** Show what is saved in the place of a lost widget, or step back for one that came. */
  function mendOutput(panel, child, model, wait) {
    const renderer = [...child.children()].find(({ node }) => LOST.test(node.textContent.trim()));
    const standIn = standIns.get(child);
    if (standIn && !standIn.of.isDisposed && !isLost(standIn.of, wait)) {
      standIn.of.show();
      standIn.renderer.dispose();
      standIns.delete(child);
    }
    const data = savedBeside(model.data);
    if (standIns.has(child) || !renderer || !data || !isLost(renderer, wait)) return;
    const saved = renderSaved(panel, model, data);
    if (!saved) return;
    standIns.set(child, { of: renderer, renderer: saved });
    renderer.hide();
    child.addWidget(saved);
  }

  function mend(panel, patient) {
    if (panel.isDisposed) return;
    const wait = { patient, kernel: panel.sessionContext.session?.kernel };
    for (const { outputArea } of panel.content.widgets) {
      const models = outputArea?.model;
      outputArea?.widgets.forEach((child, i) => {
        if (child.addWidget && models.get(i)) mendOutput(panel, child, models.get(i), wait);
      });
    }
  }

  /** Look at a notebook's outputs whenever something in it changed, once a frame at most. */
  function watch(panel) {
    const opened = performance.now();
    let waiting = 0;
    const look = () => {
      waiting = 0;
      mend(panel, performance.now() - opened < PATIENCE);
    };
    const later = () => {
      waiting = waiting || requestAnimationFrame(look);
    };
    const observer = new MutationObserver(later);
    observer.observe(panel.node, { childList: true, subtree: true, characterData: true });
    panel.sessionContext.kernelChanged.connect(later);
    setTimeout(later, PATIENCE + 100);
    panel.disposed.connect(() => observer.disconnect());
    later();
  }

  async function makePlugin() {
    const { INotebookTracker } = await fromLab("@jupyterlab/notebook");
    return {
      id: "nbica:saved-widgets",
      description: "Shows what is saved beside widgets that no kernel holds any more.",
      autoStart: true,
      requires: [INotebookTracker],
      activate(_, tracker) {
        tracker.forEach(watch);
        tracker.widgetAdded.connect((_, panel) => watch(panel));
      },
    };
  }

  const container = {
    init(scope) {
      shared = scope;
    },
    async get() {
      const plugin = await makePlugin();
      return () => ({ __esModule: true, default: plugin });
    },
  };
  window._JUPYTERLAB = { ...window._JUPYTERLAB, nbica: container };
})();
