"use strict";
// One quantity of every layer over the sampled steps, on a canvas; values read by mouse, touch or keyboard.
(() => {
  const surefoot = (window.surefoot ??= {});
  const { element, number, color } = surefoot;
  // Anchors of viridis (Smith and van der Walt, CC0), dark to light: read alike by colour-blind readers.
  const ANCHORS = [
    [68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142],
    [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37],
  ];
  const BAD = [214, 39, 40];
  const ZERO = [128, 128, 128];
  const AXIS = 22;

  // maps: as layers.py makes them; marks: findings with a step; extent: first and last step of all charts.
  // whole: the same before it was narrowed to the steps that show something.
  surefoot.heatmap = (figure, maps, marks, extent, whole) => {
    const state = { map: null, cell: null };
    const choice = element("select", {});
    maps.forEach((map, index) => choice.append(element("option", { value: index }, map.label)));
    const note = element("span", { class: "note" });
    const canvas = element("canvas", { tabindex: "0", role: "application", "aria-roledescription": "heat map" });
    const readout = element("p", { class: "readout", "aria-live": "polite" });
    const scale = element("div", { class: "scale" });
    const holder = element("div", { class: "plot" }, canvas);
    figure.append(
      element("div", { class: "controls" }, element("label", {}, "Quantity ", choice), note),
      scale, holder, readout,
    );
    const choose = () => {
      state.map = prepared(maps[choice.value], extent);
      state.cell = null;
      const { steps } = state.map;
      const held = `a colour holds until the next of ${number(steps.length, 7)} measured ${steps.length === 1 ? "step" : "steps"}`;
      note.textContent = `${state.map.note}; ${held}${whole ? `; steps after ${number(extent[1], 7)} show nothing more and are left out` : ""}`;
      canvas.setAttribute("aria-label", `${state.map.label} by layer and step. Arrow keys read values.`);
      scale.replaceChildren(...scaleParts(state.map));
      readout.textContent = "Point at a cell, or use the arrow keys, to read its value.";
      draw();
    };
    const draw = () => {
      if (holder.clientWidth) paint(canvas, state, surefoot.width(holder), marks);
    };
    const read = (cell) => {
      state.cell = cell;
      draw();
      if (cell) readout.textContent = reading(state.map, cell);
    };
    choice.addEventListener("change", choose);
    canvas.addEventListener("pointermove", (event) => read(cellAt(canvas, state, event)));
    canvas.addEventListener("pointerdown", (event) => read(cellAt(canvas, state, event)));
    canvas.addEventListener("pointerleave", () => read(null));
    canvas.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
      if (!(event.key in moves)) return;
      event.preventDefault();
      const [down, right] = moves[event.key];
      const { row, column } = state.cell ?? { row: -down, column: -right };
      read({
        row: Math.min(state.map.rows.length - 1, Math.max(0, row + down)),
        column: Math.min(state.map.steps.length - 1, Math.max(0, column + right)),
      });
    });
    choose();
    surefoot.keepDrawn(holder, draw);
    return state;
  };

  // Cells as numbers (see layers.py), the range that the colours span, and where each column stands.
  function prepared(map, extent) {
    const bytes = Uint8Array.from(atob(map.cells), (character) => character.charCodeAt(0));
    const halves = new DataView(bytes.buffer);
    const words = new Uint32Array(bytes.length / 2);
    for (let index = 0; index < words.length; index++) words[index] = halves.getUint16(2 * index, true) << 16;
    const cells = new Float32Array(words.buffer);
    let low = Infinity;
    let high = -Infinity;
    for (const value of cells) {
      if (!Number.isFinite(value) || (map.scale === "log" && value <= 0)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    if (map.scale === "share") [low, high] = [0, 1];
    if (low > high) [low, high] = [1, 1];
    return { ...map, cells, low, high, ...placed(map.steps, extent) };
  }

  // A column reaches to the next one: samples are taken by what they cost, so their distance says nothing.
  function placed(steps, extent) {
    const first = Math.min(extent[0], steps[0][0]);
    const last = extent[1] + 1;
    const columns = steps.map(([from], index) => [from, steps[index + 1]?.[0] ?? last].map((step) => Math.min(step, last)));
    return { columns, first, last };
  }

  const across = (map, step, left, wide) => left + ((step - map.first) / (map.last - map.first)) * wide;

  function shade(map, value) {
    if (Number.isNaN(value)) return null;
    if (!Number.isFinite(value)) return BAD;
    if (map.scale === "log" && value <= 0) return ZERO;
    const log = map.scale === "log";
    const [low, high, at] = [map.low, map.high, value].map((x) => (log ? Math.log(x) : x));
    return gradient(high > low ? (at - low) / (high - low) : 0.5);
  }

  function gradient(share) {
    const place = Math.min(Math.max(share, 0), 1) * (ANCHORS.length - 1);
    const index = Math.min(Math.floor(place), ANCHORS.length - 2);
    const rest = place - index;
    return ANCHORS[index].map((part, channel) => Math.round(part + rest * (ANCHORS[index + 1][channel] - part)));
  }

  function layout(map, width) {
    const rows = map.rows.length;
    const height = Math.min(22, Math.max(2, Math.floor(640 / rows)));
    return { names: Math.min(200, Math.round(width * 0.34)), row: height, height: height * rows };
  }

  function paint(canvas, state, width, marks) {
    const { map } = state;
    const { names, row, height } = layout(map, width);
    const ratio = Math.max(1, window.devicePixelRatio || 1);
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round((height + AXIS) * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height + AXIS}px`;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const wide = width - names;
    context.imageSmoothingEnabled = false;
    const cells = image(map);
    map.columns.forEach(([from, to], index) => {
      const x = across(map, from, names, wide);
      const room = Math.max(2, across(map, to, names, wide) - x + 0.5); // half a pixel over the next: no seams
      context.drawImage(cells, index, 0, 1, map.rows.length, x, 0, Math.min(room, width - x), height);
    });
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.textAlign = "right";
    const every = Math.ceil(13 / row);
    map.rows.forEach((name, index) => {
      const chosen = state.cell && state.cell.row === index;
      if (index % every && !chosen) return;
      context.fillStyle = color(chosen ? "text" : "muted");
      context.fillText(fitted(context, name, names - 8), names - 6, (index + 0.5) * row);
    });
    context.textAlign = "left";
    context.fillStyle = color("muted");
    map.why.forEach((why, index) => {
      if (why && row >= 11) context.fillText(why, names + 6, (index + 0.5) * row);
    });
    axis(context, map, names, wide, height);
    for (const mark of marks) edge(context, map, mark, names, wide, height);
    if (state.cell) {
      const { row: r, column: c } = state.cell;
      const [x, end] = map.columns[c].map((step) => across(map, step, names, wide));
      context.strokeStyle = color("text");
      context.lineWidth = 2;
      context.strokeRect(x - 1, r * row - 1, Math.max(end - x, 3) + 2, row + 2);
    }
    canvas.dataset.drawn = map.id;
  }

  function image(map) {
    const [wide, high] = [map.steps.length, map.rows.length];
    const made = element("canvas", { width: wide, height: high });
    const context = made.getContext("2d");
    const pixels = context.createImageData(wide, high);
    map.cells.forEach((value, index) => {
      const shaded = shade(map, value);
      if (shaded) pixels.data.set([...shaded, 255], 4 * index);
    });
    context.putImageData(pixels, 0, 0);
    return made;
  }

  function axis(context, map, left, wide, top) {
    const span = map.last - map.first;
    const rough = span / Math.max(1, Math.floor(wide / 80));
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = Math.max(1, power * [1, 2, 5, 10].find((head) => head * power >= rough));
    context.fillStyle = color("muted");
    context.textAlign = "center";
    for (let tick = Math.ceil(map.first / step) * step; tick <= map.last; tick += step) {
      const half = context.measureText(number(tick, 7)).width / 2;
      const x = Math.min(across(map, tick + 0.5, left, wide), left + wide - half);
      context.fillText(number(tick, 7), x, top + 13);
    }
  }

  function edge(context, map, mark, left, wide, top) {
    if (mark.step == null) return;
    const x = across(map, mark.step + 0.5, left, wide);
    context.fillStyle = color(mark.severity);
    context.beginPath();
    context.moveTo(x, top);
    context.lineTo(x - 4, top + 6);
    context.lineTo(x + 4, top + 6);
    context.fill();
  }

  // The name, its middle left out if it is too long: both ends tell layers apart.
  function fitted(context, name, room) {
    if (context.measureText(name).width <= room) return name;
    let keep = name.length - 1;
    const cut = () => `${name.slice(0, Math.ceil(keep * 0.35))}…${name.slice(-Math.floor(keep * 0.65) || name.length)}`;
    while (keep > 4 && context.measureText(cut()).width > room) keep--;
    return cut();
  }

  function cellAt(canvas, state, event) {
    const box = canvas.getBoundingClientRect();
    const { names, row } = layout(state.map, box.width);
    const wide = box.width - names;
    const x = event.clientX - box.left;
    const slack = (2 / wide) * (state.map.last - state.map.first); // narrow columns are drawn two pixels wide
    const step = state.map.first + ((x - names) / wide) * (state.map.last - state.map.first);
    const column = state.map.columns.findLastIndex(([from]) => from <= step);
    const place = Math.floor((event.clientY - box.top) / row);
    const inside = column >= 0 && step < state.map.columns[column][1] + slack && place >= 0 && place < state.map.rows.length;
    return inside ? { row: place, column } : null;
  }

  function reading(map, { row, column }) {
    const value = map.cells[row * map.steps.length + column];
    const [first, last] = map.steps[column];
    const at = first === last ? `step ${number(first, 7)}` : `steps ${number(first, 7)} to ${number(last, 7)}`;
    return `${map.rows[row]} · ${at} · ${map.label} ${said(map, value)}`;
  }

  function said(map, value) {
    if (Number.isNaN(value)) return map.blank;
    if (!Number.isFinite(value)) return "NaN or infinite";
    return map.scale === "share" ? surefoot.share(value) : number(value);
  }

  function scaleParts(map) {
    const stops = Array.from({ length: 20 }, (_, index) => `rgb(${gradient(index / 19).join(" ")})`);
    const bar = element("span", { class: "bar", "aria-hidden": "true" });
    bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
    const parts = [said(map, map.low), bar, said(map, map.high)];
    const special = (test, shaded, text) => {
      if (!map.cells.some(test)) return;
      const swatch = element("span", { class: "block", "aria-hidden": "true" });
      if (shaded) swatch.style.background = `rgb(${shaded.join(" ")})`;
      parts.push(element("span", { class: "special" }, swatch, text));
    };
    if (map.scale === "log") special((value) => value <= 0, ZERO, "zero");
    special((value) => value === Infinity || value === -Infinity, BAD, "NaN or infinite");
    special(Number.isNaN, null, map.blank);
    return parts;
  }
})();
