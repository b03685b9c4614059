"use strict";
// Plays the frames of an animation: each is the still picture with one small image over it.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (name) => document.getElementById(name);
  const canvas = byId("view"), context = canvas.getContext("2d"), slider = byId("frame"), play = byId("play");
  const waiting = [];
  const load = (source) => {
    const image = new Image();
    waiting.push(new Promise((loaded) => (image.onload = loaded)));
    image.src = source;
    return image;
  };
  const still = load(data.still);
  const pieces = data.frames.map((f) => (f.image ? load(f.image) : null));
  const last = data.frames.length - 1;
  let frame = 0, playing = false, speed = 1, timer = 0;

  const show = (number) => {
    frame = Math.min(last, Math.max(0, number));
    context.drawImage(still, 0, 0);
    if (pieces[frame]) context.drawImage(pieces[frame], data.frames[frame].x, data.frames[frame].y);
    slider.value = frame;
    byId("stepname").textContent = data.frames[frame].step.toLocaleString("en");
  };
  const tick = () => {
    if (!playing) return;
    show(frame === last ? 0 : frame + 1);
    const wait = 1000 / (data.fps * speed);
    timer = setTimeout(tick, frame === last ? Math.max(wait, 1500) : wait);
  };
  const set = (now) => {
    playing = now;
    play.textContent = playing ? "❚❚" : "▶";
    clearTimeout(timer);
    if (playing) tick();
  };
  const step = (by) => {
    set(false);
    show(frame + by);
  };
  play.onclick = () => set(!playing);
  byId("back").onclick = () => step(-1);
  byId("forward").onclick = () => step(1);
  slider.oninput = () => {
    set(false);
    show(Number(slider.value));
  };
  byId("speed").onchange = (event) => (speed = Number(event.target.value));
  addEventListener("keydown", (event) => {
    if (event.target.closest("select, input")) return;
    if (event.key === " " && event.target.tagName !== "BUTTON") {
      event.preventDefault();
      set(!playing);
    } else if (event.key === "ArrowLeft") step(-1);
    else if (event.key === "ArrowRight") step(1);
  });
  let from = null;
  canvas.onpointerdown = (event) => {
    from = [event.offsetX, frame];
    canvas.setPointerCapture(event.pointerId);
    set(false);
  };
  canvas.onpointermove = (event) => {
    if (from) show(from[1] + Math.round(((event.offsetX - from[0]) / canvas.clientWidth) * last));
  };
  canvas.onpointerup = canvas.onpointercancel = () => (from = null);
  Promise.all(waiting).then(() => {
    show(0);
    set(!matchMedia("(prefers-reduced-motion: reduce)").matches);
  });
})();
