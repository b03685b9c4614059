"""What the messages of the peers name in surefoot's codes, and how all tools are scored: generously to the peers.

A message names every fault that its own text gives as the finding or as a likely cause, not its title alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import faults

SEVERITIES = ("error", "warning", "information")

NOT_FINITE = ("nonfinite-loss", "nonfinite-gradient", "nonfinite-input")
TOO_FAST = ("lr-too-high", "exploding-gradient", "loss-spike")
FROZEN = ("all-parameters-frozen", "parameters-not-optimized", "no-gradient")

# Peer -> kind of message -> the codes that it names. ADVICE below adds to this.
MEANINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "torch-audit": {
        "TA000": (),  # a validator of its own failed
        "TA100": (*NOT_FINITE, "scaler-overflow"),
        "TA102": TOO_FAST,
        "TA103": ("dead-units", "vanishing-gradient", "no-gradient"),
        "TA104": (*FROZEN, "step-without-backward", "grads-cleared-before-step"),
        "TA105": ("dead-units", "constant-output"),
        "TA300": (),  # batch and model on different devices
        "TA301": ("unnormalized-inputs", "preprocessing-mismatch"),
        "TA302": ("unnormalized-inputs", "constant-output"),
        "TA303": ("batch-mixing",),  # channels last where channels first is meant
        "TA304": ("tiny-batch-norm", "noisy-gradient"),
        "TA305": ("target-out-of-range",),  # token ids that no embedding has
        "TA405": ("dead-units", "symmetric-initialization"),
        "TA500": ("parameters-not-optimized", "no-gradient"),
        "TA501": ("tiny-batch-norm", "validate-in-train-mode"),
    },
    "torchmortem": {
        "Activation saturation": ("saturated-units", "vanishing-gradient", "lr-too-high"),
        "Catapult phase detected": ("loss-spike", "lr-too-high"),
        "Dead units": ("dead-units", "lr-too-high"),
        "Edge of stability regime detected": ("lr-too-high",),
        "Exploding gradients detected": (*TOO_FAST, "nonfinite-gradient"),
        "Gradient stalling": ("vanishing-gradient", "dead-units", *FROZEN),
        "High gradient noise (low SNR)": ("noisy-gradient", "lr-too-high"),
        "Inter-layer weight norm imbalance": ("initial-loss-too-high", "symmetric-initialization"),
        "Loss plateau detected": ("plateau", "lr-too-low"),
        "Rank collapse": (
            "constant-output",
            "symmetric-initialization",
            "weight-decay-too-strong",
            "lr-too-high",
        ),
        "Stagnant weight norms": ("lr-too-low", "vanishing-gradient", "missing-step", *FROZEN),
        "Training divergence detected": (*TOO_FAST, *NOT_FINITE),
        "Update ratio too high": TOO_FAST,
        "Update ratio too low": ("lr-too-low", "vanishing-gradient"),
        "Vanishing gradients detected": ("vanishing-gradient", "saturated-units"),
        "Weight norm explosion": TOO_FAST,
    },
    "gradsnitch": {
        "GS001": (*NOT_FINITE, "lr-too-high", "scaler-overflow"),
        "GS002": (*TOO_FAST, "nonfinite-gradient", "nonfinite-input"),
        "GS003": TOO_FAST,
        "GS004": ("overfitting",),
        "GS005": (
            "plateau",
            "lr-too-low",
            "dead-units",
            "symmetric-initialization",
            "initial-loss-too-high",
            *FROZEN,
        ),
        "GS006": TOO_FAST,
        "GS007": ("vanishing-gradient", "dead-units", "saturated-units", "lr-too-low"),
        "GS008 too high": TOO_FAST,
        "GS008 too low": ("lr-too-low", *FROZEN),
        "GS009": ("lr-too-high",),
        "GS010": ("lr-vanished",),
    },
}

# Advice about style, speed or hardware: no alarm on a healthy program, whatever severity it is given there.
ADVICE: dict[str, dict[str, tuple[str, ...]]] = {
    "torch-audit": {
        "TA200": (),
        "TA201": (),
        "TA202": (),
        "TA203": (),
        "TA400": (),
        "TA401": ("weight-decay-too-strong",),
        "TA402": ("weight-decay-too-strong",),
        "TA403": ("weight-decay-too-strong",),
        "TA404": (),
    },
}


@dataclass(frozen=True)
class Message:
    """What a peer said once: which kind of message, how grave in its own words, and the text."""

    kind: str
    severity: str
    text: str = ""


def named(peer: str, kind: str) -> tuple[str, ...]:
    """The codes that a kind of message names; none for a kind that is not listed."""
    return MEANINGS[peer].get(kind, ()) + ADVICE.get(peer, {}).get(kind, ())


def unlisted(peer: str, messages: Iterable[Message]) -> set[str]:
    """Kinds of message that the tables above do not know."""
    return {m.kind for m in messages} - set(MEANINGS[peer]) - set(ADVICE.get(peer, {}))


def main_right(peer: str, messages: Sequence[Message], expect: Iterable[str]) -> bool:
    """Whether one of the gravest messages names the cause: no peer ranks further than by severity."""
    gravest = min((SEVERITIES.index(m.severity) for m in messages), default=0)
    return found(peer, [m for m in messages if m.severity == SEVERITIES[gravest]], expect)


def found(peer: str, messages: Iterable[Message], expect: Iterable[str]) -> bool:
    """Whether any message, of any severity, names the cause."""
    right = set(expect)
    return any(right.intersection(named(peer, m.kind)) for m in messages)


def false_alarms(peer: str, messages: Iterable[Message], also: Iterable[str]) -> list[str]:
    """Kinds of the warnings and errors that are neither advice nor allowed: on a sound program, false alarms."""
    allowed = set(also)
    return [
        m.kind
        for m in messages
        if m.severity in ("error", "warning")
        and m.kind not in ADVICE.get(peer, {})
        and m.kind != "TA000"
        and not allowed.intersection(named(peer, m.kind))
    ]


@dataclass(frozen=True)
class Heard:
    """What a peer said of a script."""

    program: faults.Program
    messages: tuple[Message, ...] = ()
    doors: int = 0
    error: str | None = None
    faults: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Row:
    """One tool's figures."""

    tool: str
    main: int
    found: int
    faulty: int
    alarms: int
    sound: int
    silent: int  # faulty programs without a warning or an error
    broken: int  # scripts that it made fail


