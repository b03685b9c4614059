"""Where examples come from: scikit-learn's sets, docstrings of Python, and made ones; nothing is downloaded.

Each text makes x_train, y_train, x_test and y_test; `scaling` is apart, so that it can be forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Data:
    """Examples as a script makes them.

    Args:
        kind: What the targets are.
        text: Lines that make the four tensors, not scaled.
        scaling: Lines that scale inputs.
        target_scaling: Lines that scale targets; empty where they need none.
        inputs: Size of an input, or the number of tokens.
        outputs: Size of an output.
        examples: How many there are to train on.
    """

    kind: str
    text: str
    scaling: str
    inputs: int
    outputs: int
    examples: int
    target_scaling: str = ""


STANDARDIZED = """\
mean, deviation = x_train.mean(0), x_train.std(0) + 1e-6
x_train, x_test = (x_train - mean) / deviation, (x_test - mean) / deviation"""
TARGETS_STANDARDIZED = """\
y_mean, y_deviation = y_train.mean(), y_train.std()
y_train, y_test = (y_train - y_mean) / y_deviation, (y_test - y_mean) / y_deviation"""


def _table(loaded: str, count: int, train: int, dtype: str) -> str:
    """A set of scikit-learn, shuffled and split."""
    return f"""\
features, labels = {loaded}
mixed = np.random.default_rng(0).permutation({count})
features, labels = torch.tensor(features[mixed]).float(), torch.tensor(labels[mixed]).{dtype}()
x_train, y_train = features[:{train}], labels[:{train}]
x_test, y_test = features[{train}:], labels[{train}:]"""


def _split(train: int) -> str:
    return f"""\
x_train, y_train = features[:{train}], labels[:{train}]
x_test, y_test = features[{train}:], labels[{train}:]"""


DIGITS = Data(
    "classes",
    "from sklearn.datasets import load_digits\n" + _table("load_digits(return_X_y=True)", 1797, 1400, "long"),
    "x_train, x_test = x_train / 16, x_test / 16",
    64,
    10,
    1400,
)
WINE = Data(
    "classes",
    "from sklearn.datasets import load_wine\n" + _table("load_wine(return_X_y=True)", 178, 128, "long"),
    STANDARDIZED,
    13,
    3,
    128,
)
CANCER = Data(
    "binary",
    "from sklearn.datasets import load_breast_cancer\n"
    + _table("load_breast_cancer(return_X_y=True)", 569, 420, "float"),
    STANDARDIZED,
    30,
    1,
    420,
)
DIABETES = Data(
    "number",
    "from sklearn.datasets import load_diabetes\n"
    + _table("load_diabetes(return_X_y=True, scaled=False)", 442, 340, "float"),
    STANDARDIZED,
    10,
    1,
    340,
    TARGETS_STANDARDIZED,
)
FRIEDMAN = Data(
    "number",
    "from sklearn.datasets import make_friedman2\n"
    + _table("make_friedman2(n_samples=1200, noise=20.0, random_state=3)", 1200, 900, "float"),
    STANDARDIZED,
    4,
    1,
    900,
    TARGETS_STANDARDIZED,
)
MOONS = Data(
    "binary",
    "from sklearn.datasets import make_moons\n"
    + _table("make_moons(n_samples=1000, noise=0.15, random_state=1)", 1000, 750, "float"),
    STANDARDIZED,
    2,
    1,
    750,
)
SHAPES = Data(
    "classes",
    """\
rng = np.random.default_rng(5)
rows, columns = np.mgrid[0:12, 0:12]
pictures, labels = [], []
for number in range(900):
    row, column, size = rng.integers(3, 9), rng.integers(3, 9), rng.integers(2, 4)
    away, across = abs(rows - row), abs(columns - column)
    shape = [np.maximum(away, across) <= size, away + across <= size, np.minimum(away, across) < 1][number % 3]
    pictures.append(255 * np.clip(0.7 * shape + rng.normal(0.15, 0.1, (12, 12)), 0, 1))
    labels.append(number % 3)
features, labels = torch.tensor(np.array(pictures)).float().unsqueeze(1), torch.tensor(labels)
"""
    + _split(700),
    "x_train, x_test = x_train / 255, x_test / 255",
    12,
    3,
    700,
)
WAVES = Data(
    "number",
    """\
