// What a run says as elements: findings, pairs, a script. Text only, whatever it holds.

const { element, number } = window.surefoot;
const SIGNS = { error: "✕", warning: "▲", information: "i" };

// A text, {pairs} or {items}.
export function long(item) {
  if (item?.pairs) {
    const pairs = item.pairs.map(([name, part]) => element("div", {}, element("dt", {}, name), element("dd", {}, long(part))));
    return element("dl", { class: "pairs" }, ...pairs);
  }
  if (item?.items) {
    const items = item.items.map((part) => element("li", {}, part));
    return element("details", { class: "inline" }, element("summary", {}, `${number(items.length, 7)} items`), element("ul", {}, ...items));
  }
  return document.createTextNode(item ?? "");
}

export function finding(one, titles) {
  const sign = element("span", { class: "sign", "aria-hidden": "true" }, SIGNS[one.severity] ?? "i");
  const tags = element("p", { class: "tags" }, element("span", { class: "severity" }, one.severity), element("code", {}, one.code));
  if (one.step != null) tags.append(element("span", {}, `from step ${number(one.step, 9)}`));
  if (one.confidence < 1) tags.append(element("span", {}, `confidence ${number(one.confidence)}`));
  const shown = one.step == null ? [] : one.charts.filter((id) => titles.has(id));
  if (shown.length) {
    const links = shown.flatMap((id, at) => [at ? ", " : "", element("a", { href: `#chart-${id}` }, titles.get(id))]);
    tags.append(element("span", {}, `marked ${one.number} on `, ...links));
  }
  const parts = [
    element("h3", {}, sign, " ", element("span", { class: "place" }, `${one.number}.`), ` ${one.title}`),
    tags,
    element("p", { class: "fix" }, element("strong", {}, "Fix"), ` ${one.fix}`),
  ];
  if (one.where) {
    const links = one.lines.flatMap((line) => [" ", element("a", { href: `#L${line}` }, `see line ${line}`)]);
    parts.push(element("p", {}, element("strong", {}, "Where"), " ", element("code", {}, one.where), ...links));
  }
  if (one.evidence) parts.push(element("div", { class: "evidence" }, long(one.evidence)));
  if (one.explains.length) {
    const others = one.explains.map((other) => element("p", {}, element("code", {}, other.code), ` ${other.title}`));
    parts.push(fold(`Explains also: ${one.explains.map((other) => other.code).join(", ")}`, ...others));
  }
  if (one.about.length) {
    const rule = fold(`About ${one.code}`, ...one.about.map(([kind, text]) => said(kind, text)));
    rule.classList.add("rule");
    parts.push(rule);
  }
  return element("article", { class: `finding ${SIGNS[one.severity] ? one.severity : "information"}` }, ...parts);
}

const KINDS = { heading: "h4", code: "pre" };

function said(kind, text) {
  const parts = kind === "code" ? [text] : text.split(/(`[^`]+`)/).map((part) => (/^`.+`$/s.test(part) ? element("code", {}, part.slice(1, -1)) : part));
  return element(KINDS[kind] ?? "p", {}, kind === "item" ? "• " : "", ...parts);
}

export function fold(title, ...parts) {
  return element("details", {}, element("summary", {}, title), ...parts);
}

export function table(headings, rows) {
  const head = headings.map((title) => element("th", { scope: "col" }, title));
  const lines = rows.map(([first, ...rest]) => element("tr", {}, element("th", { scope: "row" }, first), ...rest.map((cell) => element("td", {}, cell))));
  return element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": headings[0] }, element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...lines)));
}

// lines: each a list of [class, text]; marked: [line, code].
export function source(lines, marked) {
  const codes = new Map();
  for (const [line, code] of marked) codes.set(line, [...(codes.get(line) ?? []), code]);
  const rows = lines.map((pieces, at) => {
    const mine = codes.get(at + 1);
    const code = element("code", {}, ...pieces.map(([name, text]) => (name ? element("span", { class: name }, text) : text)));
    const row = element("span", { id: `L${at + 1}`, class: mine ? "row marked" : "row" }, element("span", { class: "number" }, String(at + 1)), code);
    if (mine) row.append(element("span", { class: "mark" }, `◂ ${mine.join(", ")}`));
    row.append("\n");
    return row;
  });
  return element("div", { class: "wide source", tabindex: "0", role: "region", "aria-label": "The script's text" }, element("pre", {}, ...rows));
}
