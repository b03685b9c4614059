// The page of one run: what is wrong first, then its curves, which grow while it trains.

import { Charts } from "./charts.js";
import { ask, follow, trouble } from "./page.js";
import { finding, fold, long, source, table } from "./told.js";

const { element, number } = window.surefoot;
const at = (id) => document.getElementById(id);
const address = new URLSearchParams(location.search);
const name = address.get("name") ?? "";
const width = Math.min(2000, Math.max(300, Math.round(innerWidth > 1100 ? 560 : innerWidth - 80)));
const asked = (part, more = {}) => `/api/run${part}?${new URLSearchParams({ name, width, ...more })}`;
const WORDS = { healthy: "Healthy", warning: "Trains badly", error: "Cannot train", judging: "Being judged" };
const SIGNS = { healthy: "✓", warning: "▲", error: "✕" };

const charts = new Charts(zoomed);
window.surefoot.charts = charts; // for whoever looks at the page by its console
let findings = [];
let begun = 0; // steps when all was read last
let sampled = 0; // layers that came since
let stream = null;
let heat = null;

async function read() {
  const page = await ask(asked(""));
  begun = page.run.steps;
  const { run } = page;
  document.title = `${run.name}: surefoot`;
  at("name").textContent = run.name;
  const started = run.started ? ` · ${run.started}` : "";
  at("status").textContent = `${run.script} ${run.arguments.join(" ")} · ${run.status}${run.error ? `: ${run.error}` : ""}${started}`;
  if (run.tags.length || run.note) at("status").append(...run.tags.map((tag) => element("span", { class: "tag" }, tag)), run.note ? ` ${run.note}` : "");
  at("figures").replaceChildren(...page.figures.map(figure));
  if (!charts.made.size) charts.view = looked() ?? page.view;
  charts.put(at("charts"), page.charts);
  charts.put(at("logged"), page.metrics);
  charts.put(at("probes"), page.probes);
  at("metrics").hidden = !page.metrics.length && !page.probes.length;
  at("measured").hidden = !page.probes.length;
  tell(page.verdict, page.findings);
  if (page.verdict.word === "judging") setTimeout(() => read().catch(trouble), 2000);
  return page;
}

function figure([title, value, remark]) {
  const made = element("div", { "data-figure": title }, element("dt", {}, title), element("dd", {}, value));
  if (remark) made.append(element("dd", { class: "remark" }, remark));
  return made;
}

function tell(verdict, found) {
  const partial = verdict.word === "unknown";
  const tone = WORDS[verdict.word] && verdict.word !== "judging" ? verdict.word : "information";
  const word = partial ? verdict.extent[0].toUpperCase() + verdict.extent.slice(1) : (WORDS[verdict.word] ?? verdict.word);
  at("verdict").className = `verdict ${tone}`;
  at("verdict").replaceChildren(element("span", { class: "sign", "aria-hidden": "true" }, SIGNS[verdict.word] ?? "–"), ` ${word}`);
  at("said").textContent = verdict.said === verdict.word ? "" : verdict.said;
  if (!found) return;
  findings = found;
  const titles = new Map([...charts.made.values()].map(({ spec }) => [spec.id, spec.title]));
  const none = element("p", {}, "None so far.");
  if (verdict.word === "healthy") none.textContent = "None: no fault was found.";
  const open = new Set([...at("found").querySelectorAll("details[open] > summary")].map((one) => one.textContent));
  at("found").replaceChildren(...(found.length ? found.map((one) => finding(one, titles)) : [none]));
  for (const one of at("found").querySelectorAll("summary")) one.parentElement.open = open.has(one.textContent);
  charts.mark(findings);
}

// What is new: points go to the ends of their curves; all is read anew each time that the run has doubled.
let reading = false;
async function take(news) {
  const placed = charts.grow(news.curves);
  tell(news.verdict, news.findings);
  set("steps", number(news.steps, 9));
  for (const { source: from, values, mean } of news.curves) {
    if (from === "loss/0" && !mean && values.length) set("loss", number(values.at(-1)));
  }
  sampled += news.layers;
  const over = news.status !== "running";
  const doubled = news.steps >= 2 * begun || (begun < 150 && news.steps >= 150);
  if (over) stream.end(news.status);
  if ((over || doubled || !placed) && !reading) {
    reading = true;
    try {
      const page = await read();
      if (!over) stream.restart(page.cursor);
      if (over || sampled > 0) await readLayers();
      if (over) later();
    } catch (error) {
      trouble(error);
    }
    reading = false;
  }
}

function set(title, text) {
  const place = at("figures").querySelector(`[data-figure="${CSS.escape(title)}"] dd`);
  if (place) place.textContent = text;
}

// The steps that are looked at stand in the address; of a long run they are asked for as fine as the screen is.
function looked() {
  const [first, last] = (address.get("steps") ?? "").split("-").map(Number);
  return last > first ? [first, last] : null;
}

