"""`zero_grad()` put in where it is missing, and moved where it takes away what the step needs."""

import pytest

pytest.importorskip("libcst", reason="edits need LibCST: pip install 'surefoot[edits]'")

from edits.editing import edited

PLAIN = """
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    for x, y in loader:
        loss = f(net(x), y)
        # gradients
        loss.backward()  # of the batch
        opt.step()
"""
FUNCTION = """
    def train(model, loader, optimizer):
        for x, y in loader:
            loss = f(model(x), y)
            loss.backward()
            optimizer.step()
"""
CLASS = """
    class Trainer:
        def step(self, batch):
            loss = self.loss(batch)
            loss.backward()
            self.optimizer.step()
"""
NOTEBOOK = """
    for x, y in loader: loss = f(net(x), y); loss.backward(); opt.step()
"""
ACCELERATE = """
    for x, y in loader:
        with accelerator.accumulate(model):
            loss = f(model(x), y)
            accelerator.backward(loss)
            optimizer.step()
            scheduler.step()
"""
SCALED = """
    for x, y in loader:
        scaler.scale(f(net(x), y)).backward()
        scaler.step(opt)
        scaler.update()
"""
ACCUMULATED = """
    for i, (x, y) in enumerate(loader):
        (f(net(x), y) / 4).backward()
        if (i + 1) % 4 == 0:
            opt.step()
            print(i)
"""
INNER_LOOP = """
    for batch in loader:
        for x, y in batch:
            f(net(x), y).backward()
        opt.step()
"""
GAN = """
    while True:
        opt_g.zero_grad()
        bce(d(g(z)), ones).backward()
        opt_g.step()
        bce(d(x), ones).backward()
        bce(d(g(z).detach()), zeros).backward()
        opt_d.step()
"""
ELSEWHERE = """
    def learn(loss):
        loss.backward()

    for x, y in loader:
        learn(f(net(x), y))
        opt.step()
"""


@pytest.mark.parametrize(
    ("source", "at", "changed"),
    [
        (PLAIN, "opt.step", ["+    opt.zero_grad()"]),
        (FUNCTION, "optimizer.step", ["+        optimizer.zero_grad()"]),
        (CLASS, "optimizer.step", ["+        self.optimizer.zero_grad()"]),
        (
            NOTEBOOK,
            "opt.step",
            [
                "-for x, y in loader: loss = f(net(x), y); loss.backward(); opt.step()",
                "+for x, y in loader: loss = f(net(x), y); opt.zero_grad(); loss.backward(); opt.step()",
            ],
        ),
        (ACCELERATE, "optimizer.step", ["+        optimizer.zero_grad()"]),
        (SCALED, "scaler.step", ["+    opt.zero_grad()"]),
        (ACCUMULATED, "opt.step", ["+        opt.zero_grad()"]),
        (INNER_LOOP, "opt.step", ["+    opt.zero_grad()"]),
        (GAN, "opt_d.step", ["+    opt_d.zero_grad()"]),
        (ELSEWHERE, "opt.step", ["+    opt.zero_grad()"]),
    ],
)
def test_cleared_once_a_step(source, at, changed):
    assert edited(source, "missing-zero-grad", at) == changed


def test_the_clear_stands_in_front_of_the_first_backward_of_its_step_and_above_its_comment():
    from surefoot.edits import edit

    made = edit("for x in a:\n    # why\n    f(x).backward()\n    o.step()\n", "missing-zero-grad", 4)
    assert made.source == "for x in a:\n    o.zero_grad()\n    # why\n    f(x).backward()\n    o.step()\n"
    text = "\n".join(line[4:] for line in GAN.strip("\n").splitlines())
    lines = edit(text, "missing-zero-grad", 7).source.splitlines()
    assert lines[4:6] == ["    opt_d.zero_grad()", "    bce(d(x), ones).backward()"]


@pytest.mark.parametrize(
    "source",
    [
        PLAIN.replace("opt.step()", "opt.step(closure)"),
        PLAIN.replace("loss.backward()", "opt.zero_grad(); loss.backward()"),
        PLAIN.replace("opt.step()", "make().step()"),
        PLAIN.replace("opt.step()", "a.step(); b.step()"),
        ACCUMULATED.replace("(i + 1) % 4 == 0", "finite(net)"),
        PLAIN.replace("for x, y in loader", "for x y in loader"),
    ],
)
def test_no_guess(source):
    assert edited(source, "missing-zero-grad", "step(") is None


def test_a_clear_behind_backward_goes_in_front_of_it():
    source = PLAIN.replace("        opt.step", "        opt.zero_grad(set_to_none=True)\n        opt.step")
    line = "    opt.zero_grad(set_to_none=True)"
    assert edited(source, "grads-cleared-before-step", "opt.step") == [f"+{line}", f"-{line}"]
    assert (
        edited(source.replace("opt.zero", "if x: opt.zero"), "grads-cleared-before-step", "opt.step") is None
    )


def test_a_clear_in_every_micro_batch_goes_behind_the_step():
    source = ACCUMULATED.replace("        (f(", "        opt.zero_grad()\n        (f(")
    changed = ["-    opt.zero_grad()", "+        opt.zero_grad()"]
    assert edited(source, "grads-cleared-before-step", "backward") == changed
    assert edited(source.replace("% 4 == 0", "> 4"), "grads-cleared-before-step", "backward") is None
