// One recurrent unit h <- w sigmoid(h) + b, fifty steps from h = 0.5, wanted: sigmoid(h) = 0.7.
// Source: Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063, figure 6. The gradient is carried along with h.
const LENGTH = 50;
const WANTED = 0.7;
const sigmoid = (u) => 1 / (1 + Math.exp(-u));

function loss(w, b) {
  let h = 0.5;
  for (let t = 0; t < LENGTH; t++) h = w * sigmoid(h) + b;
  return (sigmoid(h) - WANTED) ** 2;
}

function gradient(w, b, out) {
  let [h, dw, db] = [0.5, 0, 0];
  for (let t = 0; t < LENGTH; t++) {
    const y = sigmoid(h);
    const slope = w * y * (1 - y);
    dw = y + slope * dw;
    db = 1 + slope * db;
    h = w * y + b;
  }
  const y = sigmoid(h);
  const error = 2 * (y - WANTED) * y * (1 - y);
  out[0] = error * dw;
  out[1] = error * db;
}

export const cliff = {
  name: "cliff",
  label: "Cliff",
  sentence: "A recurrent unit run for fifty steps (Pascanu et al. 2013): a plateau, and a wall where the gradient explodes.",
  names: ["w", "b"],
  params: {},
  box: [2, 8, -3.8, 1.2],
  start: [5.5, -2],
  rate: 0.3,
  make: () => ({ loss, gradient, lowest: 0, minima: [] }),
};
