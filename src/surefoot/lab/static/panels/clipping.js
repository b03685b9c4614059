// Clipping as a dial: what it clips to, and how much of the path it clipped.
import { dial, fill } from "../controls.js";
import { number } from "../format.js";
import { CLIPS } from "../clipping.js";
import { RACER } from "../settings.js";

const DIALS = { norm: ["norm", "largest norm"], value: ["value", "largest entry"], autoclip: ["percentile", "percentile"] };

export class ClippingPanel {
  constructor(lab, page) {
    this.byId = (id) => page.getElementById(id);
    this.shown = "";
    fill(this.byId("clip"), Object.entries(CLIPS));
    this.byId("clip").addEventListener("change", (event) => lab.changeRacer({ clip: event.target.value }));
  }

  changed(lab) {
    const { racer, scene } = lab;
    this.byId("clip").value = racer.clip;
    if (racer.clip !== this.shown) this.build(lab, racer.clip);
    this.dial?.show(racer[DIALS[racer.clip][0]]);
    this.byId("clipnote").textContent = note(racer, scene.racers[lab.state.chosen].path);
  }

  build(lab, clip) {
    this.shown = clip;
    const [name, unit] = DIALS[clip] ?? [];
    this.dial = name ? dial(RACER[name], unit, (value) => lab.changeRacer({ [name]: value })) : null;
    this.byId("dial").replaceChildren(...(this.dial ? [this.dial.root] : []));
  }
}

function note(racer, path) {
  if (racer.clip === "none") return "Gradients as they are. Choose one to cut those that are too long.";
  const share = path.count ? Math.round((100 * path.clipped) / path.count) : 0;
  const steps = `clips ${Math.min(share, 100)} % of the steps`;
  if (racer.clip === "value") return `Each entry to ±${number(racer.value)}, which also turns the gradient: ${steps}.`;
  if (racer.clip === "norm") return `Norms above ${number(racer.norm)} are cut to it: ${steps}.`;
  return `The limit is the ${number(racer.percentile)}th percentile of all norms so far: ${steps}.`;
}
