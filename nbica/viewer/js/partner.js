// A second decomposition below the first.

/** @param {Context} ctx */
function makePartner(ctx) {
  const { partner, pairs, partner_ratio: ratio } = ctx.scene;
  if (!partner || !pairs) return null;
  const look = () => {
    const own = ctx.look();
    const [first] = own.layers;
    const { threshold, vmax } = first;
    const scaled = { threshold: threshold * ratio, vmax: vmax * ratio };
    return { ...own, layers: [{ ...first, ...scaled, volume: partner }] };
  };
  const stage = makeStage({ ...ctx, maps: partner, look });
  const caption = makeElement("p", { class: "nbv-pair" });
  ctx.state.on("component names", () => {
    const k = ctx.state.get("component");
    caption.textContent = pairWords(ctx.name(k), pairs[k]);
  });
  ctx.state.on(`${PIXELS} zoom`, stage.draw);
  return { el: makeElement("div", {}, caption, stage.el), close: stage.close };
}

/**
 * @param {string} own name of a component
 * @param {{r: number, name: string}} partner
 */
function pairWords(own, { r, name }) {
  if (!name) return "No partner: the other decomposition has fewer components.";
  const turned = r < 0 ? " (shown with its sign turned)" : "";
  return `${own} and ${name}: r = ${withMinus(r.toFixed(2))}${turned}`;
}
