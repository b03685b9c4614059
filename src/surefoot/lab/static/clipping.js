// Clipping: what may become of a gradient before a rule sees it. Thresholds and factors are those of surefoot.clipping.
import { History } from "./percentile.js";

export const CLIPS = { none: "none", norm: "by norm", value: "by value", autoclip: "AutoClip" };

/** A clipper: clip(step) changes step.g in place and sets step.norm, step.threshold and step.factor. */
export function clipper({ clip, norm, value, percentile }) {
  if (clip === "norm") return (step) => scale(step, norm);
  if (clip === "value") return (step) => clamp(step, value);
  if (clip === "autoclip") {
    const history = new History(percentile);
    // A norm that is not finite is never recorded.
    return (step) => scale(step, Number.isFinite(measure(step)) ? history.observe(step.norm) : NaN);
  }
  return measure;
}

function measure(step) {
  const a = step.g[0];
  const b = step.g[1];
  step.norm = Math.sqrt(a * a + b * b);
  if (!(step.norm > 1e-150 && step.norm < 1e150)) step.norm = Math.hypot(a, b); // squares that would lose digits or overflow
  step.threshold = NaN;
  step.factor = 1;
  return step.norm;
}

function scale(step, threshold) {
  const norm = measure(step);
  step.threshold = threshold;
  if (!(norm > threshold)) return;
  step.factor = threshold / norm;
  step.g[0] *= step.factor;
  step.g[1] *= step.factor;
}

function clamp(step, limit) {
  const norm = measure(step);
  for (let i = 0; i < 2; i++) step.g[i] = Math.min(limit, Math.max(-limit, step.g[i]));
  if (norm > 0) step.factor = Math.min(1, Math.hypot(step.g[0], step.g[1]) / norm);
}
