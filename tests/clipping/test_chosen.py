"""What `clip=` may be, and a setting that is mistyped."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import surefoot as sf
from surefoot.clipping import attached
from surefoot.clipping.chosen import chosen
from surefoot.errors import SettingError


def optimizers(count: int) -> list[torch.optim.Optimizer]:
    return [torch.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1) for _ in range(count)]


@pytest.mark.parametrize(("clip", "kind"), [("auto", sf.AutoClip), (1.0, sf.ClipByNorm), (2, sf.ClipByNorm)])
def test_watch_takes_what_fit_takes(clip: object, kind: type, tmp_path: Path) -> None:
    steppers = optimizers(2)
    with sf.watch(optimizer=steppers, clip=clip, runs=tmp_path):  # type: ignore[arg-type]
        clippers = [attached(each) for each in steppers]
        assert all(isinstance(each, kind) for each in clippers)
        assert clippers[0] is not clippers[1]
    assert [attached(each) for each in steppers] == [None, None]


def test_a_clip_without_an_optimizer(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="1 clippers for 0 optimizers"):
        sf.watch(clip="auto", runs=tmp_path)


@pytest.mark.parametrize("clip", ["autoclip", True, {}])
def test_what_it_may_not_be(clip: object) -> None:
    with pytest.raises(SettingError, match=r"use 'auto', a largest norm, None or a clipper"):
        chosen(clip)


@pytest.mark.parametrize(
    ("kind", "settings", "sentence"),
    [
        (sf.AutoClip, {"percentil": 10}, "AutoClip has no setting 'percentil': did you mean percentile?"),
        (sf.AutoClip, {"scop": "group"}, "AutoClip has no setting 'scop': did you mean scope?"),
        (sf.ZClip, {"threshold_onn": "host"}, "did you mean threshold_on?"),
        (sf.ClipByNorm, {"max_norm": 1, "colour": 1}, "it has max_norm, scope, nonfinite"),
    ],
)
def test_a_mistyped_setting(kind: type, settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(SettingError) as raised:
        kind(**settings)
    assert sentence in str(raised.value)
