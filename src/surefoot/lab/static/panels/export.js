// Pictures to take away: the race as PNG and as GIF, with its key under it.
import { film } from "../export/film.js";
import { RULES } from "../rules/all.js";
import { Frame, fitted } from "../view/frame.js";
import { drawMarks } from "../view/marks.js";
import { drawAxes, drawRelief, levelsNow } from "../view/relief.js";
import { Trails, drawHead } from "../view/trails.js";
import { told } from "./racers.js";

const SIZES = { png: { width: 1000, height: 620, scale: 2 }, gif: { width: 640, height: 420, scale: 1 } };
const LINE = 22; // of the key

/** {canvas, paint(step)}: the picture with its key, on a canvas of its own. */
export function poster(lab, colours, { width, height, scale }) {
  const columns = width > 800 ? 3 : 2;
  const below = 14 + LINE * Math.ceil(lab.state.racers.length / columns);
  const canvas = document.createElement("canvas");
  const frame = new Frame(width, height, lab.state.box, { left: 56, right: 72, top: 34, bottom: 34 });
  frame.key = true;
  const level = levelsNow(lab.made, frame, 2);
  const back = document.createElement("canvas");
  const ground = fitted(back, width, height + below, scale);
  ground.fillStyle = colours.page;
  ground.fillRect(0, 0, width, height + below);
  drawRelief(ground, frame, level, colours);
  const layers = [0, 1].map(() => document.createElement("canvas"));
  const contexts = layers.map((layer) => fitted(layer, width, height, scale));
  const context = fitted(canvas, width, height + below, scale);
  const trails = new Trails();

  function paint(step) {
    context.drawImage(back, 0, 0, width, height + below);
    trails.draw(contexts[0], frame, step, lab.scene.racers, lab.scene.swarm, colours);
    drawMarks(contexts[1], frame, { ...lab.scene, next: null }, step, colours);
    for (const layer of layers) context.drawImage(layer, 0, 0, width, height);
    lettering(context, lab, frame, level, step, colours, columns);
  }
  return { canvas, paint };
}

function lettering(context, lab, frame, level, step, colours, columns) {
  const { width, height } = frame;
  context.fillStyle = colours.page;
  context.fillRect(0, 0, width, frame.top);
  drawAxes(context, frame, lab.surface.names, level, colours);
  context.fillStyle = colours.page;
  context.globalCompositeOperation = "destination-over"; // under the axes, which clear the top
  context.fillRect(0, 0, width, frame.top);
  context.globalCompositeOperation = "source-over";
  context.fillStyle = colours.ink;
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.font = "600 15px system-ui, sans-serif";
  context.fillText(lab.surface.label, frame.left, 17);
  context.font = "13px system-ui, sans-serif";
  context.textAlign = "right";
  context.fillStyle = colours.muted;
  context.fillText(`step ${Math.floor(step)}`, width - frame.right, 17);
  context.textAlign = "left";
  lab.state.racers.forEach((racer, index) => {
    const x = frame.left + (index % columns) * ((width - frame.left) / columns);
    const y = height + 10 + LINE * Math.floor(index / columns);
    drawHead(context, [x + 7, y], index, colours, false, 5.5);
    context.fillStyle = colours.ink;
    context.fillText(`${RULES[racer.rule].label}, ${told(racer)}`, x + 20, y, (width - frame.left) / columns - 30);
  });
}

export async function savePng(lab, colours, step) {
  const { canvas, paint } = poster(lab, colours, SIZES.png);
  paint(step);
  save(await new Promise((done) => canvas.toBlob(done, "image/png")), `${lab.state.surface}.png`);
}

export async function saveGif(lab, colours, progress) {
  const { canvas, paint } = poster(lab, colours, SIZES.gif);
  const bytes = await film(canvas, paint, lab.state.steps, progress);
  save(new Blob([bytes], { type: "image/gif" }), `${lab.state.surface}.gif`);
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
