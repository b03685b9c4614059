// The colours of the page's style sheet, as the canvases need them.

export const MARKERS = ["circle", "square", "triangle", "diamond", "down", "cross", "star", "hexagon"];

export function theme() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  const list = (name, count) => Array.from({ length: count }, (_, i) => read(`${name}-${i}`));
  return {
    ink: read("text"),
    muted: read("muted"),
    grid: read("grid"),
    page: read("page"),
    casing: read("casing"),
    ramp: list("ramp", 5).map(rgb),
    line: rgb(read("line")),
    relief: Number(read("relief")),
    racers: list("racer", 8),
    outcomes: list("outcome", 4),
    swarm: read("swarm"),
    swarmHead: read("swarm-head"),
  };
}

export const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** A marker's outline about (x, y), as a new path of the context. */
export function marker(context, kind, x, y, r) {
  context.beginPath();
  if (kind === "circle") return context.arc(x, y, r, 0, 2 * Math.PI);
  const corners = CORNERS[kind];
  corners.forEach(([dx, dy], i) => context[i ? "lineTo" : "moveTo"](x + r * dx, y + r * dy));
  context.closePath();
}

const ring = (count, turn, radii = [1.15]) => Array.from({ length: count * radii.length }, (_, i) => {
  const angle = turn + (2 * Math.PI * i) / (count * radii.length);
  const r = radii[i % radii.length];
  return [r * Math.cos(angle), r * Math.sin(angle)];
});
export const CORNERS = {
  square: [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
  triangle: ring(3, -Math.PI / 2, [1.3]),
  diamond: ring(4, -Math.PI / 2, [1.3]),
  down: ring(3, Math.PI / 2, [1.3]),
  cross: [[-0.4, -1.1], [0.4, -1.1], [0.4, -0.4], [1.1, -0.4], [1.1, 0.4], [0.4, 0.4], [0.4, 1.1], [-0.4, 1.1], [-0.4, 0.4], [-1.1, 0.4], [-1.1, -0.4], [-0.4, -0.4]],
  star: ring(5, -Math.PI / 2, [1.5, 0.65]),
  hexagon: ring(6, 0),
};
