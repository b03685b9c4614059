// The equation of the chosen rule with the numbers of the step that is shown.
import { element } from "../controls.js";
import { equationLines } from "../equation.js";

export class NumbersPanel {
  constructor(page) {
    this.root = page.getElementById("equation");
  }

  moved(lab, step, playing) {
    if (playing && performance.now() - (this.last ?? 0) < 120) return;
    this.last = performance.now();
    const { state } = lab;
    const at = Math.min(Math.floor(step), state.steps - 1);
    const lines = equationLines(lab.made, lab.racer, state.start, at, state.steps);
    this.root.replaceChildren(...lines.flatMap(([symbols, numbers]) => [element("dt", { textContent: symbols }), element("dd", { textContent: numbers })]));
  }
}
