// The race itself: how many steps, a swarm or not; the player's buttons.
import { slider } from "../controls.js";
import { labSettings } from "../settings.js";
import { outcome, told } from "./racers.js";
import { RULES } from "../rules/all.js";

export class RacePanel {
  constructor(lab, player, page) {
    Object.assign(this, { lab, player });
    this.byId = (id) => page.getElementById(id);
    this.steps = slider("race-steps", labSettings(lab.surfaces).steps, (steps) => lab.change({ steps }));
    this.byId("race-settings").replaceChildren(this.steps.root);
    this.byId("swarm").addEventListener("change", (event) => lab.change({ swarm: event.target.checked ? "yes" : "no" }));
    const press = { play: () => player.toggle(), first: () => (player.pause(), player.to(0)), back: () => player.by(-1), forward: () => player.by(1) };
    for (const [id, does] of Object.entries(press)) this.byId(id).addEventListener("click", does);
    this.byId("step").addEventListener("input", (event) => {
      player.pause();
      player.to(Number(event.target.value));
    });
    this.byId("speed").addEventListener("change", (event) => (player.speed = Number(event.target.value)));
  }

  changed(lab) {
    this.steps.show(lab.state.steps);
    this.byId("swarm").checked = lab.state.swarm === "yes";
    this.byId("step").max = lab.state.steps;
  }

  moved(lab, step, playing) {
    this.byId("step").value = step;
    this.byId("stepname").textContent = `${Math.floor(step)} of ${lab.state.steps}`;
    if (!playing) this.tell(lab, step);
  }

  state(playing) {
    const play = this.byId("play");
    play.textContent = playing ? "❚❚" : "▶";
    play.setAttribute("aria-label", playing ? "Pause" : "Play");
  }

  /** For screen readers, once things stand still. */
  tell(lab, step) {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      const racers = lab.scene.racers.map(({ racer, path }) => `${RULES[racer.rule].label}, ${told(racer)}: ${outcome(path, lab.lowest, Math.floor(step))}`);
      this.byId("told").textContent = `Step ${Math.floor(step)} of ${lab.state.steps}. ${racers.join(". ")}.`;
    }, 400);
  }
}
