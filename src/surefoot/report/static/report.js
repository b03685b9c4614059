"use strict";
// Fills the report's figures from the data that stands in the page.
(() => {
  const { surefoot } = window;
  const data = JSON.parse(document.getElementById("data").textContent);
  const steps = data.charts.flatMap((chart) => chart.series.flatMap((one) => [one.steps[0], one.steps.at(-1)]));
  const extent = steps.length ? [Math.min(...steps), Math.max(...steps)] : [Infinity, -Infinity];
  for (const figure of document.querySelectorAll("figure.chart")) {
    surefoot.chart(figure, data[figure.dataset.group][figure.dataset.position], data.findings, extent, data.view);
  }
  const heatmap = document.querySelector("figure.heatmap");
  if (heatmap) surefoot.heatmap(heatmap, data.maps, data.findings, data.view ?? extent, data.view ? extent : null);

  // A link into the folded script opens it first.
  const unfold = () => {
    const target = location.hash.startsWith("#L") && document.getElementById(location.hash.slice(1));
    const folded = target && target.closest("details");
    if (folded && !folded.open) {
      folded.open = true;
      target.scrollIntoView({ block: "center" });
    }
  };
  addEventListener("hashchange", unfold);
  unfold();
})();
