// What can be set, with its range. Everything that comes from outside, by a link or by hand, passes `checked`.
import { CLIPS } from "./clipping.js";
import { RULES } from "./rules/all.js";
import { SCHEDULES } from "./schedules.js";

export const MOST_RACERS = 8;

const amount = (label, symbol, low, high, value, more = {}) => ({ kind: "number", label, symbol, low, high, value, ...more });
const choice = (label, options, value) => ({ kind: "choice", label, options, value });

/** Of each racer. */
export const RACER = {
  rule: choice("rule", Object.keys(RULES), "gd"),
  rate: amount("learning rate", "lr", 1e-6, 1000, 0.1, { log: true }),
  momentum: amount("momentum", "μ", 0, 0.99, 0.9, { step: 0.01 }),
  dampening: amount("dampening", "τ", 0, 1, 0, { step: 0.01 }),
  alpha: amount("share kept of g²", "α", 0, 0.999, 0.9, { step: 0.001 }),
  beta1: amount("share kept of g", "β₁", 0, 0.99, 0.9, { step: 0.01 }),
  beta2: amount("share kept of g²", "β₂", 0, 0.999, 0.999, { step: 0.001 }),
  decay: amount("weight decay", "", 0, 2, 0, { step: 0.01 }),
  schedule: choice("schedule", Object.keys(SCHEDULES), "constant"),
  warmup: amount("warm-up steps", "", 0, 200, 0, { step: 1 }),
  clip: choice("clipping", Object.keys(CLIPS), "none"),
  norm: amount("largest norm", "", 0.001, 1000, 1, { log: true }),
  value: amount("largest entry", "", 0.001, 1000, 1, { log: true }),
  percentile: amount("percentile", "p", 0, 100, 10, { step: 1 }),
};

/** Of the whole lab; the surfaces' own letters (k, angle, batch, seed) are added by `labSettings`. */
const LAB = {
  steps: amount("steps", "", 10, 1000, 150, { step: 10 }),
  swarm: choice("swarm", ["no", "yes"], "no"),
  scale: choice("scale of loss and norm", ["log", "linear"], "log"),
};
export const FAR_AWAY = 1e6; // of a start or a box
const LONGEST_FORMULA = 300;

/** The lab's settings with those letters that some surface has. */
export function labSettings(surfaces) {
  const letters = {};
  for (const { params } of surfaces.values()) {
    for (const [name, range] of Object.entries(params)) letters[name] ??= { kind: "number", ...range };
  }
  return { surface: choice("surface", [...surfaces.keys()], [...surfaces.keys()][0]), ...LAB, ...letters };
}

/** A value as a setting takes it: in its range, or undefined if it is none. */
export function checked(setting, given) {
  if (setting.kind === "choice") return setting.options.includes(given) ? given : undefined;
  const text = String(given).trim().replaceAll("−", "-");
  const value = text === "" || text.length > 30 ? NaN : Number(text);
  if (!Number.isFinite(value)) return undefined;
  const inside = Math.min(setting.high, Math.max(setting.low, value));
  return setting.step >= 1 ? Math.round(inside) : inside;
}

/** `count` numbers from "a,b,…"; undefined if they are not. */
export function numbers(text, count) {
  const parts = String(text).split(",");
  const values = parts.map((part) => (part.trim() === "" || part.length > 30 ? NaN : Number(part)));
  return values.length === count && values.every((v) => Number.isFinite(v) && Math.abs(v) <= FAR_AWAY) ? values : undefined;
}

/** The rates that are worth trying on a surface: the range of the slider and of the map under it. */
export function rateRange(surface) {
  const round = (value) => Number(value.toPrecision(1));
  return { ...RACER.rate, low: round(Math.max(surface.rate / 50, RACER.rate.low)), high: round(Math.min(surface.rate * 200, RACER.rate.high)) };
}

/** A rate that works on a surface: for adaptive rules a share of the picture's width, since theirs is a distance. */
export function usualRate(surface, rule) {
  return RULES[rule].adaptive ? Math.max(Number(((surface.box[1] - surface.box[0]) / 40).toPrecision(1)), RACER.rate.low) : surface.rate;
}

export function defaults(schema) {
  return Object.fromEntries(Object.entries(schema).map(([name, setting]) => [name, setting.value]));
}

/** Of a racer of a rule: torch's RMSprop has no momentum unless asked, its AdamW some decay. */
const OWN_DEFAULTS = { rmsprop: { momentum: 0 }, adamw: { decay: 0.01 } };
export const racerDefaults = (rule) => ({ ...defaults(RACER), rule, ...(Object.hasOwn(OWN_DEFAULTS, rule) && OWN_DEFAULTS[rule]) });

/** All settings of a lab that shows a surface for the first time. */
export function fresh(surfaces, name) {
  const surface = surfaces.get(name);
  const own = Object.fromEntries(Object.entries(surface.params).map(([letter, range]) => [letter, range.value]));
  return {
    ...defaults(labSettings(surfaces)),
    ...own,
    surface: name,
    start: [...surface.start],
    box: [...surface.box],
    formula: surfaces.get("formula").formula,
    racers: [{ ...racerDefaults("gd"), rate: surface.rate }],
    chosen: 0,
  };
}

export const isFormula = (text) => typeof text === "string" && text.length <= LONGEST_FORMULA;