def peer_row(peer: str, heard: Sequence[Heard], alone: Iterable[str] = ()) -> Row:
    """Score a peer; `alone` are the labels of the scripts that fail without any tool."""
    faulty = [h for h in heard if h.program.expect]
    sound = [h for h in heard if not h.program.expect]
    excused = set(alone)
    return Row(
        peer,
        sum(main_right(peer, h.messages, h.program.expect) for h in faulty),
        sum(found(peer, h.messages, h.program.expect) for h in faulty),
        len(faulty),
        sum(bool(false_alarms(peer, h.messages, h.program.also)) for h in sound),
        len(sound),
        sum(not false_alarms(peer, h.messages, ()) for h in faulty),
        sum(h.error is not None and h.program.label not in excused for h in heard),
    )


def own_row(scores: Sequence[faults.Score], alone: Iterable[str] = ()) -> Row:
    """Score surefoot by the same words, the first finding alone being its main one."""
    excused = set(alone)
    faulty = [s for s in scores if s.program.expect]
    sound = [s for s in scores if not s.program.expect]
    return Row(
        "surefoot",
        sum(s.main_right for s in faulty),
        sum(s.found for s in faulty),
        len(faulty),
        sum(bool(s.false_alarms) for s in sound),
        len(sound),
        sum(all(f["severity"] == "information" for f in s.findings) for s in faulty),
        sum(s.status == "failed" and s.program.label not in excused for s in scores),
    )
