import { written } from "./written.js";

export const rosenbrock = written({
  name: "rosenbrock",
  label: "Rosenbrock",
  sentence: "Rosenbrock 1960: down into the curved valley is easy, along its floor to (1, 1) is not.",
  formula: "(1 - x)^2 + 100*(y - x^2)^2",
  box: [-2.2, 2.2, -1.1, 3.2],
  start: [-1.5, 2.6],
  minima: [[1, 1]],
  lowest: 0,
  rate: 0.0008,
});
