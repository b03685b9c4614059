// Seeded points about the line y = 1.5 x - 0.5, some of them outliers, and the batches that are drawn from them.
import { gaussian, uniform } from "../random.js";

const SLOPE = 1.5;
const HEIGHT = -0.5;

export function points(count, seed, outliers = 0) {
  const next = uniform(seed);
  const noise = gaussian(next);
  const x = [];
  const y = [];
  for (let i = 0; i < count; i++) {
    x.push(4 * next() - 2);
    y.push(SLOPE * x[i] + HEIGHT + 0.5 * noise());
  }
  const first = Math.floor(next() * count);
  for (let i = 0; i < outliers; i++) y[(first + 13 * i) % count] += 25;
  return { x, y };
}

/** A function of the step t: the indices of its batch, drawn with replacement; the same for every racer, and drawn once. */
export function batches(size, count, seed) {
  const drawn = [];
  return (t) => {
    if (drawn[t]) return drawn[t];
    const next = uniform(Math.imul(seed, 7919) + Math.imul(t + 1, 104729));
    return (drawn[t] = Array.from({ length: size }, () => Math.floor(next() * count)));
  };
}
