// The largest curvature at a point, from central differences of the exact gradient; 2 over it bounds the rate of plain descent.

export function largestCurvature(surface, x, y, box) {
  const [hx, hy] = [1e-5 * (box[1] - box[0]), 1e-5 * (box[3] - box[2])];
  const slopes = (dx, dy, h) => {
    const [a, b] = [[0, 0], [0, 0]];
    surface.gradient(x + dx, y + dy, a);
    surface.gradient(x - dx, y - dy, b);
    return [(a[0] - b[0]) / (2 * h), (a[1] - b[1]) / (2 * h)];
  };
  const [xx, xy] = slopes(hx, 0, hx);
  const [yx, yy] = slopes(0, hy, hy);
  const off = (xy + yx) / 2;
  return (xx + yy) / 2 + Math.hypot((xx - yy) / 2, off);
}
