// AdamW: theta <- theta - rate decay theta, then Adam's step with a gradient that knows nothing of it.   torch.optim.AdamW
import { adam, adamLines } from "./adam.js";

export const adamw = {
  name: "adamw",
  label: "AdamW",
  settings: ["beta1", "beta2", "decay"],
  adaptive: true, // its rate is a distance, whatever the gradient
  inertia: "beta1",
  memory: adam.memory,
  update(theta, g, s, o, t) {
    return adam.update(theta * (1 - o.rate * o.decay), g, s, { ...o, decay: 0 }, t);
  },
  equation: ({ theta, next, before, after, o, t }) => adamLines(theta, next, before, after, o, t, "(1 − lr · decay) θ"),
};
