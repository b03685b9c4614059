// The paths so far. While a race goes on only what is new is drawn; going back draws all anew.
import { MARKERS, marker } from "./theme.js";

export class Trails {
  constructor() {
    this.drawn = -1;
  }

  reset() {
    this.drawn = -1;
  }

  draw(context, frame, step, racers, swarm, colours) {
    const whole = Math.floor(step);
    if (whole === this.drawn) return;
    const from = whole > this.drawn && this.drawn >= 0 ? this.drawn : 0;
    if (from === 0) context.clearRect(0, 0, frame.width, frame.height);
    this.drawn = whole;
    context.save();
    frame.clip(context);
    context.lineJoin = context.lineCap = "round";
    for (const path of swarm) line(context, frame, path, from, whole, 1.2, colours.swarm);
    for (const { path } of racers) line(context, frame, path, from, whole, 5, colours.casing);
    racers.forEach(({ path, index }) => {
      line(context, frame, path, from, whole, 2.2, colours.racers[index]);
      dots(context, frame, path, from, whole, colours.racers[index]);
    });
    context.restore();
  }
}

function line(context, frame, { xs, ys, count }, from, to, width, colour) {
  const end = Math.min(to, count);
  if (end <= from) return;
  context.beginPath();
  for (let i = from; i <= end; i++) context.lineTo(bounded(frame.toX(xs[i])), bounded(frame.toY(ys[i])));
  context.lineWidth = width;
  context.strokeStyle = colour;
  context.stroke();
}

/** A dot at each step that is far enough from the one before to be seen. */
function dots(context, frame, { xs, ys, count }, from, to, colour) {
  context.fillStyle = colour;
  context.beginPath();
  for (let i = Math.max(from, 1); i <= Math.min(to, count); i++) {
    const [x, y] = [frame.toX(xs[i]), frame.toY(ys[i])];
    if (Math.hypot(x - frame.toX(xs[i - 1]), y - frame.toY(ys[i - 1])) < 7 || !frame.holds(x, y)) continue;
    context.moveTo(x + 3, y);
    context.arc(x, y, 3, 0, 2 * Math.PI);
  }
  context.fill();
}

/** Canvases lose lines that end millions of pixels away. */
const bounded = (pixels) => Math.min(1e5, Math.max(-1e5, pixels));

/** Where a path is at a step, between two steps on the line that joins them. */
export function placeAt({ xs, ys, count }, step) {
  const at = Math.min(step, count);
  const i = Math.min(Math.floor(at), Math.max(count - 1, 0));
  const share = count ? at - i : 0;
  const next = Math.min(i + 1, count);
  return [xs[i] + (xs[next] - xs[i]) * share, ys[i] + (ys[next] - ys[i]) * share];
}

export function drawHead(context, [x, y], index, colours, chosen, size = 6.5) {
  marker(context, MARKERS[index], x, y, chosen ? size + 1.5 : size);
  context.lineWidth = chosen ? 3 : 2;
  context.strokeStyle = colours.casing;
  context.stroke();
  context.fillStyle = colours.racers[index];
  context.fill();
  if (!chosen) return;
  marker(context, MARKERS[index], x, y, size + 1.5);
  context.lineWidth = 1.5;
  context.strokeStyle = colours.ink;
  context.stroke();
}
