// Schedules: the factor of the rate at step t of n, after a straight warm-up. The values of surefoot.schedules.

export const SCHEDULES = {
  constant: () => 1,
  linear: (t, n) => 1 - Math.min(t, n) / n,
  cosine: (t, n) => (1 + Math.cos((Math.PI * Math.min(t, n)) / n)) / 2,
  staircase: (t, n) => 0.1 ** ((t >= Math.floor(n / 2)) + (t >= Math.floor((3 * n) / 4))), // torch's MultiStepLR at a half and three quarters
};

/** The factor at step t (0 is the first); `warmup` steps rise to 1 and the schedule fills the rest of `steps`. */
export function factor(t, { schedule, warmup }, steps) {
  if (t < warmup) return (t + 1) / (warmup + 1);
  return SCHEDULES[schedule](t - warmup, Math.max(steps - warmup, 1));
}
