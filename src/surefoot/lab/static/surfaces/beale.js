import { written } from "./written.js";

export const beale = written({
  name: "beale",
  label: "Beale",
  sentence: "Beale 1958: a flat valley between walls that rise with the sixth power. Gradients differ by a factor of a million.",
  formula: "(1.5 - x + x*y)^2 + (2.25 - x + x*y^2)^2 + (2.625 - x + x*y^3)^2",
  box: [-0.5, 4.5, -1.6, 1.6],
  start: [0.8, 1.35],
  minima: [[3, 0.5]],
  lowest: 0,
  rate: 0.01,
});
