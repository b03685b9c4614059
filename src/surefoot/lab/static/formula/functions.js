// What a formula may name: for each function its value and its derivative, given the argument u and the value f.
const sigmoid = (u) => 1 / (1 + Math.exp(-u));

export const FUNCTIONS = new Map(Object.entries({
  sin: [Math.sin, (u) => Math.cos(u)],
  cos: [Math.cos, (u) => -Math.sin(u)],
  tan: [Math.tan, (u, f) => 1 + f * f],
  atan: [Math.atan, (u) => 1 / (1 + u * u)],
  sinh: [Math.sinh, (u) => Math.cosh(u)],
  cosh: [Math.cosh, (u) => Math.sinh(u)],
  tanh: [Math.tanh, (u, f) => 1 - f * f],
  exp: [Math.exp, (u, f) => f],
  log: [Math.log, (u) => 1 / u],
  sqrt: [Math.sqrt, (u, f) => 0.5 / f],
  abs: [Math.abs, (u) => Math.sign(u)],
  sigmoid: [sigmoid, (u, f) => f * (1 - f)],
  softplus: [(u) => Math.max(u, 0) + Math.log1p(Math.exp(-Math.abs(u))), sigmoid],
  relu: [(u) => Math.max(u, 0), (u) => (u > 0 ? 1 : 0)],
}));

export const CONSTANTS = new Map([["pi", Math.PI], ["e", Math.E]]);
