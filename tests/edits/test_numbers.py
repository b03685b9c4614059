"""Rates and weight decays, wherever a script writes them down."""

import pytest

pytest.importorskip("libcst", reason="edits need LibCST: pip install 'surefoot[edits]'")

from edits.editing import edited

MADE = "opt = torch.optim.SGD(net.parameters(), {})"


@pytest.mark.parametrize(
    ("before", "given", "changed"),
    [
        ("", "lr=0.1", ("lr=0.1", "lr=0.01")),
        ("", "1e-1, 0.9", ("1e-1", "1e-2")),
        ("", "momentum=0.9, lr = 5", ("lr = 5", "lr = 0.01")),
        ("RATE = 3e-1  # too high?", "lr=RATE", ("3e-1", "1e-2")),
        ("LR: float = 0.1", "lr=LR", ("0.1", "0.01")),
        ("net, lr = Net(), 0.1", "lr=lr", ("0.1", "0.01")),
        ("cfg = {'epochs': 3, 'lr': 0.1}", "lr=cfg['lr']", ("0.1", "0.01")),
        ("cfg = dict(lr=0.1)", 'lr=cfg["lr"]', ("0.1", "0.01")),
    ],
)
def test_a_rate_changes_where_it_is_written(before, given, changed):
    made = MADE.format(given)
    line = before or made
    expected = [f"-{line}", f"+{line.replace(*changed)}"]
    assert edited(f"{before}\n{made}\n", "lr-too-high", "opt =", value=0.01) == expected


ARGPARSE = """
    parser = argparse.ArgumentParser()
    parser.add_argument("-r", "--learning-rate", type=float, default=1.0, help="rate")
    args = parser.parse_args()

    def main(options):
        opt = torch.optim.AdamW(net.parameters(), lr=options.learning_rate)

    main(args)
"""
SETTINGS = """
    @dataclass
    class Settings:
        epochs: int = 3
        lr: float = 0.5

    settings = Settings(epochs=4)
    opt = torch.optim.Adam(net.parameters(), lr=settings.lr)
"""
DEFAULT = """
    def fit(net, lr=0.5):
        opt = torch.optim.Adam(net.parameters(), lr=lr)

    fit(Net())
"""


def test_a_rate_behind_options_settings_and_defaults():
    row = 'parser.add_argument("-r", "--learning-rate", type=float, default={}, help="rate")'
    expected = [f"-{row.format('1.0')}", f"+{row.format('0.1')}"]
    assert edited(ARGPARSE, "lr-too-high", "opt =", factor=0.1) == expected
    assert edited(SETTINGS, "lr-too-high", "opt =", factor=0.1) == [
        "-    lr: float = 0.5",
        "+    lr: float = 0.05",
    ]
    assert edited(DEFAULT, "rate", "opt =", factor=0.1) == [
        "-def fit(net, lr=0.5):",
        "+def fit(net, lr=0.05):",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "lr = 0.1\nlr = lr * 2\nopt = torch.optim.SGD(p, lr=lr)\n",
        "from settings import lr\nopt = torch.optim.SGD(p, lr=lr)\n",
        "opt = torch.optim.SGD(p, lr=0.1 * size)\n",
        "opt = torch.optim.SGD(p, **settings)\n",
        "opt = torch.optim.SGD(p, lr=0.1)\ns = torch.optim.lr_scheduler.OneCycleLR(opt, 0.1)\n",
        "lr = 0.1\nopt = torch.optim.SGD(p, lr=lr)\nother = torch.optim.SGD(q, lr=lr)\n",
        "def f(p, lr=0.1):\n    opt = torch.optim.SGD(p, lr=lr)\nf(p)\nf(p, 0.2)\n",
        "for lr in (0.1, 0.2):\n    opt = torch.optim.SGD(p, lr=lr)\n",
        "lr = 0.1\ndef f(p):\n    lr = g()\n    opt = torch.optim.SGD(p, lr=lr)\n",
        "opt = make(p, lr=0.1)\n",
    ],
)
def test_no_guess(source):
    assert edited(source, "lr-too-high", "opt =", value=0.01) is None


def test_no_rate_is_made_up():
    assert edited(MADE.format("lr=0.1"), "lr-too-high", "opt =") is None
    assert edited(MADE.format("lr=0.1"), "lr-too-high", "opt =", value=0.1) is None


def test_a_rate_or_decay_that_is_not_there_is_put_in():
    made = "opt = torch.optim.Adam(net.parameters())"
    assert edited(made, "rate", None, value=3e-4) == [f"-{made}", f"+{made[:-1]}, lr=0.0003)"]
    made = "opt = torch.optim.Adam(\n    net.parameters(),\n    lr=1,\n)\n"
    assert edited(made, "weight-decay", "opt", value=0.01) == ["-    lr=1,", "+    lr=1, weight_decay=0.01,"]
    made = MADE.format("lr=1, weight_decay=5e-1")
    expected = [f"-{made}", f"+{made.replace('5e-1', '5e-4')}"]
    assert edited(made, "weight-decay-too-strong", "opt", factor=1e-3) == expected


LOADERS = """
    train = DataLoader(data, batch_size=4)
    test = DataLoader(held, 4, False)
    epochs = range(3)
    def run(loader):
        for x in tqdm(enumerate(loader)):
            pass
    run(train)
"""


def test_a_loader_is_shuffled():
    expected = [
        "-train = DataLoader(data, batch_size=4)",
        "+train = DataLoader(data, batch_size=4, shuffle=True)",
    ]
    assert edited(LOADERS, "unshuffled-data", "train =") == expected
    assert edited(LOADERS, "unshuffled-data", "for x") == expected
    expected = ["-test = DataLoader(held, 4, False)", "+test = DataLoader(held, 4, True)"]
    assert edited(LOADERS, "shuffle", "test =") == expected
    assert edited(LOADERS.replace("size=4", "size=4, sampler=s"), "shuffle", "train =") is None
    assert edited(LOADERS + "    run(test)\n", "unshuffled-data", "for x") is None
