"use strict";
// Numbers as a reader wants them; the browser's half of numbers.py.
(() => {
  const surefoot = (window.surefoot ??= {});

  surefoot.number = (value, digits = 3) => {
    if (typeof value !== "number") return String(value); // "NaN", "Infinity" come as text
    if (!Number.isFinite(value)) return String(value);
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size >= 1e7 || size < 1e-4) {
      const [head, exponent] = value.toExponential(digits - 1).split("e");
      return `${Number(head)}e${Number(exponent)}`;
    }
    if (size >= 10 ** digits || Number.isInteger(value)) {
      return Math.round(value).toLocaleString("en-US");
    }
    return String(Number(value.toPrecision(digits)));
  };

  surefoot.share = (value) => `${surefoot.number(100 * value)} %`;

  // An element with text and attributes; text is never read as markup.
  surefoot.element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
})();
