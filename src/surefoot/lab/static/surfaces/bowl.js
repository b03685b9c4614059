import { written } from "./written.js";

export const bowl = written({
  name: "bowl",
  label: "Bowl",
  sentence: "Curvatures 2 and 8: the kindest surface there is. The gradient points almost at the minimum.",
  formula: "x^2 + 4*y^2",
  box: [-4, 4, -3, 3],
  start: [-3.2, 2.2],
  minima: [[0, 0]],
  lowest: 0,
  rate: 0.1,
});
