// The chosen racer's schedule, and the rate by step as a small curve.
import { fill, slider } from "../controls.js";
import { RACER } from "../settings.js";
import { factor } from "../schedules.js";
import { fitted } from "../view/frame.js";

const SIZE = [104, 56];

export class SchedulePanel {
  constructor(lab, colours, page) {
    Object.assign(this, { colours, select: page.getElementById("schedule"), ramp: page.getElementById("ramp") });
    fill(this.select, RACER.schedule.options.map((name) => [name, name]));
    this.select.addEventListener("change", () => lab.changeRacer({ schedule: this.select.value }));
    this.warmup = slider("racer-warmup", RACER.warmup, (value) => lab.changeRacer({ warmup: value }));
    page.getElementById("warmup-setting").replaceChildren(this.warmup.root);
  }

  changed(lab) {
    this.select.value = lab.racer.schedule;
    this.warmup.show(lab.racer.warmup);
    const [width, height] = SIZE;
    const context = fitted(this.ramp, width, height);
    const { steps } = lab.state;
    context.clearRect(0, 0, width, height);
    context.beginPath();
    for (let x = 2; x < width - 1; x++) {
      const share = factor(Math.floor((steps * (x - 2)) / (width - 3)), lab.racer, steps);
      context.lineTo(x, height - 4 - (height - 10) * share);
    }
    context.lineWidth = 2;
    context.strokeStyle = this.colours.racers[lab.state.chosen];
    context.stroke();
    context.fillStyle = this.colours.grid;
    context.fillRect(2, height - 3, width - 4, 1);
  }
}
