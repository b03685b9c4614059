// Puts the lab together: surfaces from the page's data, settings from the address, parts, and one loop of frames.
import { descend } from "./descent.js";
import { read, written } from "./link.js";
import { Lab } from "./lab.js";
import { Charts } from "./panels/charts.js";
import { ClippingPanel } from "./panels/clipping.js";
import { saveGif, savePng } from "./panels/export.js";
import { listen } from "./panels/keyboard.js";
import { NumbersPanel } from "./panels/numbers.js";
import { Picture } from "./panels/picture.js";
import { RacePanel } from "./panels/race.js";
import { Racers } from "./panels/racers.js";
import { RulePanel } from "./panels/rule.js";
import { SchedulePanel } from "./panels/schedule.js";
import { Story } from "./panels/story.js";
import { SurfacePanel } from "./panels/surface.js";
import { History } from "./percentile.js";
import { Player } from "./player.js";
import { usualRate } from "./settings.js";
import { surfaces as allSurfaces } from "./surfaces/all.js";
import { theme } from "./view/theme.js";

const LINK_WAIT = 250; // milliseconds after the last change until the address follows
const KEPT = 600; // frames whose time is remembered

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const surfaces = allSurfaces(data.planes);
const colours = theme();
const lab = new Lab(surfaces, read("", surfaces).state);
const player = new Player(lab.state.steps, (playing) => race.state(playing));
const race = new RacePanel(lab, player, document);
const picture = new Picture(lab, colours, document);
const rule = new RulePanel(lab, colours, document);
const charts = new Charts(lab, colours, document);
const story = new Story(data, document, (settings) => open(settings));
lab.parts.push(
  picture, new Racers(lab, byId("racers")), new SurfacePanel(lab, document, () => (story.end(), player.begin())), rule, new ClippingPanel(lab, document),
  new SchedulePanel(lab, colours, document), new NumbersPanel(document), charts, race,
);

/** Show the settings of a link's text; what is refused is told. */
function open(text) {
  const { state, refused } = read(text, surfaces);
  lab.show(state);
  player.to(0, state.steps);
  player.begin();
  tell(refused.length ? `${refused.slice(0, 3).join(" ")} It was left out.` : "");
}

function tell(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

const times = [];
function frame(now) {
  const began = performance.now();
  const { dirty } = lab;
  if (dirty && player.last !== lab.state.steps) {
    const whole = player.step >= player.last;
    player.to(whole ? lab.state.steps : player.step, lab.state.steps);
  }
  player.frame(now);
  lab.frame(player.step, player.playing);
  if (dirty) follow();
  times.push(performance.now() - began);
  if (times.length > KEPT) times.shift();
  picture.work(player.playing ? 2 : 8);
  rule.work(player.playing ? 1.5 : 8);
  requestAnimationFrame(frame);
}

/** The address follows the settings, without a new entry in the history. */
let address = location.hash.slice(1);
function follow() {
  clearTimeout(follow.waiting);
  follow.waiting = setTimeout(() => {
    if (location.hash.slice(1) !== address) return; // a link that has come and is not read yet
    address = written(lab.state, surfaces);
    try {
      history.replaceState(null, "", `#${address}`);
    } catch {
      // A notebook's frame has no address of its own.
    }
  }, LINK_WAIT);
}

function repaint() {
  Object.assign(colours, theme());
  picture.resize();
  refit();
}

/** Sizes are asked for once: the answer costs a layout of the page. */
function refit() {
  charts.width = rule.width = 0;
  lab.dirty = true;
}

function dialog(title, template) {
  const page = byId("page");
  byId("page-title").textContent = title;
  byId("page-text").replaceChildren(byId(template).content.cloneNode(true));
  page.showModal();
  page.scrollTop = 0;
}

const help = () => dialog("Keys", "page-keys");
byId("keys").addEventListener("click", help);
byId("png").addEventListener("click", () => savePng(lab, colours, player.step));
byId("gif").addEventListener("click", async () => {
  byId("gif").disabled = true;
  await saveGif(lab, colours, (share) => tell(`The animation is ${Math.round(100 * share)} % drawn.`));
  byId("gif").disabled = false;
  tell("");
});
byId("link").addEventListener("click", async () => {
  // A notebook's frame has no address that anyone else could open.
  const page = location.protocol === "about:" ? "" : location.href.split("#")[0];
  const link = `${page}#${written(lab.state, surfaces)}`;
  try {
    await navigator.clipboard.writeText(link);
    tell("The link is in the clipboard.");
  } catch {
    tell(link);
  }
});
picture.onStart = () => player.calm.matches || player.playing || player.to(player.last);
listen({ lab, player, story, help, page: document });
addEventListener("hashchange", () => {
  const text = location.hash.slice(1);
  if (text === address) return;
  address = text;
  open(text);
  story.end();
});
new ResizeObserver(repaint).observe(byId("view"));
const sizes = new ResizeObserver(refit);
for (const id of ["loss", "map"]) sizes.observe(byId(id));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

/** A link's text for a plane that is shown first. */
function twoRules(surface) {
  return ["gd", "adam"].map((name) => `racer=${name},rate:${usualRate(surface, name)}`).join("&");
}

/** The paths of a link's racers, without showing them. */
function paths(text) {
  const { state } = read(text, surfaces);
  const surface = surfaces.get(state.surface).make(state);
  return state.racers.map((racer) => descend(surface, racer, state.start, state.steps));
}

/** AutoClip's threshold after each of some norms. */
function percentiles(percentile, norms) {
  const history = new History(percentile);
  return norms.map((norm) => history.observe(norm));
}

// What the console and the tests read.
window.surefootLab = { lab, player, story, picture, surfaces, times, paths, percentiles, read, written, rulePage: (code) => dialog(code, `rule-${code}`) };

if (address) open(address);
else if (data.settings) open(data.settings);
else if (data.planes.length) open(twoRules([...surfaces.values()][0]));
else story.preset(data.presets.findIndex(({ name }) => name === "Ravine"));
if (address || data.settings || data.planes.length) story.end();
requestAnimationFrame(frame);
