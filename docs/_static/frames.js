// A viewer's page says how tall it is and is told whether the site is dark or light. By messages:
// opened from a folder, a page may not look into its frames.
const frameOf = (source) =>
  [...document.querySelectorAll(".nbica-viewer iframe")].find((frame) => frame.contentWindow === source);

function tellTheme(frame) {
  const light = String(document.documentElement.dataset.theme !== "dark");
  frame.contentWindow.postMessage({ light }, "*");
}

addEventListener("message", (event) => {
  const frame = frameOf(event.source);
  if (!frame || !(event.data?.height > 0)) return;
  frame.style.height = `${Math.ceil(event.data.height)}px`;
  tellTheme(frame);
});

new MutationObserver(() => document.querySelectorAll(".nbica-viewer iframe").forEach(tellTheme))
  .observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
