// AutoClip's memory: all norms so far, sorted, and their percentile with numpy's interpolation and rounding.

export class History {
  constructor(percentile) {
    this.quantile = percentile / 100;
    this.sorted = [];
  }

  /** Take in a norm; the percentile with it. */
  observe(norm) {
    const { sorted } = this;
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] <= norm) low = middle + 1;
      else high = middle;
    }
    sorted.splice(low, 0, norm);
    return this.threshold();
  }

  threshold() {
    const { sorted } = this;
    const last = sorted.length - 1;
    if (last < 0) return NaN;
    const rank = last * this.quantile;
    const place = Math.floor(rank);
    if (rank >= last) return sorted[last];
    const [lower, upper, weight] = [sorted[place], sorted[place + 1], rank - place];
    if (weight >= 0.5) return upper - (upper - lower) * (1 - weight);
    return lower + (upper - lower) * weight;
  }
}
