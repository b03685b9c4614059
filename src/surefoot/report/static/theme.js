"use strict";
// Colours from the style sheet, and word when they change: dark or light, screen or paper.
(() => {
  const surefoot = (window.surefoot ??= {});
  const root = document.documentElement;
  const listeners = new Set();
  let cached = {};

  surefoot.color = (name) => {
    cached[name] ??= getComputedStyle(root).getPropertyValue(`--${name}`).trim();
    return cached[name];
  };
  surefoot.onTheme = (listener) => listeners.add(listener);
  surefoot.printing = () => "print" in root.dataset;

  const changed = () => {
    cached = {};
    for (const listener of listeners) listener();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  addEventListener("beforeprint", () => {
    root.dataset.print = "";
    changed();
  });
  addEventListener("afterprint", () => {
    delete root.dataset.print;
    changed();
  });

  // Width to draw at: the element's own, or what fits on a printed page.
  surefoot.width = (element) => (surefoot.printing() ? 640 : element.clientWidth);

  // Calls `draw` now and whenever the element's width or the theme changes.
  surefoot.keepDrawn = (element, draw) => {
    let width = 0;
    new ResizeObserver(() => {
      if (element.clientWidth && element.clientWidth !== width) {
        width = element.clientWidth;
        draw();
      }
    }).observe(element);
    surefoot.onTheme(() => element.clientWidth && draw());
  };
})();
