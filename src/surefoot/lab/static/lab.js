// The lab itself: settings in, paths out. Parts are told when the settings changed and when the step moved.
import { descend } from "./descent.js";
import { FormulaError } from "./formula/parse.js";
import { RULES } from "./rules/all.js";
import { MOST_RACERS, fresh, racerDefaults, usualRate } from "./settings.js";

const SWARM = { across: 10, up: 7 };

export class Lab {
  constructor(surfaces, state) {
    Object.assign(this, { surfaces, state, parts: [], refused: "", step: 0 });
    this.understood = surfaces.get("formula").formula;
    this.dirty = true;
    this.compute();
  }

  get surface() {
    return this.surfaces.get(this.state.surface);
  }

  get racer() {
    return this.state.racers[this.state.chosen];
  }

  /** Change settings of the lab; the parts hear of it with the next frame. */
  change(patch) {
    Object.assign(this.state, patch);
    this.dirty = true;
  }

  changeRacer(patch) {
    this.state.racers[this.state.chosen] = { ...this.racer, ...patch };
    this.dirty = true;
  }

  show(state) {
    this.state = state;
    this.dirty = true;
  }

  /** Another surface, with its own start and rates; rules and clipping stay. */
  goTo(name) {
    const { racers, chosen, steps, swarm, scale } = this.state;
    const share = ({ rule }) => usualRate(this.surfaces.get(name), rule) / usualRate(this.surface, rule);
    const moved = racers.map((racer) => ({ ...racer, rate: Number((racer.rate * share(racer)).toPrecision(2)) }));
    this.show({ ...fresh(this.surfaces, name), racers: moved, chosen, steps, swarm, scale });
  }

  add() {
    if (this.state.racers.length >= MOST_RACERS) return;
    this.state.racers.push({ ...this.racer });
    this.change({ chosen: this.state.racers.length - 1 });
  }

  remove(index) {
    if (this.state.racers.length < 2) return;
    this.state.racers.splice(index, 1);
    const { chosen } = this.state;
    this.change({ chosen: Math.min(chosen > index ? chosen - 1 : chosen, this.state.racers.length - 1) });
  }

  /** Another rule; what was not set by hand takes the new rule's default. */
  setRule(rule) {
    const [from, to] = [racerDefaults(this.racer.rule), racerDefaults(rule)];
    const usual = {};
    for (const name of ["momentum", "decay"]) if (this.racer[name] === from[name]) usual[name] = to[name];
    if (RULES[rule].adaptive !== RULES[this.racer.rule].adaptive) usual.rate = usualRate(this.surface, rule);
    this.changeRacer({ rule, ...usual });
  }

  /** Paths of all racers and of the swarm. While a formula cannot be read, the last one that could is shown. */
  compute() {
    const { state } = this;
    this.refused = "";
    try {
      this.made = this.surface.make(state);
      this.understood = state.formula;
    } catch (error) {
      if (!(error instanceof FormulaError)) throw error;
      this.refused = error.message;
      this.made = this.surface.make({ ...state, formula: this.understood });
    }
    const surface = this.made;
    this.scene = {
      surface,
      start: state.start,
      chosen: state.chosen,
      racers: state.racers.map((racer, index) => ({ racer, index, path: descend(surface, racer, state.start, state.steps) })),
      swarm: state.swarm === "yes" ? this.swarm(surface) : [],
      recorded: this.surface.paths ?? [],
      next: null,
    };
    this.lowest = lowest(surface, this.scene.racers);
  }

  swarm(surface) {
    const [x0, x1, y0, y1] = this.state.box;
    const paths = [];
    for (let i = 0; i < SWARM.across; i++) {
      for (let j = 0; j < SWARM.up; j++) {
        const start = [x0 + ((x1 - x0) * (i + 0.5)) / SWARM.across, y0 + ((y1 - y0) * (j + 0.5)) / SWARM.up];
        paths.push(descend(surface, this.racer, start, this.state.steps));
      }
    }
    return paths;
  }

  /** What the chosen racer is about to do, for the arrows. */
  arrow(step) {
    const { path, racer } = this.scene.racers[this.state.chosen];
    const i = Math.floor(step);
    if (i >= path.count) return null;
    const scale = (x) => -path.rates[i] * x;
    const cut = racer.clip === "value" ? (x) => Math.min(racer.value, Math.max(-racer.value, x)) : (x) => x * path.factors[i];
    const raw = [path.gx[i], path.gy[i]];
    return { from: [path.xs[i], path.ys[i]], raw: raw.map(scale), clipped: raw.map((x) => scale(cut(x))), factor: path.factors[i] };
  }

  /** Compute and tell all parts, if something changed; then the step. */
  frame(step, playing) {
    if (this.dirty) {
      this.dirty = false;
      this.compute();
      for (const part of this.parts) part.changed?.(this);
      this.step = -1;
    }
    if (step === this.step) return;
    this.step = step;
    this.scene.next = this.arrow(step);
    for (const part of this.parts) part.moved?.(this, step, playing);
  }
}

/** The lowest loss known: of a formula and between a plane's points, that of the paths. */
function lowest({ lowest: known, bounded }, racers) {
  if (known !== null && !bounded) return known;
  const found = racers.map(({ path }) => path.losses.subarray(0, path.count + 1).reduce((a, b) => Math.min(a, b), Infinity));
  return Math.min(known ?? Infinity, ...found);
}
