// The map of outcomes over rate and momentum: painted under the sliders, and pressed to choose both at once.
import { stabilityMap } from "../stability.js";
import { fitted } from "./frame.js";

export const COLUMNS = 48;
export const ROWS = 22;
export const MOST_INERTIA = 0.99;

/** Cells in slices of a few milliseconds, so that a slider never waits for them. */
export class OutcomeMap {
  constructor() {
    this.key = "";
    this.cells = new Uint8Array(COLUMNS * ROWS).fill(255);
    this.layer = document.createElement("canvas");
    this.momenta = Array.from({ length: ROWS }, (_, i) => (MOST_INERTIA * i) / (ROWS - 1));
  }

  /** What the map depends on; true if that is new. */
  ask(key, surface, racer, start, range, inertia) {
    if (key === this.key) return false;
    this.key = key;
    const [low, high] = [Math.log(range.low), Math.log(range.high)];
    this.rates = Array.from({ length: COLUMNS }, (_, i) => Math.exp(low + ((high - low) * (i + 0.5)) / COLUMNS));
    this.rows = stabilityMap(surface, racer, start, this.rates, this.momenta, inertia, this.cells);
    return true;
  }

  /** Go on for so many milliseconds; true while there is more to do. */
  work(milliseconds) {
    const end = performance.now() + milliseconds;
    while (this.rows && performance.now() < end) if (this.rows.next().done) this.rows = null;
    return Boolean(this.rows);
  }

  /** Outcome at each rate for one momentum. */
  row(inertia) {
    const row = Math.min(ROWS - 1, Math.max(0, Math.round((inertia / MOST_INERTIA) * (ROWS - 1))));
    return this.cells.subarray(row * COLUMNS, (row + 1) * COLUMNS);
  }

  /** The cells as a picture of their own, to be copied when only the marker moves. */
  draw(width, height, colours) {
    const context = fitted(this.layer, width, height);
    const [w, h] = [width / COLUMNS, height / ROWS];
    for (let r = 0; r < ROWS; r++) {
      for (let c = 0; c < COLUMNS; c++) {
        const outcome = this.cells[r * COLUMNS + c];
        context.fillStyle = outcome === 255 ? colours.grid : colours.outcomes[outcome];
        context.fillRect(c * w, height - (r + 1) * h, w + 0.6, h + 0.6);
      }
    }
    hatch(context, this.cells, w, h, height, colours);
  }
}

/** Diverging cells are hatched and swinging ones dotted, so that no one needs the colours. */
function hatch(context, cells, w, h, height, colours) {
  context.strokeStyle = context.fillStyle = colours.page;
  context.globalAlpha = 0.6;
  context.lineWidth = 1;
  context.beginPath();
  cells.forEach((outcome, i) => {
    const [x, y] = [(i % COLUMNS) * w, height - (Math.floor(i / COLUMNS) + 1) * h];
    if (outcome === 3 && (i + Math.floor(i / COLUMNS)) % 2 === 0) {
      context.moveTo(x, y + h);
      context.lineTo(x + w, y);
    }
    if (outcome === 1 && i % 2 === 0) context.fillRect(x + w / 2 - 0.8, y + h / 2 - 0.8, 1.6, 1.6);
  });
  context.stroke();
  context.globalAlpha = 1;
}
