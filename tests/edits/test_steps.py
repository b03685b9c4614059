"""Steps that are missing, schedules that run ahead, clipping that does nothing."""

import pytest

pytest.importorskip("libcst", reason="edits need LibCST: pip install 'surefoot[edits]'")

from edits.editing import edited

LOOP = """
    import torch
    from torch import nn

    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler()
    for epoch in range(3):
        for x, y in loader:
            optimizer.zero_grad()
            loss = f(model(x), y)
            loss.backward()
            optimizer.step()
        print(epoch)
"""
SCALED = LOOP.replace("loss.backward()", "scaler.scale(loss).backward()").replace(
    "optimizer.step()", "scaler.step(optimizer)\n            scaler.update()"
)
HANDED = """
    import torch.nn as nn

    class Trainer:
        def __init__(self, net):
            self.net = net
            self.opt = torch.optim.Adam(self.net.parameters())

        def fit(self, loader):
            for x, y in loader:
                accelerator.backward(f(self.net(x), y))
                self.opt.step()
"""


def without(source, line):
    return "\n".join(row for row in source.splitlines() if row.strip() != line)


def test_a_missing_step():
    assert edited(without(LOOP, "optimizer.step()"), "missing-step", "loss.backward") == [
        "+        optimizer.step()"
    ]
    no_step = without(without(SCALED, "scaler.step(optimizer)"), "scaler.update()")
    added = ["+        scaler.step(optimizer)", "+        scaler.update()"]
    assert edited(no_step, "missing-step", "backward") == added
    only_update = without(SCALED, "scaler.step(optimizer)")
    assert edited(only_update, "missing-step", "backward") == added[:1]
    no_clear = without(without(LOOP, "optimizer.step()"), "optimizer.zero_grad()")
    assert edited(no_clear, "missing-step", "loss.backward") == ["+        optimizer.step()"]


def test_a_step_of_no_optimizer_in_sight_is_no_guess():
    unknown = without(
        without(without(LOOP, "optimizer.step()"), "optimizer.zero_grad()"), "model = nn.Linear(3, 1)"
    )
    two = unknown.replace("optimizer = ", "other = torch.optim.SGD(m.parameters(), 1)\n    optimizer = ")
    assert edited(two, "missing-step", "loss.backward") is None
    assert edited(LOOP, "missing-step", "loss.backward") is None


def test_a_schedule_in_front_of_its_optimizer():
    first = LOOP.replace("optimizer.zero_grad()", "scheduler.step()\n            optimizer.zero_grad()")
    moved = ["-        scheduler.step()", "+        scheduler.step()"]
    assert edited(first, "scheduler-order", "scheduler.step") == moved
    each_epoch = LOOP.replace("for x, y", "scheduler.step()\n        for x, y")
    assert edited(each_epoch, "scheduler-order", "scheduler.step") == [
        "-    scheduler.step()",
        "+    scheduler.step()",
    ]
    conditional = LOOP.replace("for x, y", "if epoch: scheduler.step()\n        for x, y")
    assert edited(conditional, "scheduler-order", "scheduler.step") is None
    behind = LOOP.replace("print(epoch)", "scheduler.step()")
    assert edited(behind, "scheduler-order", "scheduler.step") is None


CLIP = "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)"


def test_a_clip_put_in():
    assert edited(LOOP, "clip", "optimizer.step", max_norm=1) == [f"+        {CLIP}"]
    assert edited(LOOP, "clip", None, max_norm=1) == [f"+        {CLIP}"]
    added = ["+        scaler.unscale_(optimizer)", f"+        {CLIP}"]
    assert edited(SCALED, "clip", "scaler.step", max_norm=1) == added
    added = ["+            accelerator.clip_grad_norm_(self.net.parameters(), 0.5)"]
    assert edited(HANDED, "clip", "self.opt.step", max_norm=0.5) == added
    named = without(LOOP, "import torch").replace("from torch import nn", "import torch.nn as nn")
    assert edited(named, "clip", None, max_norm=1) == [
        "+        nn.utils.clip_grad_norm_(model.parameters(), 1.0)"
    ]


def test_a_clip_of_parameters_without_a_name_is_no_guess():
    assert edited(LOOP, "clip", "optimizer.step") is None
    assert edited(LOOP.replace("(model.par", "([w, *model.par"), "clip", None, max_norm=1) is None
    assert (
        edited(LOOP.replace("loss.backward()", f"loss.backward(); {CLIP}"), "clip", None, max_norm=1) is None
    )
    two = LOOP.replace("optimizer.step()", "optimizer.step(); other_opt.step()")
    assert edited(two, "clip", None, max_norm=1) is None


def test_a_clip_moved_to_where_it_counts():
    behind = LOOP.replace("optimizer.step()", f"optimizer.step()\n            {CLIP}")
    assert edited(behind, "clip-ineffective", "clip_grad") == [f"+        {CLIP}", f"-        {CLIP}"]
    early = LOOP.replace("loss.backward()", f"{CLIP}\n            loss.backward()")
    assert edited(early, "clip-ineffective", "clip_grad") == [
        "+        loss.backward()",
        "-        loss.backward()",
    ]
    kept = early.replace(CLIP, f"norms.append({CLIP})")
    assert edited(kept, "clip-ineffective", "clip_grad") is None


def test_scaled_gradients_are_unscaled_first():
    scaled = SCALED.replace("scaler.step(", f"{CLIP}\n            scaler.step(")
    assert edited(scaled, "clip-ineffective", "clip_grad") == ["+        scaler.unscale_(optimizer)"]
    early = SCALED.replace("scaler.scale(", f"{CLIP}\n            scaler.scale(")
    backward = "        scaler.scale(loss).backward()"
    moved = [f"+{backward}", "+        scaler.unscale_(optimizer)", f"-{backward}"]
    assert edited(early, "clip-ineffective", "clip_grad") == moved


def test_another_models_clip():
    other = LOOP.replace(
        "optimizer.step()", "nn.utils.clip_grad_norm_(critic.parameters(), 1)\n            optimizer.step()"
    )
    changed = [
        "-        nn.utils.clip_grad_norm_(critic.parameters(), 1)",
        "+        nn.utils.clip_grad_norm_(model.parameters(), 1)",
    ]
    assert edited(other, "clip-ineffective", "clip_grad") == changed
