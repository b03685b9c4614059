// What lies on top of the paths: the start, the minima, a trained model's path, the racers, and the chosen one's gradient as an arrow.
import { drawHead, placeAt } from "./trails.js";

export function drawMarks(context, frame, scene, step, colours) {
  context.clearRect(0, 0, frame.width, frame.height);
  context.save();
  frame.clip(context);
  for (const point of scene.surface.minima) minimum(context, frame, point, colours);
  for (const { label, point } of scene.surface.marks ?? []) labelled(context, frame, point, label, colours);
  for (const points of scene.recorded) recorded(context, frame, points, colours);
  start(context, frame, scene.start, colours);
  if (scene.next) arrows(context, frame, scene.next, colours);
  for (const path of scene.swarm) speck(context, frame, placeAt(path, step), colours);
  const racers = [...scene.racers].sort((a, b) => (a.index === scene.chosen) - (b.index === scene.chosen));
  for (const { path, index } of racers) {
    const [x, y] = placeAt(path, step);
    const place = [frame.toX(x), frame.toY(y)];
    if (frame.holds(...place)) drawHead(context, place, index, colours, index === scene.chosen);
    else outside(context, frame, place, index, colours);
  }
  context.restore();
}

function minimum(context, frame, [x, y], colours) {
  const [px, py] = [frame.toX(x), frame.toY(y)];
  for (const [width, colour] of [[4.5, colours.casing], [1.8, colours.ink]]) {
    context.beginPath();
    for (const [dx, dy] of [[6, 6], [6, -6]]) {
      context.moveTo(px - dx, py - dy);
      context.lineTo(px + dx, py + dy);
    }
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  }
}

function labelled(context, frame, point, label, colours) {
  minimum(context, frame, point, colours);
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "left";
  context.textBaseline = "middle";
  const [x, y] = [frame.toX(point[0]) + 11, frame.toY(point[1])];
  context.lineWidth = 3.5;
  context.strokeStyle = colours.casing;
  context.strokeText(label, x, y);
  context.fillStyle = colours.ink;
  context.fillText(label, x, y);
}

function recorded(context, frame, points, colours) {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(frame.toX(x), frame.toY(y));
  context.setLineDash([2, 4]);
  context.lineWidth = 1.6;
  context.strokeStyle = colours.ink;
  context.stroke();
  context.setLineDash([]);
}

function start(context, frame, [x, y], colours) {
  for (const [width, colour] of [[4.5, colours.casing], [1.8, colours.ink]]) {
    context.beginPath();
    context.arc(frame.toX(x), frame.toY(y), 9, 0, 2 * Math.PI);
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  }
}

function speck(context, frame, [x, y], colours) {
  context.beginPath();
  context.arc(frame.toX(x), frame.toY(y), 3, 0, 2 * Math.PI);
  context.fillStyle = colours.swarmHead;
  context.fill();
  context.lineWidth = 1;
  context.strokeStyle = colours.casing;
  context.stroke();
}

/** −lr · g from the ball: dashed what the gradient is, solid what clipping leaves of it. */
function arrows(context, frame, { from, raw, clipped, factor }, colours) {
  const [x, y] = [frame.toX(from[0]), frame.toY(from[1])];
  const tip = (d) => [frame.toX(from[0] + d[0]), frame.toY(from[1] + d[1])];
  if (factor < 1) arrow(context, [x, y], tip(raw), colours, [5, 4]);
  arrow(context, [x, y], tip(clipped), colours, []);
}

function arrow(context, [x, y], [tx, ty], colours, dash) {
  const length = Math.hypot(tx - x, ty - y);
  if (!(length > 12) || !(length < 1e7)) return;
  const [ux, uy] = [(tx - x) / length, (ty - y) / length];
  for (const [width, colour] of [[5, colours.casing], [2, colours.ink]]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(tx, ty);
    context.stroke();
    context.setLineDash([]);
    context.beginPath();
    context.moveTo(tx - 9 * ux - 5 * uy, ty - 9 * uy + 5 * ux);
    context.lineTo(tx, ty);
    context.lineTo(tx - 9 * ux + 5 * uy, ty - 9 * uy - 5 * ux);
    context.stroke();
  }
}

/** A racer that has left the picture: its marker at the edge, pale. */
function outside(context, frame, [px, py], index, colours) {
  const inside = (v, low, size) => Math.min(low + size - 9, Math.max(low + 9, Number.isFinite(v) ? v : low));
  context.globalAlpha = 0.55;
  drawHead(context, [inside(px, frame.left, frame.inner.width), inside(py, frame.top, frame.inner.height)], index, colours, false, 5);
  context.globalAlpha = 1;
}
