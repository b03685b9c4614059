// Gradient descent: theta <- theta - rate (g + decay theta).   torch.optim.SGD
import { pair, number } from "../format.js";

export const gd = {
  name: "gd",
  label: "Gradient descent",
  settings: ["decay"],
  memory: () => ({}),
  update(theta, g, s, { rate, decay }) {
    return theta - rate * (g + decay * theta);
  },
  equation: ({ theta, next, g, o }) => [
    ["θ ← θ − lr · " + (o.decay ? "(g + decay · θ)" : "g"),
      `${pair(theta)} − ${number(o.rate)} · ${o.decay ? `(${pair(g)} + ${number(o.decay)} θ)` : pair(g)} = ${pair(next)}`],
  ],
};
