// The figures of a page: each drawn when it comes into view, and drawn anew when its curves have grown.

import { extentOf, grown } from "./points.js";

const { element } = window.surefoot;
const MOST = 4000; // points of a curve that grows; the server sends two a pixel

export class Charts {
  // zoomed: told of the steps that are looked at, null for all.
  constructor(zoomed) {
    this.zoomed = zoomed;
    this.made = new Map();
    this.marks = [];
    this.view = null;
    this.seen = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) this.mount(target);
    }, { rootMargin: "300px" });
  }

  get extent() {
    return extentOf([...this.made.values()].map((one) => one.spec));
  }

  // Charts as the server makes them, into a place; those that are there already get their new curves.
  put(place, charts) {
    for (const spec of charts) {
      const kept = this.made.get(spec.id);
      if (kept && sameCurves(kept.spec, spec)) {
        kept.spec = spec;
        kept.dirty = true;
        continue;
      }
      const figure = figureOf(spec);
      if (kept) {
        this.seen.unobserve(kept.figure);
        kept.state?.plot?.destroy();
        kept.figure.replaceWith(figure);
      } else {
        place.append(figure);
      }
      this.made.set(spec.id, { spec, figure, state: null, dirty: false });
      this.seen.observe(figure);
    }
    this.draw();
  }

  mount(figure) {
    const one = this.made.get(figure.dataset.chart);
    if (!one || one.state || !one.spec.series.length) return;
    this.seen.unobserve(figure);
    one.state = window.surefoot.chart(figure, one.spec, this.marksOf(one.spec), this.extent, this.view);
    one.state.zoomed = this.zoomed;
    one.dirty = false;
  }

  marksOf(spec) {
    return this.marks.filter((mark) => !mark.charts || mark.charts.includes(spec.id));
  }

  mark(marks) {
    this.marks = marks;
    for (const { spec, state } of this.made.values()) state?.mark(this.marksOf(spec));
  }

  // What is new of the curves; false where a curve has no place yet.
  grow(news) {
    let placed = true;
    for (const part of news) {
      let found = false;
      for (const one of this.made.values()) {
        const at = one.spec.series.findIndex((curve) => curve.source === part.source && (curve.mean ?? 0) === (part.mean ?? 0));
        if (at < 0) continue;
        found = true;
        const series = [...one.spec.series];
        series[at] = grown(series[at], part, MOST);
        one.spec = { ...one.spec, series };
        one.dirty = true;
      }
      placed &&= found || Boolean(part.mean);
    }
    this.draw();
    return placed;
  }

  draw() {
    const extent = this.extent;
    for (const one of this.made.values()) {
      if (!one.state || !(one.dirty || one.last !== extent[1])) continue;
      one.state.update(one.spec, this.marksOf(one.spec), extent);
      one.dirty = false;
      one.last = extent[1];
    }
  }

  // Over how many steps the means are, as the server wants to hear it.
  get means() {
    const curves = [...this.made.values()].flatMap((one) => one.spec.series);
    return curves.filter((curve) => curve.mean).map((curve) => `${curve.source}:${curve.mean}`).join(",");
  }
}

export function figureOf(spec) {
  const caption = element("figcaption", {}, element("h3", {}, spec.title));
  if (spec.note) caption.append(" ", element("span", { class: "note" }, spec.note));
  return element("figure", { class: "chart", id: `chart-${spec.id}`, "data-chart": spec.id }, caption);
}

const sameCurves = (one, other) =>
  one.series.length === other.series.length &&
  one.series.every((curve, at) => curve.label === other.series[at].label && curve.style === other.series[at].style);
