// All settings in the part of the address after #, and back. What a link holds that the lab does not know is refused, by name.
//
//   #surface=ravine&k=50&start=-3,1&steps=150&racer=gd,rate:0.02&racer=momentum,rate:0.02,momentum:0.8,clip:norm,norm:1
import { FAR_AWAY, MOST_RACERS, RACER, checked, fresh, isFormula, labSettings, numbers, racerDefaults } from "./settings.js";

const LONGEST = 4000;
const short = (value) => (typeof value === "number" ? Number(value.toPrecision(6)) : value);

/** The text of settings; what stands at its default is left out. */
export function written(state, surfaces) {
  const usual = fresh(surfaces, state.surface);
  const parts = [["surface", state.surface]];
  for (const name of Object.keys(labSettings(surfaces))) {
    const shown = name in surfaces.get(state.surface).params || ["steps", "swarm", "scale"].includes(name);
    if (shown && state[name] !== usual[name]) parts.push([name, short(state[name])]);
  }
  if (state.surface === "formula") parts.push(["formula", state.formula], ["box", state.box.map(short).join(",")]);
  parts.push(["start", state.start.map(short).join(",")]);
  if (state.chosen) parts.push(["chosen", state.chosen]);
  const racers = state.racers.map((racer) => ["racer", racerText(racer)]);
  return [...parts, ...racers].map(([name, value]) => `${name}=${encodeURIComponent(value).replace(/%(2C|3A|20)/g, (c) => decodeURIComponent(c).replace(" ", "+"))}`).join("&");
}

function racerText(racer) {
  const usual = racerDefaults(racer.rule);
  const told = Object.keys(RACER).filter((name) => name !== "rule" && (name === "rate" || racer[name] !== usual[name]));
  return [racer.rule, ...told.map((name) => `${name}:${short(racer[name])}`)].join(",");
}

/** {state, refused}: the settings of a text, and a sentence for each part of it that is none. */
export function read(text, surfaces) {
  const refused = [];
  if (text.length > LONGEST) return { state: fresh(surfaces, [...surfaces.keys()][0]), refused: [`The link has ${text.length} characters; ${LONGEST} are the most, so nothing of it was read.`] };
  const given = new URLSearchParams(text);
  const named = given.get("surface");
  const known = surfaces.has(named);
  if (named !== null && !known) refused.push(`There is no surface “${cut(named)}”.`);
  const state = fresh(surfaces, known ? named : [...surfaces.keys()][0]);
  const schema = labSettings(surfaces);
  const racers = [];
  for (const [name, value] of given) {
    if (name === "surface") continue;
    if (name === "racer") racers.push(racer(value, refused));
    else if (!one(state, schema, name, value)) refused.push(`“${cut(name)}=${cut(value)}” is no setting of the lab.`);
  }
  if (racers.length > MOST_RACERS) refused.push(`The link has ${racers.length} racers; ${MOST_RACERS} are the most.`);
  if (racers.some(Boolean)) state.racers = racers.filter(Boolean).slice(0, MOST_RACERS);
  state.chosen = Math.min(Math.max(Number(given.get("chosen")) || 0, 0), state.racers.length - 1) | 0;
  return { state, refused };
}

function one(state, schema, name, value) {
  if (name === "chosen") return /^[0-7]$/.test(value);
  if (name === "formula") return isFormula(value) && ((state.formula = value), true);
  if (name === "start") return assign(state, name, numbers(value, 2));
  if (name === "box") return assign(state, name, box(value));
  return Object.hasOwn(schema, name) && assign(state, name, checked(schema[name], value));
}

/** Four numbers x0,x1,y0,y1 that span something. */
export function box(value) {
  const four = numbers(value, 4);
  return four && four[1] - four[0] > 1e-6 && four[3] - four[2] > 1e-6 && Math.max(...four.map(Math.abs)) <= FAR_AWAY ? four : undefined;
}

function racer(text, refused) {
  const [rule, ...pairs] = text.split(",");
  const made = racerDefaults(rule);
  if (checked(RACER.rule, rule) === undefined) return refused.push(`There is no rule “${cut(rule)}”.`), null;
  for (const part of pairs) {
    const [name, value = ""] = part.split(":");
    const fine = name !== "rule" && Object.hasOwn(RACER, name) && assign(made, name, checked(RACER[name], value));
    if (!fine) refused.push(`“${cut(part)}” is no setting of a racer.`);
  }
  return made;
}

function assign(target, name, value) {
  if (value === undefined) return false;
  target[name] = value;
  return true;
}

const cut = (text) => (text.length > 30 ? `${text.slice(0, 30)}…` : text);
