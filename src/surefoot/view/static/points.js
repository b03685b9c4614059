// Points of a curve that grows: put at its end, and thinned where they are more than the screen shows.

// A curve with what is new of it: a mean is told anew from its first new step on, a series only goes on.
export function grown(curve, news, most) {
  const from = news.steps[0] ?? news.nonfinite[0]?.[0];
  if (from === undefined) return curve;
  const last = curve.steps.at(-1) ?? -Infinity;
  const isMean = Boolean(curve.mean);
  const kept = isMean ? curve.steps.findIndex((step) => step >= from) : -1;
  const end = kept < 0 ? curve.steps.length : kept;
  const begin = isMean ? 0 : news.steps.findIndex((step) => step > last);
  const fresh = begin < 0 ? [[], []] : [news.steps.slice(begin), news.values.slice(begin)];
  const bad = curve.nonfinite.at(-1)?.[0] ?? -Infinity;
  return thinned(
    {
      ...curve,
      steps: [...curve.steps.slice(0, end), ...fresh[0]],
      values: [...curve.values.slice(0, end), ...fresh[1]],
      nonfinite: [...curve.nonfinite, ...news.nonfinite.filter(([step]) => step > bad)].slice(-2000),
    },
    most,
  );
}

// At most `most` points: the least and the greatest value of equal buckets, and both ends.
export function thinned(curve, most) {
  const count = curve.steps.length;
  if (count <= most) return curve;
  const buckets = Math.max(1, Math.floor(most / 4)); // half of what is allowed, so that this is not done at each news
  const kept = new Set([0, count - 1]);
  for (let bucket = 0; bucket < buckets; bucket++) {
    const [begin, end] = [bucket, bucket + 1].map((at) => Math.floor((at * count) / buckets));
    let [low, high] = [begin, begin];
    for (let at = begin; at < end; at++) {
      const value = curve.values[at];
      if (value === null) kept.add(at);
      else {
        if (!(curve.values[low] <= value)) low = at;
        if (!(curve.values[high] >= value)) high = at;
      }
    }
    kept.add(low).add(high);
  }
  const places = [...kept].sort((a, b) => a - b);
  return { ...curve, steps: places.map((at) => curve.steps[at]), values: places.map((at) => curve.values[at]) };
}

// First and last step of all curves.
export function extentOf(charts) {
  let [first, last] = [Infinity, -Infinity];
  for (const { series } of charts) {
    for (const { steps } of series) {
      if (!steps.length) continue;
      first = Math.min(first, steps[0]);
      last = Math.max(last, steps.at(-1));
    }
  }
  return [first, last];
}
