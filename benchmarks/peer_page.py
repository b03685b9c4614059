"""The page of benchmarks/peers.py: what was run, the table, and program by program what each tool said."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version

import peer_words
from peer_words import Heard, Row

import faults

GIVEN = {
    "surefoot": "nothing: `surefoot check SCRIPT`",
    "gradsnitch": "`watch(model, optimizer, check_every=50)`; `log(step, loss, val_loss)` while the gradients live, "
    "with the validation loss whenever the script computes one; `report()`",
    "torchmortem": '`Autopsy(model, optimizer=optimizer)`, sampling "balanced"; `step(loss=…)` after each optimizer '
    "step",
    "torch-audit": "`autopatch(model, optimizer=optimizer, every_n_steps=1)` with static and init checks, "
    "`backward(loss)`, and each new optimizer of the model",
}
READING = """\
*Named as main finding*: for surefoot, its first finding is the cause; for a peer, any of its gravest messages is, since
no peer ranks further. *Named at all*: any message is, of whatever severity. A peer's message counts as naming every
fault that its text gives as finding or likely cause (`benchmarks/peer_words.py`). *False alarm*: a warning or error on
a fixed or healthy program; a peer's advice on style, speed or hardware is none. *Made the script fail*: it runs alone
and raises under the tool. Below, **bold** names the cause; on sound programs only false alarms are listed."""


def summary(rows: Sequence[Row], costs: dict[str, tuple[float, float]]) -> str:
    lines = [
        "| tool | cause named as main finding | cause named at all | no warning on a faulty program "
        "| false alarm on a sound program | made the script fail | time over plain |",
        "| - | - | - | - | - | - | - |",
    ]
    for r in rows:
        ratios = [f"{ratio:.2f}" for tool, (_, ratio) in costs.items() if tool == r.tool]
        ratios += [f"{ratio:.2f} ({tool[len(r.tool) + 1 :]})" for tool, (_, ratio) in costs.items()
                   if tool.startswith(f"{r.tool} ")]  # fmt: skip
        lines.append(
            f"| {r.tool} | {r.main} of {r.faulty} | {r.found} of {r.faulty} | {r.silent} of {r.faulty} "
            f"| {r.alarms} of {r.sound} | {r.broken} | {', '.join(ratios) or '-'} |"
        )
    return "\n".join(lines)


def details(own: Sequence[faults.Score], heard: dict[str, list[Heard]]) -> str:
    peers = list(heard)
    lines = [
        f"| program | right | surefoot | {' | '.join(peers)} |",
        "| - | - | - |" + " - |" * len(peers),
    ]
    for index, score in enumerate(own):
        program = score.program
        said = ", ".join(score.codes if program.expect else score.false_alarms) or "-"
        cells = [f"{'**' if score.main_right else ''}{said}{'**' if score.main_right else ''}"]
        for peer in peers:
            cells.append(_cell(peer, heard[peer][index]))
        lines.append(f"| {program.label} | {' or '.join(program.expect)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(peer: str, heard: Heard) -> str:
    if not heard.program.expect:
        said = ", ".join(dict.fromkeys(peer_words.false_alarms(peer, heard.messages, heard.program.also)))
    else:
        right = set(heard.program.expect)
        words = [(m.kind, bool(right & set(peer_words.named(peer, m.kind)))) for m in heard.messages]
        said = ", ".join(f"**{kind}**" if hit else kind for kind, hit in dict(words).items())
    return said or ("-" if heard.doors else "(nothing to attach to)")


def what_was_run(
    arguments: argparse.Namespace,
    peers: Iterable[str],
    every: int,
    chosen: int,
    costs: dict[str, tuple[float, float]],
) -> str:
    which = "all" if chosen == every else f"{chosen}, evenly spread, of the"
    lines = [
        "The same unchanged scripts under each tool, every peer in an environment of its own. `make bench` writes this "
        f"page; this one by `python benchmarks/peers.py FOLDERS --steps {arguments.steps} --rounds {arguments.rounds}"
        + (f" --limit {arguments.limit}`." if arguments.limit else "`."),
        "",
        f"Run on: {which} {every} programs in {len(arguments.folders)} collections, "
        f"the first {arguments.steps} optimizer steps of each (as `surefoot check` does), one thread, "
        + ", ".join(peer.replace("==", " ") for peer in peers)
        + f", torch {version('torch')}, Python {platform.python_version()}.",
    ]
    if costs:
        plain = sorted(milliseconds for milliseconds, _ in costs.values())
        lines[-1] += (
            f" Time: the convnet of `examples/digits.py`, batch 64, {plain[0]:.1f} to {plain[-1]:.1f} ms a plain step; "
            f"{arguments.rounds} rounds of plain and watched in turn, ratio of the medians of CPU time."
        )
    return "\n".join(lines)


def remarks(heard: dict[str, list[Heard]], alone: Sequence[str]) -> list[str]:
    noted = []
    for peer, said in heard.items():
        own_faults = sorted({fault.splitlines()[0][:160] for h in said for fault in h.faults})
        noted += [f"{peer} itself raised: `{fault}`." for fault in own_faults]
        noted += [
            f"{h.program.label} under {peer}: `{h.error.splitlines()[0][:160]}`."
            for h in said
            if h.error is not None and h.program.label not in alone
        ]
        new = peer_words.unlisted(peer, [m for h in said for m in h.messages])
        noted += [
            f"{peer} says {kind}, which `benchmarks/peer_words.py` does not list." for kind in sorted(new)
        ]
    if alone:
        noted.append(f"Scripts that fail without any tool: {', '.join(alone)}.")
    return ["## Remarks\n\n" + "\n".join(f"- {remark}" for remark in noted)] if noted else []
