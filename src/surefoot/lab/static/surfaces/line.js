import { leastSquares } from "./least_squares.js";
import { batches, points } from "./points.js";

const COUNT = 40;
const common = {
  names: ["m", "b"],
  box: [-3.4, 5, -4.2, 3.4],
  start: [-2.4, 2.4],
};
const batchSize = { label: "batch size", low: 1, high: COUNT, value: 4, step: 1 };
const seed = { label: "seed", low: 1, high: 99, value: 1, step: 1 };

export const line = {
  ...common,
  name: "line",
  label: "Line fit",
  sentence: "Each point is a line y = m x + b, its loss the mean squared error over the data beside. All examples in each step.",
  params: { seed },
  rate: 0.1,
  make: (settings) => leastSquares(points(COUNT, settings.seed)),
};

export const noise = {
  ...common,
  name: "noise",
  label: "Mini-batches",
  sentence: "The same line, but each step sees a few of the points: the gradient is right on average only, and the path trembles.",
  params: { batch: { ...batchSize, value: 2 }, seed },
  rate: 0.1,
  make: (settings) => leastSquares(points(COUNT, settings.seed), batches(settings.batch, COUNT, settings.seed)),
};

export const outliers = {
  ...common,
  name: "outliers",
  label: "Outliers",
  sentence: "Two of forty points are wrong by 25. When one is drawn the gradient spikes, and the step goes far astray.",
  params: { batch: batchSize, seed },
  box: [-3.4, 5, -4.2, 4.8],
  rate: 0.06,
  make: (settings) => leastSquares(points(COUNT, settings.seed, 2), batches(settings.batch, COUNT, settings.seed)),
};
