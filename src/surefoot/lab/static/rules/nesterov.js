// Nesterov's acceleration: v <- mu v + d, theta <- theta - rate (d + mu v); v = d at the first step.   torch.optim.SGD
import { pair, number } from "../format.js";

export const nesterov = {
  name: "nesterov",
  label: "Nesterov",
  settings: ["momentum", "decay"],
  inertia: "momentum",
  memory: () => ({ v: 0 }),
  update(theta, g, s, { rate, momentum, decay }, t) {
    const d = g + decay * theta;
    s.v = t === 1 ? d : momentum * s.v + d;
    return theta - rate * (d + momentum * s.v);
  },
  equation: ({ theta, next, g, before, after, o, t }) => [
    ["d = g" + (o.decay ? " + decay · θ" : ""), pair(theta.map((x, i) => g[i] + o.decay * x))],
    [t === 1 ? "v ← d at the first step" : "v ← μ v + d",
      t === 1 ? pair(after.map((s) => s.v)) : `${number(o.momentum)} · ${pair(before.map((s) => s.v))} + d = ${pair(after.map((s) => s.v))}`],
    ["θ ← θ − lr · (d + μ v)", `${pair(theta)} − ${number(o.rate)} · (d + ${number(o.momentum)} v) = ${pair(next)}`],
  ],
};
