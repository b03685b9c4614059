// A table of runs: sorted, filtered and searched by the reader, a row made anew only when it changed.

import { ago, runAddress, state, verdict } from "./page.js";

const { element, number, share } = window.surefoot;

const WORST = ["error", "unreadable", "warning", "unknown", "judging", "range test", "healthy"];
const shown = (value) => (value === null || value === undefined ? "" : number(value, 4));

// Name, heading, what it is sorted by, what stands in the cell.
export const COLUMNS = [
  ["name", "Run", (row) => row.name.toLowerCase(), named],
  ["state", "State", (row) => row.status, (row) => [state(row.status)]],
  ["steps", "Steps", (row) => row.steps, (row) => [row.steps === undefined ? "" : number(row.steps, 9)], true],
  ["loss", "Loss", (row) => row.loss, (row) => [shown(row.loss)], true],
  ["validation", "Validation loss", (row) => row.validation, (row) => [shown(row.validation)], true],
  ["norm", "Gradient norm", (row) => row.norm, (row) => [shown(row.norm)], true],
  ["clipped", "Clipped", (row) => row.clipped, (row) => [row.clipped == null ? "" : share(row.clipped)], true],
  ["verdict", "Verdict", (row) => WORST.indexOf(row.verdict), (row) => [verdict(row.verdict)]],
  ["finding", "Main finding", (row) => row.finding?.code, found],
  ["started", "Started", (row) => row.started, (row) => [row.started ? ago(row.started) : ""], true],
];

function named(row) {
  const parts = [element("a", { href: runAddress(row.name) }, row.name)];
  for (const tag of row.tags) parts.push(element("span", { class: "tag" }, tag));
  if (row.note) parts.push(element("span", { class: "remark" }, row.note));
  return parts;
}

function found(row) {
  if (row.error && !row.finding) return [element("span", { class: "remark" }, row.error)];
  if (!row.finding) return [row.verdict === "range test" ? row.said : ""];
  const more = row.more ? ` and ${row.more} more` : "";
  return [element("code", { title: row.finding.title }, row.finding.code), more];
}

const words = (row) =>
  [row.name, row.script, ...(row.arguments ?? []), row.status, row.verdict, row.finding?.code, row.note, ...row.tags]
    .join("\n").toLowerCase();

// Rows that fit, in order; what a row lacks comes last either way, and before it what is no number in a column of them.
export function arranged(rows, { search = "", state: wanted = "", verdict: word = "", sort = "-started" }) {
  const asked = search.toLowerCase().split(/\s+/).filter(Boolean);
  const fitting = rows.filter((row) => {
    if ((wanted && row.status !== wanted) || (word && row.verdict !== word)) return false;
    const text = words(row);
    return asked.every((part) => text.includes(part));
  });
  const down = sort.startsWith("-");
  const [, , by, , ofNumbers] = COLUMNS.find(([name]) => name === sort.replace("-", "")) ?? COLUMNS[0];
  const place = (value) => (value === undefined || value === null || value === "" ? 2 : ofNumbers && typeof value === "string" ? 1 : 0);
  return fitting.sort((one, other) => {
    const [a, b] = [by(one), by(other)];
    if (place(a) !== place(b)) return place(a) - place(b);
    const order = a < b ? -1 : a > b ? 1 : 0;
    return (down ? -order : order) || (one.name < other.name ? -1 : 1);
  });
}

// Draws into a <table>; `actions` makes the buttons of a row, `chosen` is the set of names that are ticked.
export function runTable(table, { chosen, choose, sortBy, actions }) {
  const made = new Map();
  const head = element("thead", {});
  const body = element("tbody", {});
  table.replaceChildren(head, body);

  const heading = (sort) => {
    const cells = COLUMNS.map(([name, title, , , right]) => {
      const mine = sort.replace("-", "") === name;
      const down = sort.startsWith("-");
      const arrow = element("span", { "aria-hidden": "true" }, mine ? (down ? " ↓" : " ↑") : "");
      const button = element("button", { type: "button" }, title, arrow);
      button.addEventListener("click", () => sortBy(mine && !down ? `-${name}` : name));
      const order = mine ? (down ? "descending" : "ascending") : "none";
      return element("th", { scope: "col", "aria-sort": order, class: right ? "number" : "" }, button);
    });
    const pick = element("th", { scope: "col" }, element("span", { class: "hidden" }, "Compare"));
    head.replaceChildren(element("tr", {}, pick, ...cells, element("th", { scope: "col" }, element("span", { class: "hidden" }, "Change"))));
  };

  const line = (row) => {
    const tick = element("input", { type: "checkbox", "aria-label": `Compare ${row.name}` });
    tick.checked = chosen.has(row.name);
    tick.addEventListener("change", () => choose(row.name, tick.checked));
    const cells = COLUMNS.map(([name, title, , cell, right]) =>
      element(name === "name" ? "th" : "td", { "data-title": title, class: `${right ? "number " : ""}of-${name}`, ...(name === "name" ? { scope: "row" } : {}) }, ...cell(row)));
    return element("tr", { "data-run": row.name }, element("td", { class: "pick" }, tick), ...cells, element("td", { class: "actions" }, ...actions(row)));
  };

  return {
    draw(rows, sort) {
      heading(sort);
      const lines = rows.map((row) => {
        const kept = made.get(row.name);
        if (kept?.row === row) return kept.line;
        made.set(row.name, { row, line: line(row) });
        return made.get(row.name).line;
      });
      const focus = document.activeElement?.closest?.("tr")?.dataset.run;
      const inside = focus && document.activeElement.getAttribute("aria-label");
      body.replaceChildren(...lines);
      if (inside) body.querySelector(`tr[data-run="${CSS.escape(focus)}"] [aria-label="${CSS.escape(inside)}"]`)?.focus();
    },
  };
}