let finer = 0;
let shown = "";
function zoomed(zoom) {
  const steps = zoom ? `${Math.max(0, Math.floor(zoom.min))}-${Math.ceil(zoom.max)}` : "";
  if (steps === shown) return;
  shown = steps;
  if (steps) address.set("steps", steps);
  else address.delete("steps");
  history.replaceState(null, "", `?${address}${location.hash}`);
  clearTimeout(finer);
  finer = setTimeout(async () => {
    if (stream || begun < width) return;
    try {
      const page = zoom ? await ask(asked("/stretch", { first: steps.split("-")[0], last: steps.split("-")[1] })) : await ask(asked(""));
      if (shown !== steps) return;
      for (const group of ["charts", "metrics", "probes"]) for (const spec of page[group]) refine(spec, zoom);
      charts.draw();
    } catch (error) {
      trouble(error);
    }
  }, 250);
}

// The finer points stand between the coarse ones, so that zooming out still shows the whole.
function refine(spec, zoom) {
  const one = charts.made.get(spec.id);
  if (!one) return;
  const series = one.spec.series.map((curve) => {
    const fresh = spec.series.find((other) => other.source === curve.source && Boolean(other.mean) === Boolean(curve.mean) && other.style === curve.style);
    if (!fresh || !curve.source || curve.mean) return curve;
    if (!zoom) return { ...fresh, label: curve.label };
    const before = curve.steps.findIndex((step) => step >= fresh.steps[0]);
    const after = curve.steps.findIndex((step) => step > fresh.steps.at(-1));
    const part = (values, middle) => [...values.slice(0, before < 0 ? values.length : before), ...middle, ...(after < 0 ? [] : values.slice(after))];
    return { ...curve, steps: part(curve.steps, fresh.steps), values: part(curve.values, fresh.values) };
  });
  one.spec = { ...one.spec, series };
  one.dirty = true;
}

async function readLayers() {
  sampled = 0;
  const page = await ask(asked("/layers"));
  charts.put(at("charts"), page.charts);
  charts.mark(findings);
  at("unmeasured").replaceChildren(...page.unmeasured.map((one) => element("p", { class: "note" }, `Not measured: ${one.quantities.join(", ")} (${one.reason}).`)));
  at("heatmap").hidden = !page.maps.length;
  at("no-layers").textContent = page.maps.length || page.unmeasured.length ? "" : "No layer has been measured yet.";
  const key = page.maps.map((map) => map.id).join();
  if (!page.maps.length) return;
  const chosen = at("heatmap").querySelector("select")?.selectedOptions[0]?.text;
  at("heatmap").replaceChildren();
  heat = window.surefoot.heatmap(at("heatmap"), page.maps, findings, charts.view ?? charts.extent, charts.view ? charts.extent : null);
  const select = at("heatmap").querySelector("select");
  const place = page.maps.findIndex((map) => map.label === chosen);
  if (key && place > 0) {
    select.value = place;
    select.dispatchEvent(new Event("change"));
  }
}

// What takes longer to read, when the curves are there.
async function later() {
  const [page, text] = await Promise.all([ask(asked("/details")), ask(asked("/script"))]);
  const folds = [];
  if (page.optimizers.length) folds.push(fold(`Optimizers: ${page.optimizers.length}`, ...page.optimizers.flatMap(([title, item]) => [element("h3", {}, title), long(item)])));
  if (page.parameters.length) folds.push(fold(`Parameters: ${number(page.parameters.length, 7)} tensors`, table(["name", "shape", "of", "optimizer"], page.parameters)));
  for (const { question, behind, facts } of page.facts) {
    const made = fold(question, ...facts.flatMap(([subject, item]) => [element("h3", {}, subject), long(item)]));
    if (behind.length) made.firstChild.append(element("span", { class: "odd" }, `◂ ${behind.join(", ")}`));
    folds.push(made);
  }
  folds.push(fold("Environment and command", long(page.environment)));
  at("facts-of").replaceChildren(...folds);
  for (const one of at("findings").querySelectorAll(":scope > .note")) one.remove();
  if (page.unjudged.length) {
    at("findings").append(element("p", { class: "note" }, `Not judged: ${page.unjudged.map(([what, why]) => `${what} (${why})`).join("; ")}.`));
  }
  at("script").hidden = !text.lines.length;
  const listing = fold(`${text.name}, ${number(text.lines.length, 7)} lines`, source(text.lines, text.marked));
  listing.open = true;
  at("script-of").replaceChildren(listing);
  unfold();
}

function unfold() {
  const target = location.hash.startsWith("#L") && at(location.hash.slice(1));
  const folded = target && target.closest("details");
  if (folded) folded.open = true;
  if (target) target.scrollIntoView({ block: "center" });
}
addEventListener("hashchange", unfold);

try {
  const page = await read();
  performance.mark("surefoot-first");
  if (page.run.status === "running") {
    const followed = (cursor) => `/api/run/events?${new URLSearchParams({ name, since: cursor, means: charts.means })}`;
    stream = follow(followed, page.cursor, take);
  } else {
    at("live").textContent = page.run.status;
  }
  document.documentElement.dataset.ready = "";
  await readLayers();
  await later();
  document.documentElement.dataset.whole = "";
} catch (error) {
  trouble(error);
}
