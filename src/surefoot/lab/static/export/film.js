// A race as an animated GIF: frames drawn by `paint(step)` on one canvas, only what changes stored.
import { THROUGH, gif } from "./gif.js";
import { indexed, palette } from "./palette.js";

const FRAMES = 48;

/** Bytes of the GIF; `told(share)` says how far it is. The page stays alive between frames. */
export async function film(canvas, paint, steps, told) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const grab = (step) => (paint(step), context.getImageData(0, 0, canvas.width, canvas.height));
  const shown = framesOf(steps);
  const colours = palette([grab(0), grab(Math.round(steps / 3)), grab(steps)], 255);
  const known = new Map();
  const frames = [];
  let before = null;
  for (const step of shown) {
    const whole = indexed(grab(step), colours, known);
    frames.push(before ? changes(before, whole) : whole);
    before = whole;
    told(frames.length / shown.length);
    await new Promise((done) => setTimeout(done));
  }
  return gif(canvas.width, canvas.height, colours, frames, shown.map((_, i) => (i === shown.length - 1 ? 200 : 6)));
}

/** Steps that are shown: more of them at the start, where most happens. */
export function framesOf(steps) {
  const all = Array.from({ length: FRAMES }, (_, i) => Math.round(steps * (i / (FRAMES - 1)) ** 1.6));
  return [...new Set(all)];
}

const changes = (before, now) => now.map((index, i) => (index === before[i] ? THROUGH : index));
