// Values and exact derivatives of a tape, by forward-mode differentiation: each entry carries its value and both slopes.
import { FUNCTIONS } from "./functions.js";

/** {loss(x, y), gradient(x, y, out)} of a parsed formula. */
export function differentiate(tape) {
  const n = tape.length;
  const [v, dx, dy] = [0, 1, 2].map(() => new Float64Array(n));
  const all = tape.map((entry, i) => (OPERATIONS[entry.op] ?? unary)(entry, i, v, dx, dy));
  const run = all.filter((operation, i) => !settled(tape, i, operation));
  return {
    loss(x, y) {
      for (let i = 0; i < run.length; i++) run[i].value(x, y);
      return v[n - 1];
    },
    gradient(x, y, out) {
      for (let i = 0; i < run.length; i++) {
        run[i].value(x, y);
        run[i].slope();
      }
      out[0] = dx[n - 1];
      out[1] = dy[n - 1];
    },
  };
}

/** Whether an entry is the same everywhere; if so it is computed here, once. */
function settled(tape, i, operation) {
  const { op, a, b } = tape[i];
  const fixed = (at) => at === undefined || tape[at].fixed;
  tape[i].fixed = op === "number" || (op !== "x" && op !== "y" && fixed(a) && fixed(b));
  if (tape[i].fixed) operation.value();
  return tape[i].fixed;
}

function unary({ op, a }, i, v, dx, dy) {
  const [f, slope] = FUNCTIONS.get(op);
  return {
    value: () => void (v[i] = f(v[a])),
    slope: () => {
      const s = slope(v[a], v[i]);
      dx[i] = dx[a] && s * dx[a]; // no slope times an infinite one is no slope
      dy[i] = dy[a] && s * dy[a];
    },
  };
}

const leaf = (value, slope) => ({ value, slope });
const OPERATIONS = {
  x: (_, i, v, dx, dy) => leaf((x) => void (v[i] = x), () => void ((dx[i] = 1), (dy[i] = 0))),
  y: (_, i, v, dx, dy) => leaf((_, y) => void (v[i] = y), () => void ((dx[i] = 0), (dy[i] = 1))),
  number: ({ value }, i, v) => leaf(() => void (v[i] = value), () => {}),
  neg: ({ a }, i, v, dx, dy) => leaf(() => void (v[i] = -v[a]), () => void ((dx[i] = -dx[a]), (dy[i] = -dy[a]))),
  add: ({ a, b }, i, v, dx, dy) => leaf(() => void (v[i] = v[a] + v[b]), () => void ((dx[i] = dx[a] + dx[b]), (dy[i] = dy[a] + dy[b]))),
  sub: ({ a, b }, i, v, dx, dy) => leaf(() => void (v[i] = v[a] - v[b]), () => void ((dx[i] = dx[a] - dx[b]), (dy[i] = dy[a] - dy[b]))),
  mul: ({ a, b }, i, v, dx, dy) => leaf(() => void (v[i] = v[a] * v[b]),
    () => void ((dx[i] = dx[a] * v[b] + v[a] * dx[b]), (dy[i] = dy[a] * v[b] + v[a] * dy[b]))),
  div: ({ a, b }, i, v, dx, dy) => leaf(() => void (v[i] = v[a] / v[b]),
    () => void ((dx[i] = (dx[a] - v[i] * dx[b]) / v[b]), (dy[i] = (dy[a] - v[i] * dy[b]) / v[b]))),
  pow: ({ a, b }, i, v, dx, dy) => leaf(() => void (v[i] = v[b] === 2 ? v[a] * v[a] : v[a] ** v[b]), () => {
    const base = v[b] === 2 ? 2 * v[a] : v[b] === 0 ? 0 : v[b] * v[a] ** (v[b] - 1);
    const moves = dx[b] !== 0 || dy[b] !== 0; // a constant exponent needs no logarithm of a negative base
    const exponent = moves ? (v[a] === 0 ? 0 : v[i] * Math.log(v[a])) : 0;
    dx[i] = (dx[a] && base * dx[a]) + exponent * dx[b];
    dy[i] = (dy[a] && base * dy[a]) + exponent * dy[b];
  }),
};
