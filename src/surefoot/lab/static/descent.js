// One racer's way down a surface, computed whole; what is played is then only looked at.
import { clipper } from "./clipping.js";
import { RULES } from "./rules/all.js";
import { factor } from "./schedules.js";

export const EPS = 1e-8;
const FAR = 1e12; // beyond it a path is no more than an overflow that has not come yet

/** A descent step by step: gradient, clipping, rate, rule. Its fields say what the last step did. */
export class Walk {
  constructor(surface, racer, start, steps) {
    this.theta = Float64Array.from(start);
    this.g = new Float64Array(2); // clipped
    this.raw = new Float64Array(2);
    this.norm = this.threshold = this.factor = NaN;
    this.t = 0; // steps done
    this.o = { ...racer, eps: EPS }; // the rule's numbers, the rate as the schedule has it
    this.racer = racer;
    this.steps = steps; // length of the schedule
    this.rule = RULES[racer.rule];
    this.memory = [this.rule.memory(), this.rule.memory()];
    this.clip = clipper(racer);
    this.steady = racer.schedule === "constant" && racer.warmup === 0;
    this.gradient = surface.batchGradient ?? surface.gradient;
  }

  step() {
    const { theta, g, raw, memory, rule, o } = this;
    this.gradient(theta[0], theta[1], g, this.t);
    raw[0] = g[0];
    raw[1] = g[1];
    this.clip(this);
    if (!this.steady) o.rate = this.racer.rate * factor(this.t, this.racer, this.steps);
    const t = ++this.t;
    theta[0] = rule.update(theta[0], g[0], memory[0], o, t);
    theta[1] = rule.update(theta[1], g[1], memory[1], o, t);
  }
}

/**
 * The path of a racer: places xs, ys and losses at 0 … count, and of each step its raw gradient, norm, clip threshold, clip factor
 * and rate. It ends early where it is no longer finite ("diverged"), or where a plane's losses end ("left").
 */
export function descend(surface, racer, start, steps) {
  const walk = new Walk(surface, racer, start, steps);
  const path = emptyPath(steps);
  if (!arrive(path, 0, walk.theta, surface)) return path;
  for (let t = 1; t <= steps; t++) {
    walk.step();
    note(path, t - 1, walk);
    if (!arrive(path, t, walk.theta, surface)) break;
  }
  return path;
}

/** All that happened in step t of `steps` (1 is the first), for the equation; null if the path ended before. */
export function explain(surface, racer, start, t, steps) {
  const walk = new Walk(surface, racer, start, steps);
  while (walk.t < t - 1) walk.step();
  const theta = [...walk.theta];
  const before = walk.memory.map((s) => ({ ...s }));
  walk.step();
  if (!theta.every(Number.isFinite)) return null;
  const { o, norm, threshold, factor } = walk;
  return { t, theta, before, next: [...walk.theta], after: walk.memory, g: [...walk.g], o, norm, threshold, factor };
}

function emptyPath(steps) {
  const path = { count: 0, ended: null, clipped: 0 };
  for (const name of ["xs", "ys", "losses"]) path[name] = new Float64Array(steps + 1);
  for (const name of ["gx", "gy", "norms", "thresholds", "factors", "rates"]) path[name] = new Float64Array(steps);
  return path;
}

/** Takes in where the racer is after t steps; false if the path ends before that place. */
function arrive(path, t, theta, surface) {
  const x = theta[0];
  const y = theta[1];
  const loss = surface.loss(x, y);
  const near = Math.abs(x) < FAR && Math.abs(y) < FAR;
  if (t > 0 && !(near && Number.isFinite(loss))) {
    path.ended = near && surface.bounded ? "left" : "diverged";
    return false;
  }
  path.xs[t] = x;
  path.ys[t] = y;
  path.losses[t] = loss;
  path.count = t;
  return Number.isFinite(loss);
}

function note(path, i, { raw, norm, threshold, factor, o }) {
  path.gx[i] = raw[0];
  path.gy[i] = raw[1];
  path.norms[i] = norm;
  path.thresholds[i] = threshold;
  path.factors[i] = factor;
  path.rates[i] = o.rate;
  if (factor < 1) path.clipped++;
}
