"use strict";
// One chart of curves over steps, by uPlot: linear or log, zoom, values read by mouse, touch or keyboard.
(() => {
  const surefoot = (window.surefoot ??= {});
  const { element, number, color } = surefoot;
  const HEIGHT = 260;

  // spec: as charts.py makes it, with "unit" where the axis is not of steps; marks: findings with a step; extent: first and last step of all charts.
  // view: the steps to begin with, where the rest shows nothing.
  surefoot.chart = (figure, spec, marks, extent, view) => {
    const positive = spec.series.some((one) => one.values.some((value) => value > 0));
    const state = { log: spec.log && positive, hidden: new Set(), plot: null, spec, marks, data: joined(spec, extent), zoomed: null };
    const controls = element("div", { class: "controls" });
    const box = element("div", {
      class: "plot",
      tabindex: "0",
      role: "application",
      "aria-roledescription": "chart",
      "aria-label": `${spec.title}. ${spec.summary}. Arrow keys read values.`,
    });
    const readout = element("p", { class: "readout", "aria-live": "polite" }, spec.summary);

    const draw = () => {
      const x = state.plot ? zoomOf(state.plot) : view && { min: view[0], max: view[1] };
      state.plot?.destroy();
      state.plot = new uPlot(options(state, box, readout, view), shown(state.data, state.log), box);
      if (x) state.plot.setScale("x", x);
      for (const index of state.hidden) state.plot.setSeries(index + 1, { show: false });
      box.dataset.drawn = state.log ? "log" : "linear";
    };
    if (spec.series.length > 1) controls.append(...legend(spec, state));
    if (positive) {
      const toggle = element("button", { type: "button", "aria-pressed": String(state.log) }, "log scale");
      toggle.addEventListener("click", () => {
        state.log = !state.log;
        toggle.setAttribute("aria-pressed", String(state.log));
        draw();
      });
      controls.append(toggle);
    }
    if (view) {
      const whole = element("button", { type: "button", "aria-pressed": "false" }, "all steps");
      whole.addEventListener("click", () => {
        const wanted = whole.getAttribute("aria-pressed") === "false";
        whole.setAttribute("aria-pressed", String(wanted));
        const steps = state.plot.data[0];
        state.plot.setScale("x", wanted ? { min: steps[0], max: steps.at(-1) } : { min: view[0], max: view[1] });
      });
      controls.append(whole);
    }
    figure.append(controls, box, readout);
    const bad = element("p", { class: "nonfinite" });
    const tellBad = () => {
      bad.textContent = nonfinite(state.spec);
      bad.hidden = !bad.textContent;
    };
    figure.append(bad);
    tellBad();
    // Other points of the same curves; the steps that are looked at stay.
    state.update = (newer, newMarks, newExtent) => {
      Object.assign(state, { spec: newer, marks: newMarks, data: joined(newer, newExtent) });
      tellBad();
      if (!state.plot) return;
      const x = zoomOf(state.plot);
      state.plot.batch(() => {
        state.plot.setData(shown(state.data, state.log), true);
        if (x) state.plot.setScale("x", x);
      });
      if (state.plot.cursor.idx == null) readout.textContent = newer.summary;
    };
    // Only the marks.
    state.mark = (newMarks) => {
      state.marks = newMarks;
      state.plot?.redraw(false);
    };
    box.addEventListener("keydown", (event) => onKey(event, state.plot));
    box.addEventListener("touchmove", (event) => onTouch(event, state.plot), { passive: true });
    surefoot.keepDrawn(box, draw);
    return state;
  };

  // The curves on one axis of steps. Undefined: the curve has no point here; null: it has, and it is no number.
  function joined(spec, [first, last]) {
    const tables = spec.series.map((one) => [one.steps, one.values]);
    const data = uPlot.join(tables, tables.map(() => [0, 2])).map((values) => [...values]);
    if (data[0][0] > first) data.forEach((values, index) => values.unshift(index ? undefined : first));
    if (data[0].at(-1) < last) data.forEach((values, index) => values.push(index ? undefined : last));
    return data;
  }

  function shown(data, log) {
    if (!log) return data;
    return data.map((values, index) => (index ? values.map((value) => (value <= 0 ? null : value)) : values));
  }

  function zoomOf(plot) {
    const steps = plot.data[0];
    const { min, max } = plot.scales.x;
    return min > steps[0] || max < steps[steps.length - 1] ? { min, max } : null;
  }

  function options(state, box, readout, view) {
    const { spec, data } = state;
    const axis = (more) => ({
      stroke: () => color("muted"),
      grid: { stroke: () => color("grid"), width: 1 },
      ticks: { stroke: () => color("grid"), width: 1, size: 4 },
      font: "12px system-ui, sans-serif",
      ...more,
    });
    const bands = spec.series.flatMap((one, at) => {
      if (one.style !== "low" || spec.series[at + 1]?.style !== "high") return [];
      return [{ series: [at + 2, at + 1], fill: () => color(`band-${one.color % 6}`) }];
    });
    const lone = data[0].length === 1;
    return {
      width: surefoot.width(box),
      height: HEIGHT,
      padding: [10, 14, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: spec.unit ?? "steps" }, drag: { x: true, y: false }, points: { size: 7 } },
      scales: {
        x: { time: false, range: (_, min, max) => (min === max ? [min - 1, max + 1] : [min, max]) },
        y: { distr: state.log ? 3 : 1, range: (_, min, max) => yRange(min, max, state.log) },
      },
      axes: [
        axis({ size: 28, label: spec.unit ? `seconds` : "optimizer step", labelSize: 18, labelGap: 0, labelFont: "12px system-ui, sans-serif", values: (_, ticks) => ticks.map((tick) => (spec.unit || Number.isInteger(tick) ? number(tick, 7) : "")), space: 70 }),
        axis({
          label: spec.axis,
          labelSize: 18,
          labelFont: "12px system-ui, sans-serif",
          size: (_, said) => 14 + 7 * Math.max(3, ...(said ?? []).map((text) => text.length)),
          values: (_, ticks) => ticks.map((tick) => short(tick)),
          ...(state.log ? { splits: (_, __, min, max) => logTicks(min, max), filter: (_, ticks) => ticks } : {}),
        }),
      ],
      series: [{}, ...spec.series.map((one) => line(one, lone, view))],
      bands,
      hooks: {
        draw: [(plot) => drawMarks(plot, state.spec, state.marks)],
        setCursor: [(plot) => (readout.textContent = values(plot, state.spec, state) || state.spec.summary)],
        setScale: [(plot, name) => name === "x" && state.zoomed?.(zoomOf(plot))],
      },
    };
  }

  // Whole where it is short enough to stand beside an axis.
  const short = (tick) => (Math.abs(tick) >= 1e5 ? tick.toExponential(2).replace(/\.?0*e\+?/, "e") : number(tick));

  function line(one, lone, view) {
    const stroke = () => color(`curve-${one.color % 6}`);
    const seen = view ? one.steps.filter((step) => step <= view[1]) : one.steps;
    const few = one.style !== "dash" && (one.style === "points" || lone || seen.length < 20);
    const faint = one.style === "faint" || one.style === "low" || one.style === "high";
    return {
      label: one.label,
      stroke,
      width: faint ? 1 : 2,
      alpha: one.style === "faint" ? 0.35 : faint ? 0.5 : 1,
      dash: one.style === "dash" ? [7, 4] : undefined,
      points: few ? { show: true, size: 6, fill: stroke } : { show: false },
    };
  }

  function yRange(min, max, log) {
    if (min == null || max == null) return log ? [0.1, 1] : [0, 1];
    if (!log) return min === max ? [min - (Math.abs(min) || 1) / 2, max + (Math.abs(max) || 1) / 2] : uPlot.rangeNum(min, max, 0.1, true);
    const room = max > min ? (max / min) ** 0.06 : 2;
    return [min / room, max * room];
  }

  // Ticks of a log axis: 1-2-5 over a short range, whole decades, thinned out, over a long one.
  function logTicks(min, max) {
    const decades = Math.log10(max / min);
    if (decades < 1) {
      const rough = (max - min) / 6;
      const power = 10 ** Math.floor(Math.log10(rough));
      const step = power * [1, 2, 5, 10].find((head) => head * power >= rough);
      const ticks = [];
      for (let at = Math.ceil(min / step); at * step <= max; at++) ticks.push(at * step);
      return ticks;
    }
    const heads = decades < 3 ? [1, 2, 5] : [1];
    const every = Math.max(1, Math.ceil(decades / 7));
    const ticks = [];
    for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power++) {
      if (heads.length === 1 && power % every) continue;
      for (const head of heads) {
        const tick = head * 10 ** power;
        if (tick >= min && tick <= max) ticks.push(tick);
      }
    }
    return ticks;
  }

  // Findings as numbered lines; NaN and infinities as crosses along the lower edge.
  function drawMarks(plot, spec, marks) {
    const named = marks.filter((mark) => mark.step != null).length <= 3 && plot.width >= 420;
    const { ctx } = plot;
    const { left, top, width, height } = plot.bbox;
    const scale = uPlot.pxRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top - 14 * scale, width, height + 14 * scale);
    ctx.clip();
    ctx.font = `bold ${11 * scale}px system-ui, sans-serif`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    const placed = [];
    for (const mark of marks) {
      if (mark.step == null) continue;
      const x = plot.valToPos(mark.step, "x", true);
      if (x < left || x > left + width) continue;
      const level = placed.filter((other) => Math.abs(other - x) < 17 * scale).length; // badges never overlap
      placed.push(x);
      ctx.strokeStyle = ctx.fillStyle = color(mark.severity);
      ctx.lineWidth = scale;
      ctx.setLineDash([3 * scale, 3 * scale]);
      ctx.beginPath();
      ctx.moveTo(x, top);
      ctx.lineTo(x, top + height);
      ctx.stroke();
      ctx.setLineDash([]);
      const at = Math.min(Math.max(x, left + 8 * scale), left + width - 8 * scale);
      ctx.beginPath();
      const y = top + (8 + 17 * level) * scale;
      ctx.arc(at, y, 8 * scale, 0, 2 * Math.PI);
      ctx.fill();
      onCurve(plot, spec, mark.step, x);
      if (named) {
        const room = ctx.measureText(mark.code).width + 14 * scale;
        const right = at + room < left + width;
        ctx.textAlign = right ? "left" : "right";
        ctx.fillText(mark.code, at + (right ? 12 : -12) * scale, y + 0.5 * scale);
        ctx.textAlign = "center";
      }
      ctx.fillStyle = color("page");
      ctx.fillText(String(mark.number), at, y + 0.5 * scale);
    }
    ctx.strokeStyle = color("error");
    ctx.lineWidth = 1.5 * scale;
    const arm = 3.5 * scale;
    for (const one of spec.series) {
      let before = -Infinity;
      for (const [step] of one.nonfinite) {
        const x = plot.valToPos(step, "x", true);
        if (x < left || x > left + width || x - before < 3 * arm) continue;
        before = x;
        const y = top + height - 8 * scale;
        ctx.beginPath();
        ctx.moveTo(x - arm, y - arm);
        ctx.lineTo(x + arm, y + arm);
        ctx.moveTo(x - arm, y + arm);
        ctx.lineTo(x + arm, y - arm);
        ctx.stroke();
      }
    }
    ctx.restore();
  }

  // A ring on each strong curve where a finding begins.
  function onCurve(plot, spec, step, x) {
    const { ctx } = plot;
    const index = plot.data[0].findIndex((at) => at >= step);
    if (index < 0) return;
    spec.series.forEach((one, place) => {
      if (!["line", "points"].includes(one.style)) return;
      const value = plot.data[place + 1][index];
      if (value == null) return;
      ctx.lineWidth = 2 * uPlot.pxRatio;
      ctx.beginPath();
      ctx.arc(x, plot.valToPos(value, "y", true), 5 * uPlot.pxRatio, 0, 2 * Math.PI);
      ctx.stroke();
    });
  }

  function nonfinite(spec) {
    const said = [];
    for (const one of spec.series) {
      if (one.nonfinite.length) {
        const [step, value] = one.nonfinite[0];
        said.push(`${one.label} is ${value} at ${spec.unit ? `${number(step, 4)} ${spec.unit}` : `step ${number(step, 7)}`}${one.nonfinite.length > 1 ? " and later" : ""}`);
      }
    }
    return said.length ? `✕ ${said.join("; ")}.` : "";
  }

  function legend(spec, state) {
    return spec.series.map((one, index) => {
      const swatch = element("span", { class: `swatch ${one.style}`, "aria-hidden": "true" });
      swatch.style.setProperty("--curve", `var(--curve-${one.color % 6})`);
      const button = element("button", { type: "button", "aria-pressed": "true", class: "curve" }, swatch, one.label);
      button.addEventListener("click", () => {
        const hide = !state.hidden.has(index);
        state.hidden[hide ? "add" : "delete"](index);
        button.setAttribute("aria-pressed", String(!hide));
        state.plot?.setSeries(index + 1, { show: !hide });
      });
      return button;
    });
  }

  // What the curves are at the cursor; a curve without a point there gives its last one before.
  function values(plot, spec, state) {
    const index = plot.cursor.idx;
    if (index == null) return "";
    const at = plot.data[0][index];
    const said = [spec.unit ? `${number(at, 4)} ${spec.unit}` : `step ${number(at, 7)}`];
    spec.series.forEach((one, place) => {
      if (state.hidden.has(place)) return;
      let last = index;
      while (last >= 0 && plot.data[place + 1][last] === undefined) last--;
      if (last < 0) return;
      const value = plot.data[place + 1][last];
      const step = plot.data[0][last];
      const bad = one.nonfinite.find(([where]) => where === step);
      if (value != null || bad) said.push(`${one.label} ${bad ? bad[1] : number(value, 4)}`);
    });
    return said.join(" · ");
  }

  function onKey(event, plot) {
    if (!plot || event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = plot.data[0];
    const last = steps.length - 1;
    let index = plot.cursor.idx ?? 0;
    const { min, max } = plot.scales.x;
    const page = Math.max(1, Math.round(steps.length / 50)) * (event.shiftKey ? 5 : 1);
    const moves = { ArrowLeft: index - page, ArrowRight: index + page, Home: 0, End: last };
    if (event.key in moves) {
      index = Math.min(last, Math.max(0, moves[event.key]));
      plot.setCursor({ left: plot.valToPos(steps[index], "x"), top: plot.over.clientHeight / 2 });
    } else if (event.key === "+" || event.key === "-") {
      const middle = plot.cursor.idx == null ? (min + max) / 2 : steps[index];
      const half = ((max - min) / 2) * (event.key === "+" ? 0.5 : 2);
      plot.setScale("x", { min: Math.max(steps[0], middle - half), max: Math.min(steps[last], middle + half) });
    } else if (event.key === "0" || event.key === "Escape") {
      plot.setScale("x", { min: steps[0], max: steps[last] });
    } else {
      return;
    }
    event.preventDefault();
  }

  function onTouch(event, plot) {
    const box = plot.over.getBoundingClientRect();
    const { clientX, clientY } = event.touches[0];
    plot.setCursor({ left: clientX - box.left, top: clientY - box.top });
  }
})();
