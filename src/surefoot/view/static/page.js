// What every page does: ask, change, follow a stream while it is seen.

const { element } = window.surefoot;

// What an address answers; its reason where it refuses.
export async function ask(address) {
  return said(await fetch(address, { headers: { accept: "application/json" } }));
}

export async function change(what, asked) {
  const headers = { "content-type": "application/json" };
  return said(await fetch(`/api/${what}`, { method: "POST", headers, body: JSON.stringify(asked) }));
}

async function said(answer) {
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.error ?? `the server answered ${answer.status}`);
  return body;
}

// Follows a stream: `address` gives it for a cursor, `news` takes what comes. A page that is not seen has no stream open.
export function follow(address, cursor, news) {
  const live = document.getElementById("live");
  let source = null;
  let ended = false;
  const state = (text, kind) => {
    live.textContent = text;
    live.dataset.state = kind;
  };
  const close = () => {
    source?.close();
    source = null;
  };
  const open = () => {
    if (source || ended || document.hidden) return;
    source = new EventSource(address(cursor));
    source.addEventListener("open", () => state("live", "live"));
    source.addEventListener("error", () => state("not connected", "lost"));
    source.addEventListener("news", (event) => {
      cursor = event.lastEventId;
      news(JSON.parse(event.data));
    });
    source.addEventListener("trouble", (event) => {
      ended = true;
      close();
      state(JSON.parse(event.data).error, "lost");
    });
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      close();
      state("paused", "paused");
    } else {
      open();
    }
  });
  addEventListener("pagehide", close);
  open();
  return {
    restart: (at) => {
      close();
      cursor = at;
      open();
    },
    end: (text) => {
      ended = true;
      close();
      state(text, "ended");
    },
  };
}

// A sentence at the lower edge, with something to do about it.
export function toast(text, action, act) {
  const place = document.getElementById("toast");
  const parts = [element("span", {}, text)];
  if (action) {
    const button = element("button", { type: "button" }, action);
    button.addEventListener("click", () => {
      place.replaceChildren();
      act();
    });
    parts.push(button);
  }
  const close = element("button", { type: "button", "aria-label": "Close" }, "×");
  close.addEventListener("click", () => place.replaceChildren());
  place.replaceChildren(...parts, close);
}

export const trouble = (error) => toast(error.message);

export const runAddress = (name) => `/run?name=${encodeURIComponent(name)}`;

// Sign, word and tone of a verdict: never the colour alone.
const VERDICTS = {
  healthy: ["✓", "healthy"], warning: ["▲", "warning"], error: ["✕", "error"], "range test": ["↔", "information"],
  unreadable: ["✕", "error"], unknown: ["–", "information"],
};

export function verdict(word) {
  const [sign, tone] = VERDICTS[word] ?? ["–", "information"];
  return element("span", { class: `verdict-of ${tone}` }, element("span", { class: "sign", "aria-hidden": "true" }, sign), ` ${word}`);
}

export function state(word) {
  return element("span", { class: `state ${word}` }, word);
}

export function ago(seconds) {
  const passed = Math.max(0, Date.now() / 1000 - seconds);
  const units = [["day", 86400], ["hour", 3600], ["minute", 60]];
  for (const [unit, length] of units) {
    const count = Math.floor(passed / length);
    if (count) return `${count} ${unit}${count === 1 ? "" : "s"} ago`;
  }
  return "now";
}
