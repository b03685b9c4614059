// The surface from above: bands and lines of equal loss, shaded as if lit from the north-west.
import { number, ticks } from "../format.js";

export const BANDS = 16;
const HEIGHT = 150; // pixels from the lowest to the highest point, for the shading
const STEEPEST = 1.5;
const LIGHT = [-0.55, -0.55, 0.63];

/**
 * Heights from 0 to about 1 at nodes `spacing` pixels apart; scaled so that half of the picture lies below 0.5. It yields after
 * each row, so that a frame can end.
 */
export function* levels(surface, frame, spacing) {
  const columns = Math.ceil(frame.inner.width / spacing) + 2;
  const rows = Math.ceil(frame.inner.height / spacing) + 2;
  const losses = new Float64Array(columns * rows);
  for (let j = 0, i = 0; j < rows; j++) {
    // The last node of a row or column lies on the edge or beyond it, where a plane's losses have ended.
    const y = Math.max(frame.fromY(frame.top + j * spacing), frame.box[2]);
    for (let c = 0; c < columns; c++, i++) losses[i] = surface.loss(Math.min(frame.fromX(frame.left + c * spacing), frame.box[1]), y);
    yield;
  }
  const finite = losses.filter(Number.isFinite).sort();
  const low = surface.lowest === null || !finite.length ? finite[0] ?? 0 : Math.min(surface.lowest, finite[0]);
  const high = Math.max(finite[Math.floor(finite.length * 0.995)] ?? 1, low + 1e-300);
  const middle = ((finite[finite.length >> 1] ?? 1) - low) / (high - low);
  const power = Math.min(1, Math.max(0.1, Math.log(0.5) / Math.log(Math.min(0.95, Math.max(1e-9, middle)))));
  const heights = Float32Array.from(losses, (loss) => Math.min(1.6, Math.max(0, (loss - low) / (high - low)) ** power));
  return { columns, rows, spacing, heights, valueAt: (t) => low + t ** (1 / power) * (high - low) };
}

/** All rows at once. */
export function levelsNow(surface, frame, spacing) {
  const rows = levels(surface, frame, spacing);
  for (;;) {
    const { done, value } = rows.next();
    if (done) return value;
  }
}

export function drawRelief(context, frame, level, colours) {
  const { a: scale } = context.getTransform();
  const [width, height] = [Math.round(frame.inner.width * scale), Math.round(frame.inner.height * scale)];
  const image = new ImageData(width, height);
  paint(new Uint32Array(image.data.buffer), width, height, level, 1 / (scale * level.spacing), 0.5 + 0.65 * scale, colours);
  context.putImageData(image, Math.round(frame.left * scale), Math.round(frame.top * scale));
}

function paint(pixels, width, height, level, perPixel, stroke, { ramp, line, relief }) {
  const { columns, heights } = level;
  const { shades, slopes } = lit(level);
  const table = lookup(ramp);
  for (let py = 0, p = 0; py < height; py++) {
    const v = py * perPixel;
    const j = v | 0;
    const fv = v - j;
    for (let px = 0; px < width; px++, p++) {
      const u = px * perPixel;
      const k = u | 0;
      const fu = u - k;
      const at = j * columns + k;
      const [wa, wb, wc, wd] = [(1 - fu) * (1 - fv), fu * (1 - fv), (1 - fu) * fv, fu * fv];
      const t = wa * heights[at] + wb * heights[at + 1] + wc * heights[at + columns] + wd * heights[at + columns + 1];
      if (!(t >= 0)) {
        pixels[p] = (px + py) % 8 < 2 ? 0xff808080 : 0xff8f8f8f; // not finite, or not known
        continue;
      }
      const shade = 1 + relief * (wa * shades[at] + wb * shades[at + 1] + wc * shades[at + columns] + wd * shades[at + columns + 1]);
      const slope = wa * slopes[at] + wb * slopes[at + 1] + wc * slopes[at + columns] + wd * slopes[at + columns + 1];
      const band = t * BANDS;
      const nearest = Math.round(band);
      const distance = Math.abs(band - nearest) / (slope * BANDS * perPixel + 1e-9);
      const dense = Math.min(1, 0.35 / (slope * BANDS * perPixel + 1e-9));
      const ink = nearest === 0 ? 0 : Math.min(1, Math.max(0, stroke - distance)) * (nearest % 4 ? 0.3 : 0.62) * dense;
      const c = 3 * (Math.min(1, 0.45 * t + (0.55 * Math.floor(band)) / BANDS) * 255 | 0);
      const r = shadeOf(table[c], shade, line[0], ink);
      const g = shadeOf(table[c + 1], shade, line[1], ink);
      const b = shadeOf(table[c + 2], shade, line[2], ink);
      pixels[p] = 0xff000000 | (b << 16) | (g << 8) | r;
    }
  }
}

