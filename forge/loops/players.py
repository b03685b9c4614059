"""Trainings without a data set: two nets against each other, and a policy that learns from what it tries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from forge.loops.parts import IMPORTS, Idioms, Unsayable, assembled, names
from forge.program import Program, filled, indented

SAID = 'if step % 20 == 19:\n    print(f"step {step + 1} loss {loss.item():.4f}")'


def two_players(program: Program) -> str:
    """A generator and its critic, each with an optimizer."""
    known = names(program, model="generator")
    critic = Idioms().said(program)
    generator = Idioms().said(
        replace(program, forward="rated = critic($faked)", loss="loss = wanted(rated, ones)")
    )
    faked = "fake.detach()" if "generator cut" in program.options else "fake"
    lines = [
        *_opening(program),
        *filter(None, [program.built]),
        _made(program, "generator"),
        _made(program, "critic"),
        *filter(None, [program.before]),
        "wanted = F.binary_cross_entropy_with_logits",
        "ones, zeros = torch.ones($batch, 1), torch.zeros($batch, 1)",
        "for step in range($epochs):",
        indented("real = 2 + 0.5 * torch.randn($batch, 1)\nfake = generator(torch.randn($batch, 4))"),
        *(indented(filled(line, _of("critic"))) for line in critic),
        *(indented(filled(line, {**_of("generator"), "faked": faked})) for line in generator),
        indented(SAID),
        "with torch.no_grad():",
        indented("made = generator(torch.randn(2000, 4))"),
        "score = 1 - abs(made.mean().item() - 2) / 2 - abs(made.std().item() - 0.5)",
        'print(f"score {score:.4f}")',
    ]
    return assembled(lines, known)


def policy(program: Program) -> str:
    """REINFORCE with the batch's mean as a baseline."""
    known = names(program, model="policy")
    lines = [
        *_opening(program),
        *filter(None, [program.built]),
        f"$optimizer = {program.optimizer}",
        *filter(None, [program.before]),
        "for step in range($epochs):",
        indented("state = torch.randint(0, 6, ($batch,))"),
        *(indented(line) for line in Idioms().said(program)),
        indented(SAID),
        "state = torch.arange(6)",
        "with torch.no_grad():",
        indented(
            "score = (policy(F.one_hot(state, 6).float()).argmax(1) == state % 4).float().mean().item()"
        ),
        'print(f"score {score:.4f}")',
    ]
    return assembled(lines, known)


def _opening(program: Program) -> list[str]:
    if (
        program.schedule
        or program.each_epoch
        or "loss" not in program.order
        or "forward" not in program.order
    ):
        raise Unsayable
    return [IMPORTS, "", "torch.manual_seed($seed)", program.model]


def _of(player: str) -> dict[str, str]:
    """A player's names."""
    return {"model": player, "optimizer": f"{player}_optimizer", "clipped": f"{player}.parameters()"}


def _made(program: Program, player: str) -> str:
    """Its optimizer, with less momentum: two that chase each other overshoot."""
    call = program.optimizer.replace(", momentum=0.9", "")
    if "Adam" in call:
        call = call.replace("lr=$rate", "lr=$rate, betas=(0.5, 0.999)")
    return f"{player}_optimizer = " + filled(call, {"parameters": f"{player}.parameters()"})


KINDS = {"two-players": two_players, "policy": policy}


def played(program: Program) -> str:
    """Either of them."""
    return KINDS[program.kind](program)


STYLES: dict[str, Callable[[Program], str]] = {"played": played}
