import { written } from "./written.js";

export const saddle = written({
  name: "saddle",
  label: "Saddle",
  sentence: "A saddle at (0, 0) between two minima. On its ridge the gradient points at the saddle, and vanishes there.",
  formula: "x^2/2 + y^4/4 - y^2/2",
  box: [-2.6, 2.6, -1.9, 1.9],
  start: [-2.2, 0.001],
  minima: [[0, 1], [0, -1]],
  lowest: -0.25,
  rate: 0.1,
});