const shadeOf = (colour, shade, line, ink) => {
  const lit = Math.min(255, colour * shade);
  return (lit + (line - lit) * ink) | 0;
};

/** Of each node: how far its light is from that of flat ground, and its slope per node. */
function lit({ columns, rows, heights, spacing }) {
  const shades = new Float32Array(columns * rows);
  const slopes = new Float32Array(columns * rows);
  for (let j = 0, i = 0; j < rows; j++) {
    for (let k = 0; k < columns; k++, i++) {
      const dx = (heights[k < columns - 1 ? i + 1 : i] - heights[k ? i - 1 : i]) / (k && k < columns - 1 ? 2 : 1);
      const dy = (heights[j < rows - 1 ? i + columns : i] - heights[j ? i - columns : i]) / (j && j < rows - 1 ? 2 : 1);
      const nx = bounded((-dx * HEIGHT) / spacing);
      const ny = bounded((-dy * HEIGHT) / spacing);
      shades[i] = (nx * LIGHT[0] + ny * LIGHT[1] + LIGHT[2]) / Math.hypot(nx, ny, 1) - LIGHT[2];
      slopes[i] = Math.sqrt(dx * dx + dy * dy) || 0;
    }
  }
  return { shades, slopes };
}

/** Walls shine no more than steep ground; where a neighbour has no loss, the ground is flat. */
const bounded = (slope) => (slope > STEEPEST ? STEEPEST : slope < -STEEPEST ? -STEEPEST : slope || 0);

/** 256 colours along the ramp, low to high. */
export function lookup(ramp) {
  const table = new Uint8Array(3 * 256);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (ramp.length - 1);
    const k = Math.min(Math.floor(at), ramp.length - 2);
    for (let c = 0; c < 3; c++) table[3 * i + c] = ramp[k][c] + (ramp[k + 1][c] - ramp[k][c]) * (at - k);
  }
  return table;
}

/** Ticks and names of the axes, and the key of the colours. */
export function drawAxes(context, frame, names, level, { ink, muted, ramp }) {
  const { left, top, inner, box } = frame;
  context.clearRect(0, 0, frame.width, top);
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = muted;
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const t of ticks(box[0], box[1], inner.width / 90)) context.fillText(number(t), frame.toX(t), top + inner.height + 5);
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const t of ticks(box[2], box[3], inner.height / 60)) context.fillText(number(t), left - 6, frame.toY(t));
  context.fillStyle = ink;
  context.textAlign = "center";
  context.textBaseline = "bottom";
  context.font = "italic 13px system-ui, sans-serif";
  context.fillText(names[0], left + inner.width / 2, frame.height);
  context.save();
  context.translate(11, top + inner.height / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(names[1], 0, 4);
  context.restore();
  if (frame.key) drawKey(context, frame, level, ramp, muted);
}

function drawKey(context, frame, level, ramp, muted) {
  const x = frame.left + frame.inner.width + 12;
  const table = lookup(ramp);
  const step = frame.inner.height / BANDS;
  for (let i = 0; i < BANDS; i++) {
    const c = 3 * Math.round(((i + 0.3) / BANDS) * 255);
    context.fillStyle = `rgb(${table[c]} ${table[c + 1]} ${table[c + 2]})`;
    context.fillRect(x, frame.top + frame.inner.height - (i + 1) * step, 12, step + 0.5);
  }
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = muted;
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (let i = 0; i <= BANDS; i += 4) {
    const y = frame.top + frame.inner.height - i * step;
    const value = level.valueAt(i / BANDS);
    const shown = Math.abs(value) < 1e-6 * Math.abs(level.valueAt(1)) ? 0 : value;
    context.fillText(number(shown), x + 16, Math.min(Math.max(y, frame.top + 6), frame.top + frame.inner.height - 5));
  }
}
