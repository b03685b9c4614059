// The picture: relief, trails and marks on three canvases; press or drag to start elsewhere, point to read.
import { number, pair } from "../format.js";
import { Frame, fitted } from "../view/frame.js";
import { drawMarks } from "../view/marks.js";
import { drawAxes, drawRelief, levels, levelsNow } from "../view/relief.js";
import { Trails } from "../view/trails.js";

const COARSE = 6; // pixels between computed points while something moves
const FINE = 2;
const STILL = 90; // milliseconds without a change before the fine relief is begun
const NUDGE = 0.01; // of the box, for a press of an arrow key

export class Picture {
  constructor(lab, colours, page) {
    Object.assign(this, { lab, colours, trails: new Trails(), key: "", rows: null });
    [this.relief, this.tracks, this.view] = ["relief", "trails", "view"].map((id) => page.getElementById(id));
    this.reading = page.getElementById("reading");
    this.listen();
  }

  resize() {
    this.key = "";
  }

  changed(lab) {
    const { clientWidth: width, clientHeight: height } = this.view;
    const roomy = width > 520;
    this.frame = new Frame(width, height, lab.state.box, { left: roomy ? 56 : 46, right: roomy ? 74 : 8, top: 8, bottom: 34 });
    this.frame.key = roomy;
    const { surface, box } = lab.state;
    const letters = Object.keys(lab.surface.params).map((name) => lab.state[name]);
    const key = JSON.stringify([surface, box, letters, lab.refused ? "" : lab.state.formula, width, height, this.colours.page]);
    if (key !== this.key) {
      this.key = key;
      this.rows = levels(lab.made, this.frame, FINE);
      this.since = performance.now();
      this.paint(levelsNow(lab.made, this.frame, COARSE));
    }
    this.trails.reset();
    this.view.setAttribute("aria-label", `${lab.surface.label}: start at ${pair(lab.state.start)}. Arrow keys move the start.`);
  }

  /** A slice of the fine relief, which follows the coarse one as soon as nothing changed for a moment. */
  work(milliseconds) {
    if (!this.rows || performance.now() - this.since < STILL) return;
    const end = performance.now() + milliseconds;
    while (performance.now() < end) {
      const { done, value } = this.rows.next();
      if (!done) continue;
      this.rows = null;
      this.paint(value);
      return;
    }
  }

  paint(level) {
    const { lab, frame, colours } = this;
    const context = fitted(this.relief, frame.width, frame.height);
    context.clearRect(0, 0, frame.width, frame.height);
    drawRelief(context, frame, level, colours);
    drawAxes(context, frame, lab.surface.names, level, colours);
  }

  moved(lab, step) {
    const { frame, colours } = this;
    const { scene } = lab;
    this.trails.draw(fitted(this.tracks, frame.width, frame.height), frame, step, scene.racers, scene.swarm, colours);
    drawMarks(fitted(this.view, frame.width, frame.height), frame, scene, step, colours);
  }

  listen() {
    const { view } = this;
    view.addEventListener("pointerdown", (event) => {
      view.setPointerCapture(event.pointerId);
      this.startAt(event);
    });
    view.addEventListener("pointermove", (event) => (event.buttons ? this.startAt(event) : this.read(event)));
    view.addEventListener("pointerleave", () => (this.reading.textContent = ""));
    view.addEventListener("keydown", (event) => this.nudge(event));
  }

  place(event) {
    const { left, top } = this.view.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  startAt(event) {
    const [px, py] = this.place(event);
    if (this.frame.holds(px, py)) this.setStart(this.frame.fromX(px), this.frame.fromY(py));
  }

  setStart(x, y) {
    const [x0, x1, y0, y1] = this.lab.state.box;
    this.lab.change({ start: [tidy(Math.min(x1, Math.max(x0, x)), x1 - x0), tidy(Math.min(y1, Math.max(y0, y)), y1 - y0)] });
    this.onStart?.();
  }

  nudge(event) {
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!direction || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const [x0, x1, y0, y1] = this.lab.state.box;
    const far = event.shiftKey ? 10 * NUDGE : NUDGE;
    const [x, y] = this.lab.state.start;
    this.setStart(x + direction[0] * far * (x1 - x0), y + direction[1] * far * (y1 - y0));
  }

  read(event) {
    const [px, py] = this.place(event);
    if (!this.frame?.holds(px, py)) return void (this.reading.textContent = "");
    const [x, y] = [this.frame.fromX(px), this.frame.fromY(py)];
    const g = [0, 0];
    this.lab.made.gradient(x, y, g, 0);
    this.reading.textContent = `${pair([x, y])}: loss ${number(this.lab.made.loss(x, y))}, gradient ${pair(g)}`;
  }
}

/** A place to a thousandth of the box, so that links stay short. */
const tidy = (value, extent) => {
  const step = 10 ** Math.floor(Math.log10(extent / 500));
  return Number((Math.round(value / step) * step).toPrecision(8));
};
