"use strict";
// Fills the comparison's figures from the data that stands in the page; charts over time have an axis of their own.
(() => {
  const { surefoot } = window;
  const data = JSON.parse(document.getElementById("data").textContent);
  const extent = (charts) => {
    const ends = charts.flatMap((chart) => chart.series.flatMap((one) => [one.steps[0], one.steps.at(-1)]));
    return [Math.min(...ends), Math.max(...ends)];
  };
  const marks = { charts: data.marks, times: [] };
  const extents = { charts: extent(data.charts), times: extent(data.times) };
  for (const figure of document.querySelectorAll("figure.chart")) {
    const { group, position } = figure.dataset;
    surefoot.chart(figure, data[group][position], marks[group], extents[group]);
  }
})();
