// Numbers as people read them, on one width.

/** Three significant digits; powers of ten outside of 0.001 to 99,999. */
export function number(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) {
    const [digits, power] = value.toExponential(1).split("e");
    return `${minus(digits)}e${minus(String(Number(power)))}`;
  }
  return minus(String(Number(value.toPrecision(3))));
}

/** Two numbers as a point. */
export const pair = ([a, b]) => `(${number(a)}, ${number(b)})`;

/** Round numbers between two ends, about `count` of them. */
export function ticks(low, high, count = 5) {
  const raw = (high - low) / count;
  if (!(raw > 0) || !Number.isFinite(raw)) return [];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(Number((i * step).toPrecision(10)));
  return found;
}

const minus = (text) => text.replace("-", "−");
