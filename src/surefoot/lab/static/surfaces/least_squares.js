// The mean squared error of the line y = m x + b over points: the surface, its gradient, and that of a batch.

export function leastSquares({ x, y }, batchOf = null) {
  const n = x.length;
  const mean = (f) => x.reduce((sum, _, i) => sum + f(x[i], y[i]), 0) / n;
  const [xx, xm, xy, ym, yy] = [mean((u) => u * u), mean((u) => u), mean((u, v) => u * v), mean((_, v) => v), mean((_, v) => v * v)];
  const m = (xy - xm * ym) / (xx - xm * xm);
  const b = ym - m * xm;
  const loss = (m, b) => m * m * xx + b * b + yy + 2 * (m * b * xm - m * xy - b * ym);

  function gradient(m, b, out) {
    out[0] = 2 * (m * xx + b * xm - xy);
    out[1] = 2 * (m * xm + b - ym);
  }
  function batchGradient(m, b, out, t) {
    const drawn = batchOf(t);
    out[0] = out[1] = 0;
    for (const i of drawn) {
      const error = (2 * (m * x[i] + b - y[i])) / drawn.length;
      out[0] += error * x[i];
      out[1] += error;
    }
  }
  return {
    loss,
    gradient,
    ...(batchOf && { batchGradient, batchOf }),
    lowest: loss(m, b),
    minima: [[m, b]],
    data: { x, y, curve: (m, b) => (x) => m * x + b },
  };
}
