// The plane of a trained model: losses on a grid, between them bicubic interpolation (Keys 1981, a = -1/2), and its gradient.
// Off the grid the loss is not known: NaN.

export function planeSurface(record, index) {
  const { x, y } = record;
  return {
    name: index ? `plane${index + 1}` : "plane",
    label: record.title,
    sentence: `${record.sentence} Between its ${x.length} × ${y.length} losses lies bicubic interpolation, and the gradient is the interpolation's.`,
    names: record.names,
    params: {},
    box: [x[0], x.at(-1), y[0], y.at(-1)],
    start: record.start,
    rate: record.rate,
    paths: record.paths,
    make: () => interpolated(record),
  };
}

function interpolated({ x, y, losses, center, lowest }) {
  const [nx, ny] = [x.length, y.length];
  const values = Float64Array.from(losses.flat(), (v) => v ?? NaN);
  const [hx, hy] = [(x[nx - 1] - x[0]) / (nx - 1), (y[ny - 1] - y[0]) / (ny - 1)];
  const clamp = (i, n) => (i < 0 ? 0 : i >= n ? n - 1 : i);
  const [wx, wy, sx, sy] = [0, 0, 0, 0].map(() => new Float64Array(4));

  // sums[0] of values by both weights, [1] and [2] with the slopes of one.
  const sums = new Float64Array(3);
  function blend(px, py) {
    const [u, v] = [(px - x[0]) / hx, (py - y[0]) / hy];
    if (!(u >= 0 && v >= 0 && u <= nx - 1 && v <= ny - 1)) return sums.fill(NaN);
    const [i, j] = [Math.min(Math.floor(u), nx - 2), Math.min(Math.floor(v), ny - 2)];
    keys(u - i, wx, sx);
    keys(v - j, wy, sy);
    sums.fill(0);
    for (let b = 0; b < 4; b++) {
      const row = clamp(j + b - 1, ny) * nx;
      for (let a = 0; a < 4; a++) {
        const value = values[row + clamp(i + a - 1, nx)];
        sums[0] += value * wx[a] * wy[b];
        sums[1] += value * sx[a] * wy[b];
        sums[2] += value * wx[a] * sy[b];
      }
    }
    return sums;
  }
  return {
    loss: (px, py) => blend(px, py)[0],
    gradient(px, py, out) {
      blend(px, py);
      out[0] = sums[1] / hx;
      out[1] = sums[2] / hy;
    },
    lowest,
    minima: [],
    bounded: true,
    marks: [{ label: "trained", point: center }],
  };
}

/** The four weights at t in [0, 1], and their slopes. */
function keys(t, weights, slopes) {
  weights[0] = ((-t + 2) * t - 1) * t * 0.5;
  weights[1] = ((3 * t - 5) * t * t + 2) * 0.5;
  weights[2] = ((-3 * t + 4) * t + 1) * t * 0.5;
  weights[3] = (t - 1) * t * t * 0.5;
  slopes[0] = ((-3 * t + 4) * t - 1) * 0.5;
  slopes[1] = (9 * t - 10) * t * 0.5;
  slopes[2] = ((-9 * t + 8) * t + 1) * 0.5;
  slopes[3] = (3 * t - 2) * t * 0.5;
}
