// Adam: m <- b1 m + (1 - b1) g, v <- b2 v + (1 - b2) g², both corrected for their start at zero.   torch.optim.Adam
import { pair, number } from "../format.js";

export const adam = {
  name: "adam",
  label: "Adam",
  settings: ["beta1", "beta2", "decay"],
  adaptive: true, // its rate is a distance, whatever the gradient
  inertia: "beta1",
  memory: () => ({ m: 0, v: 0 }),
  update(theta, g, s, { rate, beta1, beta2, decay, eps }, t) {
    const d = g + decay * theta;
    s.m = beta1 * s.m + (1 - beta1) * d;
    s.v = beta2 * s.v + (1 - beta2) * d * d;
    const m = s.m / (1 - beta1 ** t);
    const v = s.v / (1 - beta2 ** t);
    return theta - (rate * m) / (Math.sqrt(v) + eps);
  },
  equation: ({ theta, next, before, after, o, t }) => adamLines(theta, next, before, after, o, t, "θ"),
};

export function adamLines(theta, next, before, after, o, t, left) {
  const [m, v] = ["m", "v"].map((name) => after.map((s) => s[name]));
  return [
    ["m ← β₁ m + (1 − β₁) g", `${number(o.beta1)} · ${pair(before.map((s) => s.m))} + ${number(1 - o.beta1)} g = ${pair(m)}`],
    ["v ← β₂ v + (1 − β₂) g²", `${number(o.beta2)} · ${pair(before.map((s) => s.v))} + ${number(1 - o.beta2)} g² = ${pair(v)}`],
    [`m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)`, `${pair(m.map((x) => x / (1 - o.beta1 ** t)))}, ${pair(v.map((x) => x / (1 - o.beta2 ** t)))}`],
    [`θ ← ${left} − lr · m̂ / (√v̂ + ε)`, `${pair(theta)} − ${pair(theta.map((x, i) => x - next[i]))} = ${pair(next)}`],
  ];
}
