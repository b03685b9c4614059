// The page of all runs.

import { ask, change, follow, toast, trouble } from "./page.js";
import { arranged, runTable } from "./table.js";

const { element, number } = window.surefoot;
const at = (id) => document.getElementById(id);
const tools = at("tools");
const rows = new Map();
const chosen = new Set();
const address = new URLSearchParams(location.search);
const setting = { search: "", state: "", verdict: "", sort: "-started" };
for (const name of Object.keys(setting)) setting[name] = address.get(name) ?? setting[name];

const table = runTable(at("list"), {
  chosen,
  choose(name, wanted) {
    chosen[wanted ? "add" : "delete"](name);
    drawChosen();
  },
  sortBy(sort) {
    setting.sort = sort;
    draw();
  },
  actions: (row) => [
    button("edit", `Edit ${row.name}`, () => edit(row)),
    button("delete", `Delete ${row.name}`, () => remove(row.name)),
  ],
});

function button(sign, label, act) {
  const made = element("button", { type: "button", "aria-label": label, title: label }, sign);
  made.addEventListener("click", act);
  return made;
}

function draw() {
  const all = [...rows.values()];
  const fitting = arranged(all, setting);
  table.draw(fitting, setting.sort);
  const running = all.filter((row) => row.status === "running").length;
  const count = `${number(all.length, 7)} run${all.length === 1 ? "" : "s"}`;
  at("count").textContent = running ? `${count}, ${running} running` : count;
  document.title = `${at("count").textContent}: surefoot`;
  const none = all.length ? "No run fits: search or filter for something else." : "No runs yet. In this folder's parent, surefoot run SCRIPT makes one; it appears here by itself.";
  at("none").textContent = none;
  at("none").hidden = fitting.length > 0;
  options("state", all.map((row) => row.status));
  options("verdict", all.map((row) => row.verdict));
  drawChosen();
  const kept = Object.entries(setting).filter(([name, value]) => value && !(name === "sort" && value === "-started"));
  history.replaceState(null, "", kept.length ? `?${new URLSearchParams(kept)}` : location.pathname);
}

function options(name, values) {
  const wanted = [...new Set([...values, setting[name]])].filter(Boolean).sort();
  const select = tools.elements[name];
  if ([...select.options].slice(1).map((one) => one.value).join("\n") === wanted.join("\n")) return;
  select.replaceChildren(element("option", { value: "" }, "all"), ...wanted.map((value) => element("option", { value }, value)));
  select.value = setting[name];
}

function drawChosen() {
  for (const name of chosen) if (!rows.has(name)) chosen.delete(name);
  const names = [...chosen];
  const place = at("chosen");
  if (names.length < 2) {
    place.replaceChildren(names.length ? "choose another run to compare" : "");
    return;
  }
  const query = names.map((name) => `run=${encodeURIComponent(name)}`).join("&");
  place.replaceChildren(element("a", { class: "button", href: `/compare?${query}` }, `Compare ${names.length} runs`));
}

async function remove(name) {
  try {
    const { removed } = await change("delete", { run: name });
    rows.delete(name);
    draw();
    toast(`${name} is deleted.`, "Undo", () => change("restore", { run: name, removed }).catch(trouble));
  } catch (error) {
    trouble(error);
  }
}

function edit(row) {
  const dialog = at("edit");
  const name = element("input", { name: "name", required: "", maxlength: "120" });
  const tags = element("input", { name: "tags", placeholder: "separated by commas" });
  const note = element("textarea", { name: "note", rows: "4" });
  [name.value, tags.value, note.value] = [row.name, row.tags.join(", "), row.note];
  name.disabled = row.status === "running";
  const field = (title, input) => element("label", {}, title, input);
  const save = element("button", { type: "submit", class: "button" }, "Save");
  const cancel = element("button", { type: "button" }, "Cancel");
  cancel.addEventListener("click", () => dialog.close());
  const form = element(
    "form", {},
    element("h2", { id: "edit-title" }, "Name, tags, note"),
    field(row.status === "running" ? "Name (a running one is kept)" : "Name", name), field("Tags", tags), field("Note", note),
    element("p", { class: "row-of" }, save, cancel),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await change("note", { run: row.name, tags: tags.value.split(","), note: note.value });
      if (name.value !== row.name) await change("rename", { run: row.name, name: name.value });
      dialog.close();
    } catch (error) {
      trouble(error);
    }
  });
  dialog.replaceChildren(form);
  dialog.showModal();
}

function take({ rows: changed, gone = [] }) {
  for (const name of gone) rows.delete(name);
  for (const row of changed) rows.set(row.name, row);
  draw();
}

tools.addEventListener("input", (event) => {
  setting[event.target.name] = event.target.value;
  draw();
});
tools.addEventListener("submit", (event) => event.preventDefault());
tools.elements.search.value = setting.search;

addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input, textarea, select, dialog")) return;
  event.preventDefault();
  tools.elements.search.focus();
});

try {
  const first = await ask("/api/runs");
  at("folder").textContent = first.folder;
  take(first);
  follow((cursor) => `/api/runs/events?since=${encodeURIComponent(cursor)}`, first.cursor, take);
} catch (error) {
  trouble(error);
}
document.documentElement.dataset.ready = "";
