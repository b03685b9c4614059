// The data beside the surface: its points, the batch of this step, and each racer's line or curve through them.
import { Frame } from "./frame.js";
import { ticks } from "../format.js";
import { placeAt } from "./trails.js";

export function drawData(context, width, height, scene, step, colours) {
  const { x, y, curve } = scene.surface.data;
  const frame = new Frame(width, height, limits(x, y), { left: 32, right: 8, top: 8, bottom: 22 });
  context.clearRect(0, 0, width, height);
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = colours.muted;
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const t of ticks(frame.box[0], frame.box[1], 4)) context.fillText(String(t).replace("-", "−"), frame.toX(t), height - 16);
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const t of ticks(frame.box[2], frame.box[3], 4)) context.fillText(String(t).replace("-", "−"), 27, frame.toY(t));
  context.save();
  frame.clip(context);
  const drawn = new Set(scene.surface.batchOf?.(Math.floor(step)) ?? []);
  x.forEach((u, i) => dot(context, frame.toX(u), frame.toY(y[i]), drawn.has(i), colours));
  for (const { path, index } of scene.racers) line(context, frame, curve(...placeAt(path, step)), colours.racers[index], index === scene.chosen);
  context.restore();
}

function limits(x, y) {
  const [low, high] = [Math.min(...y), Math.max(...y)];
  const room = 0.08 * (high - low);
  const wide = 0.06 * (Math.max(...x) - Math.min(...x));
  return [Math.min(...x) - wide, Math.max(...x) + wide, low - room, high + room];
}

function dot(context, x, y, drawn, colours) {
  context.beginPath();
  context.arc(x, y, drawn ? 5 : 3, 0, 2 * Math.PI);
  context.globalAlpha = drawn ? 1 : 0.55;
  context.fillStyle = drawn ? colours.ink : colours.muted;
  context.fill();
  context.globalAlpha = 1;
}

function line(context, frame, curve, colour, chosen) {
  context.beginPath();
  const [low, high] = frame.box;
  for (let i = 0; i <= 60; i++) {
    const u = low + ((high - low) * i) / 60;
    context.lineTo(frame.toX(u), Math.min(1e4, Math.max(-1e4, frame.toY(curve(u)))));
  }
  context.lineWidth = chosen ? 2.6 : 1.8;
  context.strokeStyle = colour;
  context.stroke();
}
