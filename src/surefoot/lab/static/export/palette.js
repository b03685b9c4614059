// At most 256 colours for some pictures, by cutting the colours that occur at their median, and the nearest of them for each pixel.

const CELL = 2; // bits that are dropped of each channel when colours are counted

export function palette(images, count = 256) {
  const seen = new Map();
  for (const { data } of images) {
    for (let i = 0; i < data.length; i += 4) {
      const key = cell(data, i);
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
  }
  const colours = [...seen].map(([key, weight]) => ({ rgb: centre(key), weight }));
  const boxes = [colours];
  while (boxes.length < count) {
    const widest = boxes.map(spread).reduce((best, one, i, all) => (one.score > all[best].score ? i : best), 0);
    const { score, channel } = spread(boxes[widest]);
    if (score === 0) break;
    const [box] = boxes.splice(widest, 1);
    box.sort((a, b) => a.rgb[channel] - b.rgb[channel]);
    const half = median(box);
    boxes.push(box.slice(0, half), box.slice(half));
  }
  return boxes.map(average);
}

/** Indices of each pixel's colour; `known` remembers them from picture to picture. */
export function indexed({ data }, colours, known) {
  const out = new Uint8Array(data.length / 4);
  for (let i = 0, p = 0; i < data.length; i += 4, p++) {
    const key = cell(data, i);
    let index = known.get(key);
    if (index === undefined) known.set(key, (index = nearest(centre(key), colours)));
    out[p] = index;
  }
  return out;
}

const cell = (data, i) => ((data[i] >> CELL) << 12) | ((data[i + 1] >> CELL) << 6) | (data[i + 2] >> CELL);
const centre = (key) => [key >> 12, (key >> 6) & 63, key & 63].map((v) => Math.round((v * 255) / 63));

function spread(box) {
  const ranges = [0, 1, 2].map((c) => {
    let [low, high] = [255, 0];
    for (const { rgb } of box) {
      low = Math.min(low, rgb[c]);
      high = Math.max(high, rgb[c]);
    }
    return high - low;
  });
  const channel = ranges.indexOf(Math.max(...ranges));
  return { channel, score: box.length < 2 ? 0 : ranges[channel] * Math.log2(box.length + 1) };
}

function median(box) {
  const half = box.reduce((sum, { weight }) => sum + weight, 0) / 2;
  let sum = 0;
  const place = box.findIndex(({ weight }) => (sum += weight) >= half);
  return Math.min(Math.max(place, 1), box.length - 1);
}

function average(box) {
  const total = box.reduce((sum, { weight }) => sum + weight, 0);
  return [0, 1, 2].map((c) => Math.round(box.reduce((sum, { rgb, weight }) => sum + rgb[c] * weight, 0) / total));
}

function nearest([r, g, b], colours) {
  let best = 0;
  let least = Infinity;
  for (let i = 0; i < colours.length; i++) {
    const [x, y, z] = colours[i];
    const distance = 2 * (r - x) ** 2 + 4 * (g - y) ** 2 + 3 * (b - z) ** 2;
    if (distance < least) [best, least] = [i, distance];
  }
  return best;
}
