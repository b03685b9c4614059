// One's own formula. The box of the picture is a setting; where the minima are is not known.
import { compiled } from "../formula/formula.js";

export const own = {
  name: "formula",
  label: "Your formula",
  sentence: "Your own function of x and y. It is parsed, and differentiated exactly; nothing of it is run as code.",
  names: ["x", "y"],
  params: {},
  formula: "sin(x) * cos(y) + (x^2 + y^2) / 20",
  box: [-5, 5, -4, 4],
  start: [3.5, 2.5],
  rate: 0.1,
  make: (settings) => ({ ...compiled(settings.formula), lowest: null, minima: [] }),
};
