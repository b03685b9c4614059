// The racers as a row of buttons: marker, name, settings, loss; press one to set it.
import { number } from "../format.js";
import { element, svg } from "../controls.js";
import { MOST_RACERS } from "../settings.js";
import { RULES } from "../rules/all.js";
import { CORNERS, MARKERS } from "../view/theme.js";

const ARRIVED = 0.01; // of the loss at the start

export class Racers {
  constructor(lab, root) {
    Object.assign(this, { lab, root });
  }

  changed(lab) {
    this.last = 0; // new text is wanted at once
    const key = JSON.stringify([lab.state.chosen, lab.state.racers.map(({ rule }) => rule)]);
    if (key === this.key) return lab.state.racers.forEach((racer, i) => (this.root.children[i].settings.textContent = told(racer)));
    this.key = key;
    const buttons = lab.state.racers.map((racer, index) => this.chip(racer, index));
    const add = element("button", { type: "button", id: "add", textContent: "+ racer", title: "Add a racer (+)", disabled: buttons.length >= MOST_RACERS, onclick: () => lab.add() });
    const focused = document.activeElement?.closest?.("#racers") ? document.activeElement.dataset.key : null;
    this.root.replaceChildren(...buttons, add);
    if (focused) this.root.querySelector(`[data-key="${focused}"]`)?.focus();
  }

  chip(racer, index) {
    const chosen = index === this.lab.state.chosen;
    const settings = element("small", { textContent: told(racer) });
    const loss = element("small");
    const choose = element("button", { type: "button", className: "choose", "aria-pressed": String(chosen), "data-key": `choose${index}`, onclick: () => this.lab.change({ chosen: index }) },
      symbol(index), element("span", {}, element("span", { className: "name", textContent: RULES[racer.rule].label }), settings, loss));
    const chip = element("span", { className: "racer" }, choose);
    if (chosen) chip.dataset.chosen = "";
    if (this.lab.state.racers.length > 1) {
      chip.append(element("button", { type: "button", className: "out", textContent: "×", "aria-label": `Take ${RULES[racer.rule].label} out`, "data-key": `out${index}`, onclick: () => this.lab.remove(index) }));
    }
    Object.assign(chip, { settings, loss });
    return chip;
  }

  moved(lab, step, playing) {
    if (playing && performance.now() - this.last < 90) return;
    this.last = performance.now();
    lab.scene.racers.forEach(({ path }, index) => {
      const { loss } = this.root.children[index];
      loss.textContent = outcome(path, lab.lowest, Math.floor(step));
      // It never gets narrower again: a loss that flutters would wrap the row to and fro, and move the picture under it.
      if (loss.textContent.length > (loss.widest ?? 0)) loss.style.minWidth = `${(loss.widest = loss.textContent.length)}ch`;
    });
  }
}

/** What sets a racer apart, in few words. */
export function told(racer) {
  const { settings } = RULES[racer.rule];
  const parts = [`lr ${number(racer.rate)}`];
  if (settings.includes("momentum") && racer.momentum) parts.push(`μ ${number(racer.momentum)}`);
  if (racer.decay) parts.push(`decay ${number(racer.decay)}`);
  if (racer.schedule !== "constant") parts.push(racer.schedule);
  if (racer.warmup) parts.push(`warm-up ${racer.warmup}`);
  if (racer.clip === "autoclip") parts.push(`AutoClip ${number(racer.percentile)}`);
  if (racer.clip === "norm") parts.push(`clip ${number(racer.norm)}`);
  if (racer.clip === "value") parts.push(`clip ±${number(racer.value)}`);
  return parts.join(", ");
}

export function outcome(path, lowest, step) {
  if (path.ended && step > path.count) return path.ended === "left" ? `left the plane at ${path.count + 1}` : `diverged at ${path.count + 1}`;
  const goal = lowest + ARRIVED * (path.losses[0] - lowest);
  const arrived = path.losses.subarray(0, Math.min(step, path.count) + 1).findIndex((loss) => loss <= goal);
  const loss = `loss ${number(path.losses[Math.min(step, path.count)])}`;
  return arrived > 0 ? `${loss}, 99 % down at ${arrived}` : loss;
}

export function symbol(index) {
  const kind = MARKERS[index];
  const fill = `var(--racer-${index})`;
  const shape = kind === "circle" ? svg("circle", { r: 6.5 }) : svg("polygon", { points: CORNERS[kind].map(([x, y]) => `${x * 6.5},${y * 6.5}`).join(" ") });
  shape.style.fill = fill;
  return svg("svg", { viewBox: "-10 -10 20 20", "aria-hidden": "true" }, shape);
}
