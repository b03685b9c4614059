// The chosen rule's equation with the numbers of this step in it.
import { explain } from "./descent.js";
import { number } from "./format.js";
import { RULES } from "./rules/all.js";

/** Lines [equation, the same in numbers] of the step that leads on from `step`. */
export function equationLines(surface, racer, start, step, steps) {
  const told = explain(surface, racer, start, step + 1, steps);
  if (!told) return [["the path has ended", ""]];
  const lines = RULES[racer.rule].equation(told);
  if (racer.clip !== "none") lines.unshift(clipLine(racer, told));
  return lines;
}

function clipLine({ clip, value, percentile }, { norm, threshold, factor }) {
  if (clip === "value") return ["g ← each entry within ± c", `c = ${number(value)}: ‖g‖ from ${number(norm)} to ${number(norm * factor)}`];
  const what = clip === "autoclip" ? `percentile ${number(percentile)} of all ‖g‖ so far` : "c";
  return ["g ← g · min(1, c / ‖g‖)", `${what} = ${number(threshold)}, ‖g‖ = ${number(norm)}: factor ${number(factor)}`];
}
