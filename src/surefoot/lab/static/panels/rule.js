// The chosen racer's rule: its rate with the map of outcomes painted under it, and its other numbers.
import { element, fill, slider } from "../controls.js";
import { largestCurvature } from "../curvature.js";
import { number } from "../format.js";
import { RULES } from "../rules/all.js";
import { RACER, rateRange } from "../settings.js";
import { OUTCOMES } from "../stability.js";
import { fitted } from "../view/frame.js";
import { COLUMNS, MOST_INERTIA, OutcomeMap } from "../view/map.js";
import { MARKERS, marker } from "../view/theme.js";
import { placeAt } from "../view/trails.js";

const MAP_HEIGHT = 110;

export class RulePanel {
  constructor(lab, colours, page) {
    Object.assign(this, { lab, colours, map: new OutcomeMap(), shown: "" });
    this.byId = (id) => page.getElementById(id);
    fill(this.byId("rule"), Object.values(RULES).map(({ name, label }) => [name, label]));
    this.byId("rule").addEventListener("change", (event) => lab.setRule(event.target.value));
    const press = (event) => event.buttons && this.press(event);
    this.byId("map").addEventListener("pointerdown", press);
    this.byId("map").addEventListener("pointermove", press);
    this.byId("map").addEventListener("keydown", (event) => this.walk(event));
  }

  get inertia() {
    return RULES[this.lab.racer.rule].inertia;
  }

  changed(lab) {
    const { racer, surface, state } = lab;
    this.range = rateRange(surface);
    this.byId("rule").value = racer.rule;
    this.byId("chosen-title").textContent = `Racer ${state.chosen + 1} of ${state.racers.length}`;
    const shown = `${racer.rule} ${surface.name}`;
    if (shown !== this.shown) this.build(shown);
    for (const [name, control] of this.sliders) control.show(racer[name]);
    this.ask();
    if (!this.width) this.resize();
    this.paint();
  }

  resize() {
    this.width = this.byId("map").clientWidth;
    this.map.draw(this.width, MAP_HEIGHT, this.colours);
  }

  build(shown) {
    this.shown = shown;
    const { lab } = this;
    const outcomes = lab.made.bounded ? [...OUTCOMES.slice(0, 3), "leaves the plane"] : OUTCOMES;
    this.byId("map-key").replaceChildren(...outcomes.map((text) => element("li", {}, element("i"), text)));
    const made = (name, setting) => [name, slider(`racer-${name}`, setting, (value) => lab.changeRacer({ [name]: value }))];
    const rate = made("rate", this.range);
    const others = RULES[lab.racer.rule].settings.map((name) => made(name, RACER[name]));
    this.sliders = [rate, ...others];
    this.byId("rate-setting").replaceChildren(rate[1].root);
    this.byId("rule-settings").replaceChildren(...others.map(([, { root }]) => root));
  }

  /** The map depends on all but rate and momentum. A rule without momentum is a row of momentum's map. */
  ask() {
    const { racer, state, made, surface } = this.lab;
    const shown = this.inertia ? racer : { ...racer, rule: "momentum", dampening: 0 };
    const inertia = this.inertia ?? "momentum";
    const { rate, [inertia]: _, ...rest } = shown;
    const letters = Object.keys(surface.params).map((name) => state[name]);
    this.map.ask(JSON.stringify([rest, state.surface, letters, state.start, state.formula]), made, shown, state.start, this.range, inertia);
    this.byId("map-title").textContent = `rate → and ${RACER[inertia].symbol} ↑: after 120 steps from here`;
  }

  /** A slice of the map's work. */
  work(milliseconds) {
    if (!this.map.rows) return;
    const more = this.map.work(milliseconds);
    if (more && performance.now() - this.painted < 100) return;
    this.map.draw(this.width, MAP_HEIGHT, this.colours);
    this.paint();
  }

  paint() {
    this.painted = performance.now();
    const { racer } = this.lab;
    const canvas = this.byId("map");
    const { width } = this;
    const context = fitted(canvas, width, MAP_HEIGHT);
    context.drawImage(this.map.layer, 0, 0, width, MAP_HEIGHT);
    const at = this.inertia ? racer[this.inertia] : 0;
    const [x, y] = [this.share(racer.rate) * width, MAP_HEIGHT * (1 - at / MOST_INERTIA)];
    marker(context, MARKERS[this.lab.state.chosen], Math.min(width - 8, Math.max(8, x)), Math.min(MAP_HEIGHT - 8, Math.max(8, y)), 6);
    context.lineWidth = 3;
    context.strokeStyle = this.colours.page;
    context.stroke();
    context.fillStyle = this.colours.racers[this.lab.state.chosen];
    context.fill();
    context.lineWidth = 1;
    context.strokeStyle = this.colours.ink;
    context.stroke();
    this.strip(at);
    const outcome = this.outcome();
    canvas.setAttribute("aria-label", `Map of rate and momentum. Here: ${outcome}. Arrow keys move.`);
  }

  outcome() {
    const column = Math.min(COLUMNS - 1, Math.max(0, Math.floor(this.share(this.lab.racer.rate) * COLUMNS)));
    return OUTCOMES[this.map.row(this.inertia ? this.lab.racer[this.inertia] : 0)[column]] ?? "not yet known";
  }

  strip(at) {
    const canvas = this.byId("strip");
    const context = fitted(canvas, this.width, 10);
    const width = this.width / COLUMNS;
    this.map.row(at).forEach((outcome, i) => {
      context.fillStyle = this.colours.outcomes[outcome] ?? this.colours.grid;
      context.fillRect(i * width, 0, width + 0.6, 10);
    });
  }

  share = (rate) => Math.log(rate / this.range.low) / Math.log(this.range.high / this.range.low);

  /** 2/λ where the chosen racer is. */
  moved(lab, step, playing) {
    if (playing && performance.now() - (this.marked ?? 0) < 90) return;
    this.marked = performance.now();
    const [x, y] = placeAt(lab.scene.racers[lab.state.chosen].path, step);
    const curvature = largestCurvature(lab.made, x, y, lab.state.box);
    const share = curvature > 0 ? this.share(2 / curvature) : NaN;
    const mark = this.byId("limit");
    mark.hidden = !(share >= 0 && share <= 1);
    if (mark.hidden) return;
    mark.style.left = `${100 * share}%`;
    mark.textContent = `2/λ = ${number(2 / curvature)}`;
    mark.style.textIndent = share > 0.7 ? "-6em" : "-0.8em";
    mark.title = `λ = ${number(curvature)} is the largest curvature where the racer is; plain descent swings ever wider above 2/λ`;
  }

  press(event) {
    const { left, top, width, height } = this.byId("map").getBoundingClientRect();
    this.choose((event.clientX - left) / width, MOST_INERTIA * (1 - (event.clientY - top) / height));
  }

  walk(event) {
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!direction) return;
    event.preventDefault();
    const { racer } = this.lab;
    this.choose(this.share(racer.rate) + direction[0] / 100, (this.inertia ? racer[this.inertia] : 0) + direction[1] * 0.01);
  }

  choose(share, inertia) {
    const { low, high } = this.range;
    const rate = Number((low * (high / low) ** Math.min(1, Math.max(0, share))).toPrecision(3));
    const bounded = Number(Math.min(MOST_INERTIA, Math.max(0, inertia)).toFixed(2));
    this.lab.changeRacer(this.inertia ? { rate, [this.inertia]: bounded } : { rate });
  }
}
