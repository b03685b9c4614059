// Controls made from settings: a slider with a field beside it, a list of choices, the dial.
import { number } from "./format.js";
import { checked } from "./settings.js";

/** An element with properties, attributes (those with a dash or on SVG) and children. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "for" || key === "role") made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}

export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function fill(select, options) {
  select.replaceChildren(...options.map(([value, label]) => element("option", { value, textContent: label })));
}

const TICKS = 400; // of a logarithmic slider
const toSlider = (s, value) => (s.log ? (TICKS * Math.log(value / s.low)) / Math.log(s.high / s.low) : value);
const fromSlider = (s, place) => {
  if (s.log) return Number((s.low * (s.high / s.low) ** (place / TICKS)).toPrecision(3));
  return s.step >= 1 ? Math.round(place) : Number(place);
};

/** {root, show(value)}: a slider and a field for one number, that call `change` at once. */
export function slider(id, setting, change) {
  const range = element("input", { type: "range", id, min: setting.log ? 0 : setting.low, max: setting.log ? TICKS : setting.high, step: setting.log ? 1 : setting.step });
  const field = element("input", { className: "number", type: "text", inputMode: "decimal", "aria-label": `${setting.label}, as a number` });
  const label = element("label", { for: id, textContent: setting.label });
  if (setting.symbol) label.append(element("i", { textContent: setting.symbol }));
  const show = (value) => {
    range.value = toSlider(setting, value);
    range.setAttribute("aria-valuetext", `${number(value)}${setting.unit ?? ""}`);
    if (document.activeElement !== field) field.value = number(value) + (setting.unit ?? "");
  };
  range.addEventListener("input", () => change(fromSlider(setting, Number(range.value))));
  field.addEventListener("change", () => {
    const value = checked(setting, field.value.replace("°", ""));
    field.setAttribute("aria-invalid", String(value === undefined));
    if (value === undefined) return;
    field.value = number(value) + (setting.unit ?? "");
    change(value);
  });
  return { root: element("div", { className: "setting" }, label, range, field), show };
}

const SWEEP = 270; // degrees of the dial
const CENTRE = 52;
const RADIUS = 41;

/** The dial: the same as a slider, turned by dragging about its middle or by the arrow keys. */
export function dial(setting, unit, change) {
  const range = element("input", { type: "range", id: "dial-input", min: setting.log ? 0 : setting.low, max: setting.log ? TICKS : setting.high, step: setting.log ? 1 : setting.step ?? "any", "aria-label": `${setting.label} of clipping` });
  const value = svg("path", { class: "value" });
  const needle = svg("line", { class: "needle" });
  const text = svg("text", { x: CENTRE, y: CENTRE + 6 });
  const under = svg("text", { x: CENTRE, y: 98, class: "unit" }, unit);
  const root = element("div", { className: "dial" });
  root.append(svg("svg", { viewBox: "0 0 104 104", "aria-hidden": "true" }, svg("path", { class: "track", d: arc(1) }), value, needle, text, under), range);
  const show = (now) => {
    range.value = toSlider(setting, now);
    range.setAttribute("aria-valuetext", `${number(now)} ${unit}`);
    const share = (Number(range.value) - range.min) / (range.max - range.min);
    value.setAttribute("d", arc(Math.max(share, 0.001)));
    const [x, y] = at(share, RADIUS + 3);
    const [u, v] = at(share, RADIUS - 13);
    for (const [name, place] of [["x1", u], ["y1", v], ["x2", x], ["y2", y]]) needle.setAttribute(name, place);
    text.textContent = number(now);
  };
  const turn = (event) => {
    const { left, top, width, height } = root.getBoundingClientRect();
    const angle = (Math.atan2(event.clientY - top - height / 2, event.clientX - left - width / 2) * 180) / Math.PI;
    const share = Math.min(1, Math.max(0, ((angle + 360 - 135) % 360) / SWEEP));
    const closest = (angle + 360 - 135) % 360 > SWEEP + (360 - SWEEP) / 2 ? 0 : share;
    change(fromSlider(setting, Number(range.min) + closest * (range.max - range.min)));
  };
  root.addEventListener("pointerdown", (event) => {
    root.setPointerCapture(event.pointerId);
    range.focus({ preventScroll: true });
    event.preventDefault();
    turn(event);
  });
  root.addEventListener("pointermove", (event) => event.buttons && turn(event));
  range.addEventListener("input", () => change(fromSlider(setting, Number(range.value))));
  return { root, show };
}

const at = (share, radius) => {
  const angle = ((135 + SWEEP * share) * Math.PI) / 180;
  return [CENTRE + radius * Math.cos(angle), CENTRE + radius * Math.sin(angle)];
};
const arc = (share) => `M ${at(0, RADIUS).join(" ")} A ${RADIUS} ${RADIUS} 0 ${share * SWEEP > 180 ? 1 : 0} 1 ${at(share, RADIUS).join(" ")}`;
