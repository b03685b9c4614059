"use strict";
// Draws one landscape record: a surface flat or in three dimensions with its paths, or a slice with its slope.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const canvas = document.getElementById("view");
  const context = canvas.getContext("2d");
  const reading = document.getElementById("reading");
  const byId = (name) => document.getElementById(name);
  const show = (value) => (value === null ? "not finite" : Number(value).toPrecision(4));
  let width = 0, height = 0;
  // Of the page, light or dark; what lies on the surface keeps its colours.
  const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  const resize = () => {
    const scale = devicePixelRatio || 1;
    width = canvas.clientWidth;
    height = Math.round(Math.min(width * 0.68, Math.max(320, innerHeight * 0.75)));
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    context.setTransform(scale, 0, 0, scale, 0, 0);
  };

  const ticks = (low, high, count = 6) => {
    const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
    const found = [];
    for (let i = Math.ceil(low / step); i * step <= high + step * 1e-9; i++) found.push(Number((i * step).toPrecision(10)));
    return found;
  };

  const axes = (box, x, y, names, yTicks = null) => {
    context.strokeStyle = ink("muted");
    context.fillStyle = ink("text");
    context.lineWidth = 1;
    context.font = "12px system-ui, sans-serif";
    context.strokeRect(box.left, box.top, box.width, box.height);
    const toX = (v) => box.left + ((v - x[0]) / (x[1] - x[0])) * box.width;
    const toY = (v) => box.top + box.height - ((v - y[0]) / (y[1] - y[0])) * box.height;
    context.textAlign = "center";
    context.textBaseline = "top";
    for (const t of ticks(...x)) context.fillText(String(t), toX(t), box.top + box.height + 5);
    context.fillText(names[0], box.left + box.width / 2, box.top + box.height + 22);
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const t of yTicks ?? ticks(...y)) context.fillText(String(t), box.left - 6, toY(t));
    context.save();
    context.translate(12, box.top + box.height / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText(names[1], 0, 0);
    context.restore();
    return [toX, toY];
  };

  const halo = (draw, color, wide) => {
    for (const [stroke, line] of [["#fff", wide + 2.5], [color, wide]]) {
      context.strokeStyle = stroke;
      context.lineWidth = line;
      draw();
      context.stroke();
    }
  };

  const star = (x, y) => {
    context.beginPath();
    for (let i = 0; i < 10; i++) {
      const r = i % 2 ? 4 : 9, a = (Math.PI * i) / 5 - Math.PI / 2;
      context.lineTo(x + r * Math.cos(a), y + r * Math.sin(a));
    }
    context.closePath();
    context.fillStyle = "#000";
    context.fill();
    context.strokeStyle = "#fff";
    context.lineWidth = 1;
    context.stroke();
  };

  if (data.record === "slice") return slice();
  surface();

  function surface() {
    const nx = data.x.length, ny = data.y.length, losses = data.losses;
    const state = { log: data.logarithmic, solid: false, turn: -0.6, tilt: 0.95, step: Infinity, pointer: null };
    const finite = losses.flat().filter((v) => v !== null).sort((a, b) => a - b);
    const low = finite[0], high = Math.max(finite[Math.floor(0.995 * (finite.length - 1))], low + 1e-12);
    const floor = Math.max(low, high * 1e-6);
    const level = (v) => {
      if (v === null) return null;
      const t = state.log ? Math.log(Math.max(v, floor) / floor) / Math.log(high / floor) : (v - low) / (high - low);
      return Math.min(1, Math.max(0, t));
    };
    const color = (t) => {
      if (t === null) return [187, 187, 187];
      const at = t * (data.colors.length - 1), i = Math.min(Math.floor(at), data.colors.length - 2), f = at - i;
      return data.colors[i].map((c, k) => Math.round(c + f * (data.colors[i + 1][k] - c)));
    };
    const css = (c, light = 1) => `rgb(${c.map((v) => Math.round(v * light)).join(",")})`;
    const near = (v, list) => list.reduce((best, w, i) => (Math.abs(w - v) < Math.abs(list[best] - v) ? i : best), 0);
    const upTo = (path) => path.steps.filter((s) => s <= state.step).length;

    const flat = () => {
      const spanX = data.x[nx - 1] - data.x[0], spanY = data.y[ny - 1] - data.y[0];
      const box = { left: 70, top: 10, width: width - 90, height: height - 60 };
      if (data.equal) {
        const unit = Math.min(box.width / spanX, box.height / spanY);
        box.left += (box.width - unit * spanX) / 2;
        box.width = unit * spanX;
        box.height = unit * spanY;
      }
      const image = new ImageData(nx, ny);
      for (let j = 0; j < ny; j++)
        for (let i = 0; i < nx; i++) image.data.set([...color(level(losses[ny - 1 - j][i])), 255], 4 * (j * nx + i));
      const small = new OffscreenCanvas(nx, ny);
      small.getContext("2d").putImageData(image, 0, 0);
      // Each number is at a grid point: half a cell of the picture lies outside the axes.
      const cellX = box.width / (nx - 1), cellY = box.height / (ny - 1);
      context.save();
      context.beginPath();
      context.rect(box.left, box.top, box.width, box.height);
      context.clip();
      context.imageSmoothingEnabled = true;
      context.drawImage(small, box.left - cellX / 2, box.top - cellY / 2, box.width + cellX, box.height + cellY);
      contours((i) => box.left + i * cellX, (j) => box.top + box.height - j * cellY);
      context.restore();
      const [toX, toY] = axes(box, [data.x[0], data.x[nx - 1]], [data.y[0], data.y[ny - 1]], data.names);
      context.save();
      context.beginPath();
      context.rect(box.left, box.top, box.width, box.height);
      context.clip();
      for (const path of data.paths) {
        const count = upTo(path);
        const line = () => {
          context.beginPath();
          path.points.slice(0, count).forEach(([px, py]) => context.lineTo(toX(px), toY(py)));
        };
        context.setLineDash(path.dash);
        halo(line, path.color, 2);
        context.setLineDash([]);
        if (count) {
          const [px, py] = path.points[count - 1];
          context.beginPath();
          context.arc(toX(px), toY(py), 5, 0, 7);
          context.fillStyle = path.color;
          context.fill();
          context.strokeStyle = "#fff";
          context.stroke();
        }
      }
      star(toX(data.center[0]), toY(data.center[1]));
      if (state.pointer) {
        const x = data.x[0] + ((state.pointer[0] - box.left) / box.width) * spanX;
        const y = data.y[0] + ((box.top + box.height - state.pointer[1]) / box.height) * spanY;
        if (x >= data.x[0] && x <= data.x[nx - 1] && y >= data.y[0] && y <= data.y[ny - 1]) {
          const i = near(x, data.x), j = near(y, data.y);
          context.strokeStyle = "#000";
          context.lineWidth = 1;
          context.setLineDash([3, 3]);
          context.beginPath();
          context.moveTo(toX(data.x[i]), box.top);
          context.lineTo(toX(data.x[i]), box.top + box.height);
          context.moveTo(box.left, toY(data.y[j]));
          context.lineTo(box.left + box.width, toY(data.y[j]));
          context.stroke();
          context.setLineDash([]);
          const slope = data.gradients ? `, gradient (${data.gradients[j][i].map(show).join(", ")})` : "";
          reading.textContent = `(${show(data.x[i])}, ${show(data.y[j])}): loss ${show(losses[j][i])}${slope}`;
        }
      }
      context.restore();
    };

    // Marching squares, one segment a crossed cell (two at a saddle).
    const contours = (toX, toY) => {
      context.strokeStyle = "rgba(255,255,255,.75)";
      context.lineWidth = 0.7;
      context.beginPath();
      for (let k = 1; k < 16; k++) {
        const at = k / 16;
        for (let j = 0; j < ny - 1; j++)
          for (let i = 0; i < nx - 1; i++) {
            const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
            const values = corners.map(([a, b]) => level(losses[b][a]));
            if (values.includes(null)) continue;
            const cut = [];
            for (let e = 0; e < 4; e++) {
              const v = values[e], w = values[(e + 1) % 4];
              if (v < at === w < at) continue;
              const f = (at - v) / (w - v), [p, q] = [corners[e], corners[(e + 1) % 4]];
              cut.push([p[0] + f * (q[0] - p[0]), p[1] + f * (q[1] - p[1])]);
            }
            for (let c = 0; c + 1 < cut.length; c += 2) {
              context.moveTo(toX(cut[c][0]), toY(cut[c][1]));
              context.lineTo(toX(cut[c + 1][0]), toY(cut[c + 1][1]));
            }
          }
      }
      context.stroke();
    };

    const solid = () => {
      const size = Math.min(width, height * 1.3) * 0.44;
      const cosT = Math.cos(state.turn), sinT = Math.sin(state.turn), cosA = Math.cos(state.tilt), sinA = Math.sin(state.tilt);
      const place = (u, v, z) => {
        const x = u * cosT - v * sinT, y = u * sinT + v * cosT;
        return [width / 2 + size * x, height * 0.52 - size * (y * cosA * -1 + (z - 0.4) * 0.9 * sinA), y * sinA + z * cosA];
      };
      const u = (x) => (2 * (x - data.x[0])) / (data.x[nx - 1] - data.x[0]) - 1;
      const v = (y) => (2 * (y - data.y[0])) / (data.y[ny - 1] - data.y[0]) - 1;
      const cells = [];
      const skip = Math.max(1, Math.round(Math.max(nx, ny) / 60));
      for (let j = 0; j + skip < ny; j += skip)
        for (let i = 0; i + skip < nx; i += skip) {
          const corners = [[i, j], [i + skip, j], [i + skip, j + skip], [i, j + skip]];
          const zs = corners.map(([a, b]) => level(losses[b][a]));
          if (zs.includes(null)) continue;
          const points = corners.map(([a, b], k) => place(u(data.x[a]), v(data.y[b]), zs[k]));
          const depth = points.reduce((sum, p) => sum + p[2], 0);
          const light = 0.82 + 0.9 * Math.max(-0.2, Math.min(0.2, zs[0] - zs[2]));
          cells.push({ points, depth, fill: css(color((zs[0] + zs[1] + zs[2] + zs[3]) / 4), light) });
        }
      cells.sort((a, b) => a.depth - b.depth);
      for (const cell of cells) {
        context.beginPath();
        cell.points.forEach(([x, y]) => context.lineTo(x, y));
        context.closePath();
        context.fillStyle = context.strokeStyle = cell.fill;
        context.lineWidth = 0.6;
        context.fill();
        context.stroke();
      }
      const heightAt = (x, y) => {
        const cell = (at, list) => {
          const t = ((at - list[0]) / (list.at(-1) - list[0])) * (list.length - 1);
          const i = Math.min(Math.max(Math.floor(t), 0), list.length - 2);
          return [i, Math.min(Math.max(t - i, 0), 1)];
        };
        const [i, f] = cell(x, data.x), [j, g] = cell(y, data.y);
        const z = (a, b) => level(losses[b][a]) ?? 1;
        return (1 - g) * ((1 - f) * z(i, j) + f * z(i + 1, j)) + g * ((1 - f) * z(i, j + 1) + f * z(i + 1, j + 1));
      };
      for (const path of data.paths) {
        const line = () => {
          context.beginPath();
          path.points.slice(0, upTo(path)).forEach(([x, y]) => {
            const [px, py] = place(u(x), v(y), heightAt(x, y) + 0.01);
            context.lineTo(px, py);
          });
        };
        context.setLineDash(path.dash);
        halo(line, path.color, 2);
        context.setLineDash([]);
      }
      const [cx, cy] = place(u(data.center[0]), v(data.center[1]), heightAt(...data.center) + 0.02);
      star(cx, cy);
      context.fillStyle = ink("muted");
      context.textAlign = "left";
      context.textBaseline = "top";
      context.font = "12px system-ui, sans-serif";
      context.fillText(`drag to turn · height: ${state.log ? "logarithm of the loss" : "loss"}`, 8, 8);
      const ends = [[data.names[0], 1.08, -1], [data.names[1], -1, 1.08]];
      for (const [name, a, b] of ends) {
        const [x, y] = place(a, b, 0);
        const at = [Math.min(Math.max(x - 40, 4), width - 160), Math.min(y, height - 16)];
        context.strokeStyle = ink("page");
        context.lineWidth = 3;
        context.strokeText(name, ...at);
        context.fillText(name, ...at);
      }
    };

    // The colour bar: round losses where they stand on it.
    const bar = () => {
      const logs = () => {
        const found = [];
        for (let power = Math.floor(Math.log10(floor)); power <= Math.log10(high); power++) found.push(10 ** power);
        return found.length > 4 ? found : found.flatMap((tick) => [tick, 2 * tick, 5 * tick]);
      };
      const round = (state.log ? logs() : ticks(low, high)).filter((tick) => tick >= floor && tick <= high);
      const every = Math.ceil(round.length / 9);
      const stops = Array.from({ length: 20 }, (_, i) => css(color(i / 19)));
      byId("bar").style.background = `linear-gradient(to right, ${stops.join(", ")})`;
      byId("barticks").replaceChildren(...round.filter((_, i) => i % every === 0).map((tick) => {
        const label = document.createElement("span");
        label.textContent = String(Number(tick.toPrecision(3)));
        label.style.left = `${100 * level(tick)}%`;
        return label;
      }));
    };
    const draw = () => {
      context.clearRect(0, 0, width, height);
      bar();
      (state.solid ? solid : flat)();
    };
    const press = (name, key) => {
      const button = byId(name);
      const mark = () => button.setAttribute("aria-pressed", String(state[key]));
      button.onclick = () => {
        state[key] = !state[key];
        mark();
        draw();
      };
      mark();
    };
    press("log", "log");
    press("solid", "solid");
    byId("log").hidden = low < 0;
    const slider = byId("step");
    const last = Math.max(0, ...data.paths.flatMap((p) => p.steps));
    slider.parentElement.hidden = data.paths.length === 0 || last === 0;
    slider.max = last;
    slider.value = last;
    slider.oninput = () => {
      state.step = Number(slider.value);
      byId("stepname").textContent = slider.value;
      draw();
    };
    byId("stepname").textContent = last;
    let from = null;
    const at = (event) => [event.offsetX, event.offsetY];
    canvas.onpointerdown = (event) => {
      from = at(event);
      canvas.setPointerCapture(event.pointerId);
    };
    canvas.onpointerup = () => (from = null);
    canvas.onpointermove = (event) => {
      state.pointer = at(event);
      if (state.solid && from) {
        state.turn += (state.pointer[0] - from[0]) / 150;
        state.tilt = Math.min(1.5, Math.max(0.15, state.tilt - (state.pointer[1] - from[1]) / 200));
        from = state.pointer;
      }
      draw();
    };
    const again = () => {
      resize();
      draw();
    };
    addEventListener("resize", again);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    again();
    window.surefootState = state; // for the tests
  }

  function slice() {
    for (const name of ["log", "solid", "scale"]) byId(name).hidden = true;
    byId("step").parentElement.hidden = true;
    let pointer = null;
    const range = (list) => {
      const kept = list.filter((v) => v !== null), low = Math.min(...kept), high = Math.max(...kept);
      const room = (high - low || 1) * 0.06;
      return [low - room, high + room];
    };
    const line = (values, toX, toY, color) => {
      context.beginPath();
      values.forEach((v, i) => v !== null && context.lineTo(toX(data.positions[i]), toY(v)));
      context.strokeStyle = color;
      context.lineWidth = 2;
      context.stroke();
    };
    const draw = () => {
      context.clearRect(0, 0, width, height);
      const x = [data.positions[0], data.positions.at(-1)];
      const upper = { left: 80, top: 10, width: width - 100, height: (height - 100) * 0.64 };
      const lower = { left: 80, top: upper.height + 50, width: width - 100, height: (height - 100) * 0.36 };
      const all = data.low ? [...data.losses, ...data.low, ...data.high] : data.losses;
      const [toX, toY] = axes(upper, x, range(all), ["", "loss"]);
      if (data.low) {
        context.beginPath();
        data.low.forEach((v, i) => v !== null && context.lineTo(toX(data.positions[i]), toY(v)));
        for (let i = data.high.length - 1; i >= 0; i--)
          if (data.high[i] !== null) context.lineTo(toX(data.positions[i]), toY(data.high[i]));
        context.fillStyle = "rgba(0,114,178,.15)";
        context.fill();
      }
      line(data.losses, toX, toY, "#0072b2");
      star(toX(data.center), toY(data.centerLoss));
      const [, slopeY] = axes(lower, x, range([...data.slopes, 0]), [data.name, "slope"]);
      context.strokeStyle = ink("muted");
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(lower.left, slopeY(0));
      context.lineTo(lower.left + lower.width, slopeY(0));
      context.stroke();
      line(data.slopes, toX, slopeY, "#d55e00");
      if (pointer === null) return;
      const at = x[0] + ((pointer - upper.left) / upper.width) * (x[1] - x[0]);
      const i = data.positions.reduce((b, w, k) => (Math.abs(w - at) < Math.abs(data.positions[b] - at) ? k : b), 0);
      context.strokeStyle = ink("text");
      context.setLineDash([3, 3]);
      context.beginPath();
      context.moveTo(toX(data.positions[i]), upper.top);
      context.lineTo(toX(data.positions[i]), lower.top + lower.height);
      context.stroke();
      context.setLineDash([]);
      reading.textContent = `${data.name} ${show(data.positions[i])}: loss ${show(data.losses[i])}, slope ${show(data.slopes[i])}`;
    };
    canvas.onpointermove = (event) => {
      pointer = event.offsetX;
      draw();
    };
    const again = () => {
      resize();
      draw();
    };
    addEventListener("resize", again);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    again();
  }
})();
