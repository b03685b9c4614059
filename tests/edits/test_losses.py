"""Activations in front of losses, what losses are told, shapes, sums that keep graphs."""

import pytest

pytest.importorskip("libcst", reason="edits need LibCST: pip install 'surefoot[edits]'")

from edits.editing import edited

CALL = "    loss = F.cross_entropy({}, y)\n"


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("F.softmax(net(x), dim=1)", "net(x)"),
        ("torch.softmax(net(x), 1)", "net(x)"),
        ("net(x).softmax(-1)", "net(x)"),
        ("nn.Softmax(dim=1)(net(x))", "net(x)"),
        ("(a + b).softmax(1)", "(a + b)"),
        ("F.softmax(a + b, 1).view(-1, 3)", "(a + b).view(-1, 3)"),
        ("softmax(input=out, dim=1)", "out"),
    ],
)
def test_a_softmax_in_the_call_goes(given, left):
    before, after = (f"loss = F.cross_entropy({text}, y)" for text in (given, left))
    assert edited(before, "softmax-before-cross-entropy", "loss") == [f"-{before}", f"+{after}"]


SEQUENTIAL = """
    model = nn.Sequential(
        nn.Linear(4, 3),
        nn.Softmax(dim=1),  # probabilities
    )
    criterion = nn.CrossEntropyLoss()
    for x, y in loader:
        out = model(x)
        loss = criterion(out, y)
"""
CLASS = """
    class Net(nn.Module):
        def __init__(self):
            self.fc = nn.Linear(4, 3)
            self.act = nn.Softmax(dim=1)

        def forward(self, x):
            x = self.fc(x)
            x = torch.relu(x)
            x = self.act(x)
            return x.squeeze(1)

    def train(net, loader, loss_fn):
        for x, y in loader:
            pred = net(x)
            loss = loss_fn(pred, y)

    train(Net(), loader, nn.CrossEntropyLoss(reduction="mean"))
"""
LIGHTNING = """
    class Module(LightningModule):
        def forward(self, x):
            return F.softmax(self.fc(x), dim=1)

        def training_step(self, batch, _):
            x, y = batch
            return F.cross_entropy(self(x), y)
"""


def test_a_softmax_in_the_model_goes():
    code = "softmax-before-cross-entropy"
    assert edited(SEQUENTIAL, code, "loss =") == ["-    nn.Softmax(dim=1),  # probabilities"]
    one_line = "model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(1))\nloss = F.cross_entropy(model(x), y)\n"
    changed = [
        "-model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(1))",
        "+model = nn.Sequential(nn.Linear(4, 3))",
    ]
    assert edited(one_line, code, "loss =") == changed
    assert edited(CLASS, code, "loss = ") == ["-        x = self.act(x)"]
    changed = ["-        return F.softmax(self.fc(x), dim=1)", "+        return self.fc(x)"]
    assert edited(LIGHTNING, code, "cross_entropy") == changed


@pytest.mark.parametrize(
    "source",
    [
        SEQUENTIAL + "    picked = torch.multinomial(model(x), 1)\n",
        SEQUENTIAL.replace("nn.Softmax", "Head"),
        SEQUENTIAL.replace("model(x)", "other(x)"),
        SEQUENTIAL.replace("out = model(x)", "if x: out = model(x)"),
        SEQUENTIAL.replace("nn.CrossEntropyLoss()", "nn.MSELoss()"),
        SEQUENTIAL.replace("nn.Softmax(dim=1)", "*[nn.Softmax(dim=1)]"),
        CLASS.replace("x = torch.relu(x)", "if x.dim() == 1: return x"),
        CLASS + "    train(other, loader, nn.CrossEntropyLoss())\n",
    ],
)
def test_no_guess_where_a_softmax_is(source):
    made = edited(source, "softmax-before-cross-entropy", "loss = ")
    assert made is None


