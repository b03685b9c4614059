import { written } from "./written.js";

export const ravine = written({
  name: "ravine",
  label: "Ravine",
  sentence: "One curvature is k times the other, and the valley may run across the axes. The rate must suit the steep side.",
  formula: "(x*cos(angle*pi/180) + y*sin(angle*pi/180))^2 + k*(y*cos(angle*pi/180) - x*sin(angle*pi/180))^2",
  params: {
    k: { label: "condition number k", low: 1, high: 1000, value: 50, log: true },
    angle: { label: "angle", low: 0, high: 90, value: 20, step: 1, unit: "°" },
  },
  box: [-4, 4, -3, 3],
  start: [-3.2, 1.2],
  minima: [[0, 0]],
  lowest: 0,
  rate: 0.018,
});
