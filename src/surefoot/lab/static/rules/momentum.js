// Momentum, the heavy ball: v <- mu v + (1 - dampening) d, theta <- theta - rate v; v = d at the first step.   torch.optim.SGD
import { pair, number } from "../format.js";

export const momentum = {
  name: "momentum",
  label: "Momentum",
  settings: ["momentum", "dampening", "decay"],
  inertia: "momentum",
  memory: () => ({ v: 0 }),
  update(theta, g, s, { rate, momentum, dampening, decay }, t) {
    const d = g + decay * theta;
    s.v = t === 1 ? d : momentum * s.v + (1 - dampening) * d;
    return theta - rate * s.v;
  },
  equation: ({ theta, next, g, before, after, o, t }) => [
    ["d = g" + (o.decay ? " + decay · θ" : ""), pair(theta.map((x, i) => g[i] + o.decay * x))],
    [t === 1 ? "v ← d at the first step" : `v ← μ v + ${o.dampening ? "(1 − τ) " : ""}d`,
      t === 1 ? pair(after.map((s) => s.v)) : `${number(o.momentum)} · ${pair(before.map((s) => s.v))} + ${o.dampening ? `${number(1 - o.dampening)} · ` : ""}d = ${pair(after.map((s) => s.v))}`],
    ["θ ← θ − lr · v", `${pair(theta)} − ${number(o.rate)} · ${pair(after.map((s) => s.v))} = ${pair(next)}`],
  ],
};
