// The page of a comparison: the answer, figures, curves beside each other, what changed.

import { figureOf } from "./charts.js";
import { ask, runAddress, trouble } from "./page.js";
import { extentOf } from "./points.js";
import { fold, table } from "./told.js";

const { element } = window.surefoot;
const at = (id) => document.getElementById(id);
const names = new URLSearchParams(location.search).getAll("run");
const TONES = { better: ["healthy", "✓"], worse: ["error", "✕"], same: ["information", "="], unknown: ["warning", "–"] };
const HOW = { gone: "healthy", new: "error", kept: "information" };
const MARKS = { added: "row added", removed: "row removed", place: "row place" };

function draw(charts, marks) {
  const extent = extentOf(charts);
  for (const spec of charts) {
    const figure = figureOf(spec);
    at("charts").append(figure);
    window.surefoot.chart(figure, spec, marks, extent);
  }
}

function finding({ how, code, title, fix }) {
  const parts = [element("h3", {}, element("span", { class: "severity" }, how), " ", element("code", {}, code)), element("p", {}, title)];
  if (how !== "gone") parts.push(element("p", { class: "fix" }, element("strong", {}, "Fix"), ` ${fix}`));
  return element("article", { class: `finding ${HOW[how]}` }, ...parts);
}

function pair(one, first) {
  const parts = one.findings.length ? one.findings.map(finding) : [element("p", {}, "No findings in either.")];
  if (one.changes.length) parts.push(element("h3", {}, "What differs"), table(["setting", "section", first, one.label], one.changes.map(([section, name, before, after]) => [name, section, before, after])));
  if (one.code.length) {
    const lines = one.code.map(([mark, line]) => element("span", { class: MARKS[mark] ?? "row" }, element("code", {}, line), "\n"));
    parts.push(element("h3", {}, "Code"), element("div", { class: "wide source", tabindex: "0", role: "region", "aria-label": "The scripts' difference" }, element("pre", {}, ...lines)));
  }
  const sentence = (text) => element("p", {}, `${text[0].toUpperCase()}${text.slice(1)}.`);
  if (one.until) parts.push(element("h3", {}, "Where they part"), sentence(one.until));
  if (one.parameter) parts.push(sentence(one.parameter));
  return parts;
}

try {
  const page = await ask(`/api/compare?${new URLSearchParams(names.map((name) => ["run", name]))}`);
  const [tone, sign] = TONES[page.word] ?? ["information", "="];
  at("answer").className = `verdict answer ${tone}`;
  at("answer").replaceChildren(element("span", { class: "sign", "aria-hidden": "true" }, sign), ` ${page.said}`);
  document.title = `${page.labels.join(", ")}: surefoot`;
  at("names").append(...names.flatMap((name, place) => [place ? " · " : "", element("a", { href: runAddress(name) }, page.labels[place] ?? name)]));
  const few = page.labels.length <= 4;
  const turned = page.labels.map((label, place) => [label, ...page.rows.map((row) => row[place + 1])]);
  at("figures").append(few ? table(["", ...page.labels], page.rows) : table(["run", ...page.rows.map(([name]) => name)], turned));
  at("figures").querySelector("table").classList.add("beside");
  at("hint").textContent = page.marks.length ? "≠ marks the first step at which the runs part." : "";
  draw(page.charts, page.marks);
  draw(page.times, []);
  const several = page.pairs.length > 1;
  if (several) at("changes-heading").textContent = `Changes, each against ${page.labels[0]}`;
  page.pairs.forEach((one, place) => {
    const parts = pair(one, page.labels[0]);
    if (!several) return at("pairs").append(...parts);
    const folded = fold(`${one.label}: ${one.said}`, ...parts);
    folded.open = place === 0;
    return at("pairs").append(element("div", { class: "folds" }, folded));
  });
  document.documentElement.dataset.whole = "";
} catch (error) {
  at("answer").textContent = "Not compared";
  at("names").textContent = error.message;
  trouble(error);
}
document.documentElement.dataset.ready = "";
