"""Train and eval mode, a missing backward, an optimizer that is made anew, the order of epochs."""

import pytest

pytest.importorskip("libcst", reason="edits need LibCST: pip install 'surefoot[edits]'")

from edits.editing import edited

EPOCHS = """
    model = nn.Sequential(nn.Linear(3, 1), nn.Dropout())
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(3):
        for x, y in train:
            loss = F.mse_loss(model(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
        with torch.no_grad():
            for a, b in held:
                wrong += F.mse_loss(model(a), b)
"""
FUNCTIONS = """
    def train_epoch(net, loader, optimizer):
        '''One epoch.'''
        for x, y in loader:
            loss = f(net(x), y)
            loss.backward()
            optimizer.step()

    @torch.no_grad()
    def evaluate(net, loader):
        total = 0
        for a, b in loader:
            total += f(net(a), b)
        return total

    model = Net()
    sgd = torch.optim.SGD(model.parameters(), lr=1)
    for epoch in range(3):
        train_epoch(model, train, sgd)
        evaluate(model, held)
        model.state_dict()
"""
CLASS = """
    class Trainer:
        def __init__(self):
            self.model = Net()
            self.opt = torch.optim.SGD(self.model.parameters(), lr=1)

        def step(self, x, y):
            loss = f(self.model(x), y)
            loss.backward()
            self.opt.step()
"""


def test_train_mode_in_front_of_the_inner_loop():
    assert edited(EPOCHS, "train-in-eval-mode", "backward") == ["+    model.train()"]
    assert edited(FUNCTIONS, "train-in-eval-mode", "backward") == ["+    net.train()"]
    assert edited(CLASS, "train-in-eval-mode", "backward") == ["+        self.model.train()"]
    two = EPOCHS.replace("opt.step()", "opt.step(); other_opt.step()").replace(
        "F.mse_loss(model(x), y)", "g(x)"
    )
    assert edited(two, "train-in-eval-mode", "backward") is None


def test_eval_mode_around_a_validation():
    changed = ["+    model.eval()", "+    model.train()"]
    assert edited(EPOCHS, "validate-in-train-mode", "wrong +=") == changed
    switched = EPOCHS.replace("for x, y in train", "model.train()\n        for x, y in train")
    assert edited(switched, "validate-in-train-mode", "wrong +=") == changed[:1]
    each = EPOCHS.replace(
        "with torch.no_grad():\n            for a, b in held:",
        "for a, b in held:\n            with torch.no_grad():",
    )
    assert edited(each, "validate-in-train-mode", "wrong +=") == changed
    last = EPOCHS.replace("        with torch", "    with torch").replace(
        "            for a", "        for a"
    )
    assert edited(
        last.replace("                wrong", "            wrong"), "validate-in-train-mode", "wrong +="
    ) == ["+model.eval()"]


def test_a_function_that_validates_switches_back_where_training_does_not():
    net = "\n    class Net:\n        def forward(self, x):\n            return x\n" + FUNCTIONS
    changed = ["+    net.eval()", "+    net.train()"]
    assert edited(net, "validate-in-train-mode", "total +=") == changed
    switched = net.replace("        for x, y", "        net.train()\n        for x, y")
    assert edited(switched, "validate-in-train-mode", "total +=") == changed[:1]
    assert edited(FUNCTIONS.replace("state_dict", "x"), "validate-in-train-mode", "total +=") is None


def test_what_has_an_eval_or_two_models_is_no_guess():
    has = EPOCHS.replace("with torch", "model.eval()\n        with torch")
    assert edited(has, "validate-in-train-mode", "wrong +=") is None
    two = EPOCHS.replace("F.mse_loss(model(a), b)", "F.mse_loss(model(a), teacher(b)); teacher.eval()")
    assert edited(two, "validate-in-train-mode", "wrong +=") is None
    graded = EPOCHS.replace("with torch.no_grad()", "if True")
    assert edited(graded, "validate-in-train-mode", "wrong +=") is None


def test_functional_dropout_follows_the_mode():
    source = "class N:\n    def forward(self, x):\n        return F.dropout(x, 0.5)\n"
    changed = [
        "-        return F.dropout(x, 0.5)",
        "+        return F.dropout(x, 0.5, training=self.training)",
    ]
    assert edited(source, "validate-in-train-mode", "dropout") == changed
    assert edited(source.replace("0.5)", "0.5, True)"), "validate-in-train-mode", "dropout") is None
    assert edited("def f(x):\n    return F.dropout(x, 0.5)\n", "validate-in-train-mode", "dropout") is None


def test_a_teacher_is_put_into_eval_mode_once():
    source = (
        EPOCHS.replace("loss = ", "wanted = teacher(x)\n            loss = ") + "    teacher.state_dict()\n"
    )
    assert edited(source, "teacher-in-train-mode", "wanted") == ["+teacher.eval()"]
    assert edited(source + "    teacher.train()\n", "teacher-in-train-mode", "wanted") is None


def test_a_missing_backward():
    source = "\n".join(row for row in EPOCHS.splitlines() if "backward" not in row)
    assert edited(source, "step-without-backward", "opt.step") == ["+        loss.backward()"]
    two = source.replace("opt.zero_grad()", "aux = F.l1_loss(model(x), y)\n            opt.zero_grad()")
    assert edited(two, "step-without-backward", "opt.step") is None
    assert edited(EPOCHS, "step-without-backward", "opt.step") is None


ANEW = """
    def main():
        model, rate = Net(), 0.1
        for epoch in range(3):
            for x, y in loader:
                opt = torch.optim.Adam(model.parameters(), lr=rate)
                f(model(x), y).backward()
                opt.step()
"""


def test_an_optimizer_is_made_once():
    line = "opt = torch.optim.Adam(model.parameters(), lr=rate)"
    assert edited(ANEW, "optimizer-recreated", "Adam") == [f"+    {line}", f"-            {line}"]
    folds = ANEW.replace("for x, y", "model = Net()\n            for x, y")
    assert edited(folds, "optimizer-recreated", "Adam") == [f"+        {line}", f"-            {line}"]
    decayed = ANEW.replace("opt.step()", "opt.step(); rate = rate / 2")
    assert edited(decayed, "optimizer-recreated", "Adam") is None
    called = "def step(model):\n    opt = torch.optim.Adam(model.parameters())\n    opt.step()\n"
    assert edited(called, "optimizer-recreated", "Adam") is None


def test_each_epoch_gets_an_order_of_its_own():
    source = """
        sampler = DistributedSampler(data)
        loader = DataLoader(data, sampler=sampler)
        for epoch in range(3):
            for x in loader:
                pass
    """
    assert edited(source, "set-epoch", None) == ["+    sampler.set_epoch(epoch)"]
    inline = source.replace("sampler=sampler", "sampler=DistributedSampler(data)")
    assert edited(inline, "set-epoch", None) == ["+    loader.sampler.set_epoch(epoch)"]
    assert edited(source.replace("DistributedS", "RandomS"), "set-epoch", None) is None
    assert edited(source.replace("for epoch in range(3)", "while True"), "set-epoch", None) is None