def test_a_sigmoid_goes_unless_probabilities_are_read():
    source = SEQUENTIAL.replace("Softmax(dim=1)", "Sigmoid()").replace("CrossEntropy", "BCEWithLogits")
    assert edited(source, "sigmoid-before-logits-loss", "loss =") == ["-    nn.Sigmoid(),  # probabilities"]
    assert edited(source + "    right = out > 0.5\n", "sigmoid-before-logits-loss", "loss =") is None
    direct = "loss = F.binary_cross_entropy_with_logits(torch.sigmoid(z), y)"
    assert edited(f"{direct}\nright = z > 0.5\n", "sigmoid-before-logits-loss", "loss =") == [
        f"-{direct}",
        "+loss = F.binary_cross_entropy_with_logits(z, y)",
    ]


def test_an_output_activation_goes():
    source = SEQUENTIAL.replace("Softmax(dim=1)", "ReLU()").replace("CrossEntropy", "MSE")
    changed = ["-    nn.ReLU(),  # probabilities"]
    assert edited(source, "output-activation", "loss =", activation="relu") == changed
    assert edited(source, "output-activation", "loss =", activation="sigmoid") is None
    assert edited(source, "output-activation", "loss =") is None


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("F.nll_loss(F.softmax(z, 1), y)", "F.nll_loss(F.log_softmax(z, 1), y)", "nll-without-log-softmax"),
        ("F.kl_div((z / 2).softmax(1), p)", "F.kl_div((z / 2).log_softmax(1), p)", "kl-without-log"),
        ("F.nll_loss(nn.Softmax(1)(z), y)", "F.nll_loss(nn.LogSoftmax(1)(z), y)", "nll-without-log-softmax"),
    ],
)
def test_a_softmax_becomes_a_log_softmax(before, after, code):
    assert edited(f"loss = {before}", code, "loss", range=[0.0, 0.9]) == [
        f"-loss = {before}",
        f"+loss = {after}",
    ]


def test_raw_scores_get_a_log_softmax_in_the_call():
    before, after = "loss = F.nll_loss(z, y)", "loss = F.nll_loss(z.log_softmax(1), y)"
    code = "nll-without-log-softmax"
    assert edited(before, code, "loss", range=[-3.0, 4.0]) == [f"-{before}", f"+{after}"]
    assert edited(before, code, "loss", range=[0.1, 0.9]) is None
    before, after = "loss = F.kl_div(a + b, p)", "loss = F.kl_div((a + b).log_softmax(-1), p)"
    assert edited(before, "kl-without-log", "loss", range=[-3.0, 4.0]) == [f"-{before}", f"+{after}"]
    assert edited(before, "kl-without-log", "loss") is None


def test_padding_is_left_out():
    made = "criterion = nn.CrossEntropyLoss()"
    source = f"{made}\nloss = criterion(out, y)\n"
    changed = [f"-{made}", "+criterion = nn.CrossEntropyLoss(ignore_index=0)"]
    assert edited(source, "padding-in-loss", "loss =", token=0) == changed
    before = "loss = F.cross_entropy(out, y)"
    changed = [f"-{before}", "+loss = F.cross_entropy(out, y, ignore_index=3)"]
    assert edited(before, "padding-in-loss", "loss", token=3) == changed
    assert edited(before.replace("y)", "y, ignore_index=1)"), "padding-in-loss", "loss", token=3) is None
    assert edited(before, "padding-in-loss", "loss") is None


def test_a_sum_becomes_a_mean():
    before = "loss = F.mse_loss(a, b, reduction='sum')"
    assert edited(before, "loss-sum-reduction", "loss") == [f"-{before}", f"+{before.replace('sum', 'mean')}"]
    assert edited("loss = F.mse_loss(a, b)", "loss-sum-reduction", "loss") is None


def test_shapes_meet():
    before = "loss = criterion(model(x), y)"
    code = "broadcast-loss"
    changed = [f"-{before}", "+loss = criterion(model(x).squeeze(-1), y)"]
    assert edited(before, code, "loss", shape=[30, 1], against=[30]) == changed
    changed = [f"-{before}", "+loss = criterion(model(x), y.squeeze(-1))"]
    assert edited(before, code, "loss", shape=[30], against=[30, 1]) == changed
    assert edited(before, code, "loss", shape=[30, 1], against=[1, 30]) is None
    assert edited(before, code, "loss", shape=[30, 1], against=None) is None
    assert edited("loss = model.step(x, y)", code, "loss", shape=[30, 1], against=[30]) is None
    assert edited("loss = a_loss(x, y) + b_loss(x, z)", code, "loss", shape=[30, 1], against=[30]) is None


