// Which surface: its letters as sliders, and one's own formula with the box of the picture.
import { fill, slider } from "../controls.js";
import { number } from "../format.js";
import { box } from "../link.js";

const EDGES = ["x0", "x1", "y0", "y1"];

export class SurfacePanel {
  constructor(lab, page, onChoose) {
    this.byId = (id) => page.getElementById(id);
    this.shown = "";
    fill(this.byId("surface"), [...lab.surfaces.values()].map(({ name, label }) => [name, label]));
    this.byId("surface").addEventListener("change", (event) => {
      lab.goTo(event.target.value);
      onChoose();
    });
    this.byId("formula").addEventListener("input", (event) => lab.change({ formula: event.target.value }));
    for (const id of EDGES) this.byId(id).addEventListener("change", () => this.setBox(lab));
  }

  changed(lab) {
    const { surface, state } = lab;
    this.byId("surface").value = surface.name;
    this.byId("sentence").textContent = surface.sentence;
    this.byId("formula-box").hidden = surface.name !== "formula";
    this.byId("formula-error").textContent = lab.refused;
    this.byId("formula").setAttribute("aria-invalid", String(Boolean(lab.refused)));
    if (this.shown !== surface.name) this.build(lab);
    for (const [name, control] of this.sliders) control.show(state[name]);
    if (document.activeElement !== this.byId("formula")) this.byId("formula").value = state.formula;
    EDGES.forEach((id, i) => {
      if (document.activeElement !== this.byId(id)) this.byId(id).value = number(state.box[i]);
    });
  }

  build(lab) {
    this.shown = lab.surface.name;
    this.sliders = Object.entries(lab.surface.params).map(([name, range]) => [name, slider(`surface-${name}`, range, (value) => lab.change({ [name]: value }))]);
    this.byId("surface-settings").replaceChildren(...this.sliders.map(([, { root }]) => root));
  }

  setBox(lab) {
    const given = box(EDGES.map((id) => this.byId(id).value.replace("−", "-")).join(","));
    for (const id of EDGES) this.byId(id).setAttribute("aria-invalid", String(!given));
    if (!given) return;
    const [x, y] = lab.state.start;
    lab.change({ box: given, start: [Math.min(given[1], Math.max(given[0], x)), Math.min(given[3], Math.max(given[2], y))] });
  }
}
