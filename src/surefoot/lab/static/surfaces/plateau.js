// One sigmoid unit with squared error on four points: where it saturates on the wrong side, nothing pulls it back.
const X = [-2, -1, 1, 2];
const Y = [0, 0, 1, 1];
const sigmoid = (u) => 1 / (1 + Math.exp(-u));

function loss(w, b) {
  let sum = 0;
  for (let i = 0; i < X.length; i++) sum += (sigmoid(w * X[i] + b) - Y[i]) ** 2;
  return sum / X.length;
}

function gradient(w, b, out) {
  out[0] = out[1] = 0;
  for (let i = 0; i < X.length; i++) {
    const p = sigmoid(w * X[i] + b);
    const error = (2 * (p - Y[i]) * p * (1 - p)) / X.length;
    out[0] += error * X[i];
    out[1] += error;
  }
}

export const plateau = {
  name: "plateau",
  label: "Plateau",
  sentence: "One sigmoid unit with squared error: saturated on the wrong side, its gradient is almost nothing.",
  names: ["w", "b"],
  params: {},
  box: [-8, 8, -8, 8],
  start: [-6.5, 1],
  rate: 1,
  make: () => ({ loss, gradient, lowest: 0, minima: [], data: { x: X, y: Y, curve: (w, b) => (x) => sigmoid(w * x + b) } }),
};