def test_a_target_is_detached():
    before = "loss = F.mse_loss(q(s), r + g * target(s))"
    changed = [f"-{before}", "+loss = F.mse_loss(q(s), (r + g * target(s)).detach())"]
    assert edited(before, "detach-target", "loss") == changed
    assert edited(changed[1][1:], "detach-target", "loss") is None


ACCUMULATED = """
    for i, (x, y) in enumerate(loader):
        loss = f(net(x), y)
        loss.backward()
        if (i + 1) % steps == 0 or i == last:
            opt.step()
            opt.zero_grad()
"""


def test_accumulated_losses_are_divided():
    source = f"    steps = 4\n{ACCUMULATED}"
    changed = ["-    loss.backward()", "+    (loss / steps).backward()"]
    assert edited(source, "accumulation-unscaled", "backward") == changed
    assert edited(ACCUMULATED, "accumulation-unscaled", "backward") is None
    changed = ["-    loss.backward()", "+    (loss / 4).backward()"]
    assert edited(ACCUMULATED.replace("% steps", "% 4"), "accumulation-unscaled", "backward") == changed
    scaled = source.replace("loss.backward()", "scaler.scale(loss).backward()")
    changed = ["-    scaler.scale(loss).backward()", "+    scaler.scale(loss / steps).backward()"]
    assert edited(scaled, "accumulation-unscaled", "backward") == changed
    handed = source.replace("loss.backward()", "accelerator.backward(loss + penalty)")
    changed = [
        "-    accelerator.backward(loss + penalty)",
        "+    accelerator.backward((loss + penalty) / steps)",
    ]
    assert edited(handed, "accumulation-unscaled", "backward") == changed
    assert edited(source.replace("% steps", "> 3"), "accumulation-unscaled", "backward") is None


KEPT = """
    total = 0.0
    for x, y in loader:
        loss = f(net(x), y)
        loss.backward()
        total += loss * len(x)
    print(total / n)
"""


def test_a_kept_loss_becomes_a_number():
    changed = ["-    total += loss * len(x)", "+    total += loss.item() * len(x)"]
    assert edited(KEPT, "graph-kept", "backward") == changed
    tensor = KEPT.replace("total / n", "total.item()")
    assert edited(tensor, "graph-kept", "backward") == [
        "-    total += loss * len(x)",
        "+    total += loss.detach() * len(x)",
    ]
    listed = KEPT.replace("total += loss * len(x)", "losses.append(loss)")
    assert edited(listed, "graph-kept", "backward") == [
        "-    losses.append(loss)",
        "+    losses.append(loss.item())",
    ]
    stacked = listed.replace("total / n", "torch.stack(losses)")
    assert edited(stacked, "graph-kept", "backward") == [
        "-    losses.append(loss)",
        "+    losses.append(loss.detach())",
    ]
    both = KEPT.replace("    total +=", "    losses.append(loss)\n        total +=")
    assert edited(both, "graph-kept", "backward") is None


def test_the_sign_of_a_loss_is_turned():
    before, after = "loss = -F.mse_loss(a, b)", "loss = F.mse_loss(a, b)"
    assert edited(before, "loss-sign-flipped", "loss") == [f"-{before}", f"+{after}"]
    rising = "loss = flow.log_prob(x).mean()\nloss.backward()\n"
    changed = ["-loss = flow.log_prob(x).mean()", "+loss = -flow.log_prob(x).mean()"]
    assert edited(rising, "loss-sign-flipped", "backward") == changed
    assert edited(rising.replace(".mean()", " - 1"), "loss-sign-flipped", "backward") is None
    assert edited("f(x).backward()", "loss-sign-flipped", "backward") is None
