// Presets named after faults and the guided tour: a sentence of what to see above the picture.
import { element } from "../controls.js";

export class Story {
  constructor({ presets, tour }, page, open) {
    Object.assign(this, { presets, stops: tour, open, at: -1 });
    this.root = page.getElementById("story");
    this.select = page.getElementById("preset");
    this.page = page;
    const group = element("optgroup", { label: "Faults" }, ...presets.map(({ name }, i) => element("option", { value: i, textContent: name })));
    this.select.replaceChildren(element("option", { value: "", textContent: "choose…" }), group);
    this.select.addEventListener("change", () => this.select.value !== "" && this.preset(Number(this.select.value)));
    page.getElementById("tour").addEventListener("click", () => this.stop(0));
  }

  preset(index) {
    const { name, code, see, settings } = this.presets[index];
    this.at = -1;
    this.select.value = index;
    this.tell(`${name}. `, see, code ? [element("button", { type: "button", id: "about", textContent: `About ${code}`, onclick: () => this.page.defaultView.surefootLab.rulePage(code) })] : []);
    this.open(settings);
  }

  stop(index) {
    if (index < 0 || index >= this.stops.length) return this.end();
    const { title, say, settings } = this.stops[index];
    this.at = index;
    this.select.value = "";
    const button = (text, label, to) => element("button", { type: "button", textContent: text, "aria-label": label, onclick: () => this.stop(to), disabled: to < 0 });
    this.tell(`${index + 1} of ${this.stops.length}: ${title}. `, `${say} `, [button("◂", "Previous stop", index - 1), index + 1 < this.stops.length ? button("Next ▸", "Next stop", index + 1) : button("End", "End of the tour", index + 1)], this.stops[index].try);
    this.open(settings);
  }

  /** The sentence goes with what it was about. */
  end() {
    this.at = -1;
    this.select.value = "";
    this.root.replaceChildren(element("p", { className: "note", textContent: "Press or drag anywhere in the picture to start there. Add racers, turn the dial, move the sliders: all acts at once." }));
  }

  tell(title, text, buttons, task = "") {
    const said = element("p", {}, element("strong", { textContent: title }), text);
    if (task) said.append(element("em", { textContent: task }));
    this.root.replaceChildren(said, element("span", { className: "buttons" }, ...buttons));
  }
}
