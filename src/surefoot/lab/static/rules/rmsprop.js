// RMSprop: s <- alpha s + (1 - alpha) g², b <- mu b + g / (sqrt(s) + eps), theta <- theta - rate b.   torch.optim.RMSprop
import { pair, number } from "../format.js";

export const rmsprop = {
  name: "rmsprop",
  label: "RMSprop",
  settings: ["alpha", "momentum", "decay"],
  adaptive: true, // its rate is a distance, whatever the gradient
  inertia: "momentum",
  memory: () => ({ s: 0, b: 0 }),
  update(theta, g, s, { rate, alpha, momentum, decay, eps }) {
    const d = g + decay * theta;
    s.s = alpha * s.s + (1 - alpha) * d * d;
    s.b = momentum * s.b + d / (Math.sqrt(s.s) + eps);
    return theta - rate * s.b;
  },
  equation: ({ theta, next, before, after, o }) => [
    ["s ← α s + (1 − α) g²", `${number(o.alpha)} · ${pair(before.map((s) => s.s))} + ${number(1 - o.alpha)} g² = ${pair(after.map((s) => s.s))}`],
    [o.momentum ? "b ← μ b + g / (√s + ε)" : "b = g / (√s + ε)", pair(after.map((s) => s.b))],
    ["θ ← θ − lr · b", `${pair(theta)} − ${number(o.rate)} · ${pair(after.map((s) => s.b))} = ${pair(next)}`],
  ],
};
