// The IC desk: all components as a contact sheet, the viewer at the chosen one's peak, its time
// course and power spectrum, labels by keyboard. Beside the files of the slice viewer.

/**
 * What Jupyter calls for a ComponentBrowser.
 * @param {{model: Model, el: HTMLElement}} place
 * @returns {Promise<() => void>} closes the desk
 */
async function renderComponents({ model, el }) {
  const ctx = makeContext(model, await sceneOf(model));
  const { volumes: courses } = await unpack(model.get("_courses"));
  const root = makeRoot(`Component browser ${model.get("title")}`.trim());
  root.classList.add("nbv-desk");
  el.replaceChildren(root);
  const marks = makeMarks(ctx);
  const sheet = makeSheet(ctx, marks);
  const partner = makePartner(ctx);
  const signals = makeSignals(ctx, model, courses);
  root.addEventListener("keydown", (event) => markByKey(ctx, marks, event));
  const close = mountViewer(root, ctx, {
    beside: [sheet.el],
    screen: partner ? [partner.el] : [],
    below: [makeMarkBar(ctx, marks, root, !model.send), ...(signals ? [signals.el] : [])],
  });
  return () => {
    sheet.close();
    signals?.close();
    partner?.close();
    close();
  };
}
