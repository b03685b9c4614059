import { written } from "./written.js";

export const himmelblau = written({
  name: "himmelblau",
  label: "Himmelblau",
  sentence: "Himmelblau 1972: four minima of the same depth. Where you start, and how fast you go, decides which.",
  formula: "(x^2 + y - 11)^2 + (x + y^2 - 7)^2",
  box: [-6, 6, -5.5, 5.5],
  start: [-0.3, -0.9],
  minima: [[3, 2], [-2.805118086952745, 3.131312518250573], [-3.779310253377747, -3.283185991286170], [3.584428340330492, -1.848126526964404]],
  lowest: 0,
  rate: 0.01,
});
