// Every action by a key, unless one is typing or moving a control that has keys of its own.

export function listen({ lab, player, story, help, page }) {
  const nudge = (factor) => lab.changeRacer({ rate: Number(Math.min(1000, Math.max(1e-6, lab.racer.rate * factor)).toPrecision(3)) });
  const keys = {
    " ": () => player.toggle(),
    ",": () => player.by(-1),
    ".": () => player.by(1),
    Home: () => (player.pause(), player.to(0)),
    End: () => (player.pause(), player.to(player.last)),
    0: () => lab.change({ start: [lab.state.start[0], 0] }),
    "+": () => lab.add(),
    "-": () => lab.remove(lab.state.chosen),
    "[": () => nudge(1 / 1.1),
    "]": () => nudge(1.1),
    l: () => lab.change({ scale: lab.state.scale === "log" ? "linear" : "log" }),
    s: () => lab.change({ swarm: lab.state.swarm === "yes" ? "no" : "yes" }),
    t: () => story.stop(0),
    n: () => story.at >= 0 && story.stop(story.at + 1),
    p: () => story.at > 0 && story.stop(story.at - 1),
    "?": help,
  };
  for (let i = 1; i <= 8; i++) keys[i] = () => i <= lab.state.racers.length && lab.change({ chosen: i - 1 });
  page.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || page.querySelector("dialog[open]")) return;
    const typing = target.matches("input[type='text'], .box input, select");
    const pressing = key === " " && target.matches("button, input[type='checkbox'], select");
    const sliding = ["Home", "End"].includes(key) && target.matches("input");
    if (typing || pressing || sliding || !Object.hasOwn(keys, key)) return;
    event.preventDefault();
    keys[key]();
  });
}
