"""The rule `teacher-in-train-mode`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import Teacher
from surefoot.records import History
from surefoot.rules.base import Draft, rule


@rule("teacher-in-train-mode", severity="warning", needs=(Teacher,), since="0.1")
def teacher_in_train_mode(history: History, *, least: int = 5, share: float = 0.5) -> Iterator[Draft]:
    """A network that is only asked is in train mode.

    ## What it finds
    A teacher or a frozen feature extractor: a network that is asked in training steps, is not trained, never
    changes, and has dropout or batch norm in train mode.

    ## Why it matters
    Its dropout is at work, and its batch norm normalises by the present batch and moves its running statistics:
    what the student is taught is noisy, depends on the rest of the batch, and drifts.

    ## Evidence shown
    Calls looked at, those in train mode, and the modules concerned.

    ## What to try
    `teacher.eval()` once, and again after `model.train()` where the teacher is a part of the model.

    ## When to ignore it
    If noisy targets are meant. A network whose weights change (a moving average of the student, a target
    network) is not reported. Five calls (option `least`) are waited for, half of them (option `share`) in train
    mode.

    ## Source
    Hinton, Vinyals, Dean 2015: a teacher's soft targets are those of its predictions; Lightning issue 20573.
    """
    for fact in history.facts(Teacher):
        if fact.asked < least or fact.in_train < share * fact.asked or fact.changed is not False:
            continue
        names = ", ".join(fact.modules[:3])
        yield Draft(
            title=f"{fact.class_name} is asked and not trained, and is in train mode ({names}).",
            fix="Call eval() on it before the training, and after every train() of a model that holds it.",
            evidence={"calls": fact.asked, "in train mode": fact.in_train, "modules": list(fact.modules)},
            where=fact.place,
            confidence=0.9,
        )