rng = np.random.default_rng(2)
ticks = np.arange(1024)
level = 300 + 40 * np.sin(ticks / 5) + 25 * np.sin(ticks / 3.1) + rng.normal(0, 2, 1024)
windows = np.stack([level[start : start + 25] for start in range(999)])[rng.permutation(999)]
features, labels = torch.tensor(windows[:, :24]).float().unsqueeze(-1), torch.tensor(windows[:, 24]).float()
"""
    + _split(800),
    "mean, deviation = x_train.mean(), x_train.std()\n"
    "x_train, x_test = (x_train - mean) / deviation, (x_test - mean) / deviation",
    1,
    1,
    800,
    TARGETS_STANDARDIZED,
)
PULSES = Data(
    "classes",
    """\
rng = np.random.default_rng(4)
labels = rng.integers(0, 3, 900)
ticks = np.arange(20)
rates = np.array([0.35, 0.7, 1.2])[labels][:, None] * ticks
series = 50 * np.sin(rates + rng.uniform(0, 6, (900, 1))) + rng.normal(100, 8, (900, 20))
features, labels = torch.tensor(series).float().unsqueeze(-1), torch.tensor(labels)
"""
    + _split(700),
    "mean, deviation = x_train.mean(), x_train.std()\n"
    "x_train, x_test = (x_train - mean) / deviation, (x_test - mean) / deviation",
    1,
    3,
    700,
)
LETTERS = Data(
    "tokens",
    """\
import argparse, collections, datetime, inspect, json, logging, pathlib, re, string, textwrap
modules = (argparse, collections, datetime, inspect, json, logging, pathlib, re, string, textwrap)
pages = {getattr(module, name).__doc__ for module in modules for name in vars(module)}
text = " ".join(sorted(" ".join(page.split()).lower() for page in pages if isinstance(page, str)))
alphabet = " abcdefghijklmnopqrstuvwxyz.,()'"
ids = torch.tensor([alphabet.find(letter) for letter in text if letter in alphabet])[:33000]
pieces = ids[: len(ids) // 25 * 25].view(-1, 25)[torch.randperm(len(ids) // 25)]
features, labels = pieces[:, :-1], pieces[:, 1:]
"""
    + _split(1100),
    "",
    32,
    32,
    1100,
)
COUNTING = Data(
    "classes",
    """\
rng = np.random.default_rng(8)
words = rng.integers(1, 24, (1000, 14))
lengths = rng.integers(7, 15, 1000)
words[np.arange(14) >= lengths[:, None]] = 0
low, high = ((words > 0) & (words < 12)).sum(1), (words >= 12).sum(1)
features, labels = torch.tensor(words), torch.tensor((low > high).astype(int))
"""
    + _split(800),
    "",
    24,
    2,
    800,
)
GRAPHS = Data(
    "classes",
    """\
rng = np.random.default_rng(9)
labels = rng.integers(0, 2, 900)
sides = np.arange(12) % 2
together = sides[:, None] == sides
likely = np.where(labels[:, None, None] == 1, np.where(together, 0.55, 0.1), 0.33)
edges = np.triu(rng.random((900, 12, 12)) < likely, 1)
features, labels = torch.tensor(edges | edges.transpose(0, 2, 1)).float(), torch.tensor(labels)
"""
    + _split(700),
    "",
    12,
    2,
    700,
)
NONE = Data("", "", "", 0, 0, 0)  # made while it trains
SENTENCES = Data(
    "padded",
    """\
import argparse, collections, datetime, decimal, inspect, json, logging, pathlib, re, string, textwrap, threading
modules = (argparse, collections, datetime, decimal, inspect, json, logging, pathlib, re, string, textwrap, threading)
pages = {getattr(module, name).__doc__ for module in modules for name in vars(module)}
text = ". ".join(sorted(" ".join(page.split()).lower() for page in pages if isinstance(page, str)))
alphabet = "_ abcdefghijklmnopqrstuvwxyz,()'"
sentences = [[alphabet.find(letter) for letter in sentence[:25] if letter in alphabet] for sentence in text.split(". ")]
sentences = [sentence for sentence in sentences if len(sentence) > 7][:1100]
rows = torch.zeros(len(sentences), 25, dtype=torch.long)
for row, sentence in zip(rows, sentences):
    row[: len(sentence)] = torch.tensor(sentence)
rows = rows[torch.randperm(len(rows))]
features, labels = rows[:, :-1], rows[:, 1:]
"""
    + _split(900),
    "",
    32,
    32,
    900,
)
CIRCLES = Data(
    "binary",
    "from sklearn.datasets import make_circles\n"
    + _table("make_circles(n_samples=1000, noise=0.08, factor=0.5, random_state=2)", 1000, 750, "float"),
    STANDARDIZED,
    2,
    1,
    750,
)
