// Loss and gradient norm by step. The curves are drawn once when they change; a frame copies them up to the step.
import { number, ticks } from "../format.js";
import { fitted } from "./frame.js";

const MARGIN = { left: 46, right: 8, top: 8, bottom: 22 };
const DEEPEST = 1e-12; // of the first value: below lies rounding

export class Curves {
  constructor(canvas) {
    this.canvas = canvas;
    this.layer = document.createElement("canvas");
    this.back = document.createElement("canvas");
  }

  /** `lines`: {values, count, colour, width, alpha, marks}; marks are {at, to, colour}, cut from `at` down to `to`. */
  set({ lines, steps, log, colours, width, height }) {
    Object.assign(this, { steps, colours, width, height });
    this.range = log ? logRange(lines) : linearRange(lines);
    const context = fitted(this.layer, width, height);
    context.clearRect(0, 0, width, height);
    context.save();
    context.beginPath();
    context.rect(MARGIN.left, MARGIN.top, width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom);
    context.clip();
    for (const line of lines) this.line(context, line);
    context.restore();
    this.axes(fitted(this.back, width, height));
  }

  toX = (step) => MARGIN.left + (step / Math.max(this.steps, 1)) * (this.width - MARGIN.left - MARGIN.right);
  toY = (value) => {
    const { low, high, map } = this.range;
    return this.height - MARGIN.bottom - ((map(value) - low) / (high - low)) * (this.height - MARGIN.top - MARGIN.bottom);
  };

  line(context, { values, count, colour, width = 1.8, alpha = 1, dash = [], cuts = null }) {
    context.globalAlpha = alpha;
    context.strokeStyle = colour;
    if (cuts) {
      context.lineWidth = 1.2;
      context.beginPath();
      for (let i = 0; i < count; i++) {
        if (!(cuts[i] < values[i])) continue;
        context.moveTo(this.toX(i), this.toY(values[i]));
        context.lineTo(this.toX(i), this.toY(cuts[i]));
      }
      context.stroke();
    }
    context.lineWidth = width;
    context.setLineDash(dash);
    context.beginPath();
    for (let i = 0; i < count; i++) context.lineTo(this.toX(i), Math.min(1e4, Math.max(-1e4, this.toY(values[i]))));
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  axes(context) {
    const { width, height, colours, range } = this;
    context.clearRect(0, 0, width, height);
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = colours.muted;
    context.strokeStyle = colours.grid;
    context.lineWidth = 1;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const { at, text } of range.ticks) {
      const y = Math.round(this.toY(at)) + 0.5;
      context.beginPath();
      context.moveTo(MARGIN.left, y);
      context.lineTo(width - MARGIN.right, y);
      context.stroke();
      context.fillText(text, MARGIN.left - 6, Math.max(y, 7));
    }
    context.textAlign = "center";
    context.textBaseline = "top";
    const marks = ticks(0, this.steps, width / 80);
    for (const t of marks) context.fillText(t === marks.at(-1) ? `step ${t}` : String(t), Math.min(this.toX(t), width - 24), height - MARGIN.bottom + 6);
  }

  draw(step) {
    const context = fitted(this.canvas, this.width, this.height);
    const { width, height } = this;
    context.clearRect(0, 0, width, height);
    context.drawImage(this.back, 0, 0, width, height);
    context.globalAlpha = 0.22;
    context.drawImage(this.layer, 0, 0, width, height);
    context.globalAlpha = 1;
    const x = this.toX(step);
    const scale = this.layer.width / width;
    if (x > 1) context.drawImage(this.layer, 0, 0, Math.ceil(x * scale), this.layer.height, 0, 0, Math.ceil(x * scale) / scale, height);
    context.fillStyle = this.colours.muted;
    context.fillRect(Math.round(x), MARGIN.top, 1, height - MARGIN.top - MARGIN.bottom);
  }
}

function logRange(lines) {
  let [low, high] = [Infinity, 0];
  for (const { values, count } of lines) {
    for (let i = 0; i < count; i++) if (values[i] > 0 && values[i] < Infinity) [low, high] = [Math.min(low, values[i]), Math.max(high, values[i])];
  }
  if (!(high > 0)) [low, high] = [0.1, 1];
  const first = Math.max(...lines.map(({ values }) => values[0]).filter(Number.isFinite), 1e-300);
  high = Math.min(high, first * 1e6);
  low = Math.max(Math.min(low, high / 10), first * DEEPEST, high * 1e-14);
  const map = (v) => Math.log10(Math.max(v, 1e-300));
  const [a, b] = [map(low), map(high)];
  const every = Math.max(1, Math.ceil((b - a) / 4));
  const powers = [];
  for (let p = Math.ceil(a / every) * every; p <= b; p += every) powers.push({ at: 10 ** p, text: p >= -2 && p <= 4 ? String(10 ** p) : `1e${String(p).replace("-", "−")}` });
  const room = 0.04 * (b - a) || 0.1;
  return { low: a - room, high: b + room, map, ticks: powers };
}

function linearRange(lines) {
  let [low, high] = [0, 0];
  const first = Math.max(...lines.map(({ values }) => values[0]).filter(Number.isFinite), 1e-300);
  for (const { values, count } of lines) {
    for (let i = 0; i < count; i++) if (Number.isFinite(values[i])) [low, high] = [Math.min(low, values[i]), Math.max(high, values[i])];
  }
  high = Math.min(high, first * 5) || 1;
  return { low, high: high * 1.04, map: (v) => v, ticks: ticks(low, high, 4).map((at) => ({ at, text: number(at) })) };
}
