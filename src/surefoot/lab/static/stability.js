// Where a rule arrives, swings or flies off, over its rate and its momentum: the map under the sliders.
import { Walk } from "./descent.js";

export const OUTCOMES = ["arrives", "swings", "on its way", "diverges"];
const STEPS = 120;
const CLOSE = 0.01; // of the loss at the start: arrived
const FAR = 1e9; // does not come back

/** Index into OUTCOMES of a racer from a start. */
export function outcome(surface, racer, start, steps = STEPS) {
  const walk = new Walk(surface, racer, start, steps);
  const { theta, raw } = walk;
  const lowest = surface.lowest ?? -Infinity;
  const first = surface.loss(theta[0], theta[1]);
  let turns = 0;
  let a = 0;
  let b = 0;
  for (let t = 1; t <= steps; t++) {
    walk.step();
    // A swing: the gradient points against the one before it.
    if (raw[0] * a + raw[1] * b < 0) turns++;
    a = raw[0];
    b = raw[1];
    if (!(Math.abs(theta[0]) < FAR && Math.abs(theta[1]) < FAR)) return 3;
  }
  const loss = surface.loss(theta[0], theta[1]);
  if (!(loss <= first)) return 3;
  if (turns > steps / 4) return 1;
  const arrived = lowest > -Infinity ? loss <= lowest + CLOSE * (first - lowest) : Math.hypot(a, b) < CLOSE;
  return arrived ? 0 : 2;
}

/** Fills `cells` (rows of momenta from 0 up, columns of rates) row by row; yields after every eight, so that a frame can end. */
export function* stabilityMap(surface, racer, start, rates, momenta, inertia, cells) {
  const plain = { ...surface, batchGradient: undefined };
  for (let row = 0; row < momenta.length; row++) {
    for (let column = 0; column < rates.length; column++) {
      const candidate = { ...racer, rate: rates[column], [inertia]: momenta[row] };
      cells[row * rates.length + column] = outcome(plain, candidate, start);
      if (column % 8 === 7) yield;
    }
  }
}
