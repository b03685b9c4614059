// Loss and gradient norm by step, and the data beside the surface where it has some.
import { Curves } from "../view/curves.js";
import { drawData } from "../view/data.js";
import { fitted } from "../view/frame.js";

const HEIGHT = 150;

export class Charts {
  constructor(lab, colours, page) {
    Object.assign(this, { colours });
    const byId = (id) => page.getElementById(id);
    [this.loss, this.norm] = [new Curves(byId("loss")), new Curves(byId("norm"))];
    [this.scale, this.lossNote, this.normNote, this.figure, this.data] = ["scale", "lossnote", "normnote", "datafigure", "data-view"].map(byId);
    this.scale.addEventListener("click", () => lab.change({ scale: lab.state.scale === "log" ? "linear" : "log" }));
  }

  changed(lab) {
    const { scene, state } = lab;
    const { colours } = this;
    const log = state.scale === "log";
    this.scale.textContent = state.scale;
    this.scale.setAttribute("aria-pressed", String(log));
    this.figure.hidden = !scene.surface.data;
    this.width ||= this.loss.canvas.clientWidth;
    const order = [...scene.racers].sort((a, b) => (a.index === state.chosen) - (b.index === state.chosen));
    const common = { steps: state.steps, log, colours, height: HEIGHT };
    this.lossNote.textContent = lab.lowest === 0 ? "" : "above the lowest";
    this.loss.set({ ...common, width: this.width, lines: order.map(({ path, index }) => ({
      values: path.losses.map((loss) => loss - lab.lowest), count: path.count + 1, colour: colours.racers[index], width: index === state.chosen ? 2.4 : 1.6,
    })) });
    this.norm.set({ ...common, width: this.width, lines: normLines(order, state.chosen, colours) });
    this.normNote.textContent = normNote(lab.racer);
  }

  moved(lab, step) {
    this.loss.draw(step);
    this.norm.draw(step);
    if (this.figure.hidden) return;
    drawData(fitted(this.data, this.width, HEIGHT), this.width, HEIGHT, lab.scene, step, this.colours);
  }
}

/** All norms pale but the chosen racer's, with its threshold and what is cut off above it. */
function normLines(order, chosen, colours) {
  const lines = order.filter(({ index }) => index !== chosen).map(({ path, index }) => ({ values: path.norms, count: path.count, colour: colours.racers[index], width: 1.2, alpha: 0.55 }));
  const { path, racer } = order.at(-1);
  const cuts = racer.clip === "none" ? null : path.norms.map((norm, i) => norm * path.factors[i]);
  lines.push({ values: path.norms, count: path.count, colour: colours.racers[chosen], width: 2, cuts });
  if (racer.clip === "norm" || racer.clip === "autoclip") lines.push({ values: path.thresholds, count: path.count, colour: colours.ink, width: 1.8, dash: [5, 3] });
  return lines;
}

function normNote(racer) {
  if (racer.clip === "none") return "";
  return racer.clip === "value" ? "bars: cut off" : "dashed: threshold; bars: cut off";
}
