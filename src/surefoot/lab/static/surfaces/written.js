// A surface that is written as a formula in x and y; `params` are letters of it that have sliders.
import { compiled } from "../formula/formula.js";

export const written = (surface) => ({
  names: ["x", "y"],
  params: {},
  ...surface,
  make: (settings) => ({
    ...compiled(surface.formula, new Map(Object.keys(surface.params ?? {}).map((name) => [name, settings[name]]))),
    lowest: surface.lowest,
    minima: surface.minima ?? [],
  }),
});
