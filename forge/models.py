"""Models as people write them: a class `Net` whose forward ends in `return self.head(x)`."""

from __future__ import annotations


def perceptron(inputs: int, outputs: int, width: int, *, dropout: float = 0.0, norm: bool = False) -> str:
    """Two hidden layers."""
    parts = [
        "self.first = nn.Linear({i}, {w})",
        "self.second = nn.Linear({w}, {w})",
        "self.activation = nn.ReLU()",
    ]
    parts += ["self.norm = nn.BatchNorm1d({w})"] * norm + ["self.dropout = nn.Dropout({d})"] * bool(dropout)
    body = [
        "x = self.first(x.flatten(1))",
        *["x = self.norm(x)"] * norm,
        "x = self.activation(x)",
        *["x = self.dropout(x)"] * bool(dropout),
        "x = self.second(x)",
        "x = self.activation(x)",
    ]
    return _net([*parts, "self.head = nn.Linear({w}, {o})"], body, i=inputs, o=outputs, w=width, d=dropout)


def deep(inputs: int, outputs: int, width: int, layers: int = 10) -> str:
    """Many residual layers."""
    parts = [
        "self.first = nn.Linear({i}, {w})",
        "self.blocks = nn.ModuleList([nn.Linear({w}, {w}) for _ in range({n})])",
        "self.activation = nn.ReLU()",
        "self.head = nn.Linear({w}, {o})",
    ]
    body = [
        "x = self.first(x.flatten(1))",
        "for block in self.blocks:",
        "    x = x + 0.3 * self.activation(block(x))",
    ]
    return _net(parts, body, i=inputs, o=outputs, w=width, n=layers)


def convnet(size: int, outputs: int, width: int, *, norm: bool = False) -> str:
    """Two convolutions, each halving the picture, and a head over what is left."""
    parts = [
        "self.first = nn.Conv2d(1, {w}, 3, padding=1)",
        *["self.norm = nn.BatchNorm2d({w})"] * norm,
        "self.second = nn.Conv2d({w}, 2 * {w}, 3, padding=1)",
        "self.activation = nn.ReLU()",
        "self.pool = nn.MaxPool2d(2)",
        "self.head = nn.Linear(2 * {w} * {left} * {left}, {o})",
    ]
    body = [
        *[f"x = x.view(-1, 1, {size}, {size})"] * (size == 8),
        "x = self.first(x)",
        *["x = self.norm(x)"] * norm,
        "x = self.activation(x)",
        "x = self.pool(x)",
        "x = self.second(x)",
        "x = self.activation(x)",
        "x = self.pool(x).flatten(1)",
    ]
    return _net(parts, body, w=width, o=outputs, left=size // 4)


def recurrent(inputs: int, outputs: int, width: int, cell: str) -> str:
    """One recurrent layer, its last state read out."""
    parts = ["self.cell = nn.{c}({i}, {w}, batch_first=True)", "self.head = nn.Linear({w}, {o})"]
    return _net(parts, ["x, _ = self.cell(x)", "x = x[:, -1]"], i=inputs, o=outputs, w=width, c=cell)


def letters(tokens: int, width: int) -> str:
    """An LSTM that says the next letter at each place."""
    parts = [
        "self.embedding = nn.Embedding({t}, {w})",
        "self.cell = nn.LSTM({w}, 2 * {w}, batch_first=True)",
        "self.head = nn.Linear(2 * {w}, {t})",
    ]
    return _net(parts, ["x = self.embedding(x)", "x, _ = self.cell(x)"], t=tokens, w=width)


ATTENTION = """\
class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.wide, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x, hidden):
        y = self.before(x)
        x = x + self.attention(y, y, y, need_weights=False, **hidden)[0]
        return x + self.narrow(F.gelu(self.wide(self.between(x))))


"""


def decoder(tokens: int, width: int) -> str:
    """A causal transformer that says the next letter at each place."""
    parts = [
        "self.embedding = nn.Embedding({t}, {w})",
        "self.places = nn.Parameter(0.02 * torch.randn(24, {w}))",
        "self.blocks = nn.ModuleList([Block({w}, 2) for _ in range(2)])",
        'self.register_buffer("mask", torch.full((24, 24), float("-inf")).triu(1))',
        "self.head = nn.Linear({w}, {t})",
    ]
    body = [
        "x = self.embedding(x) + self.places",
        "for block in self.blocks:",
        '    x = block(x, {{"attn_mask": self.mask}})',
    ]
    return ATTENTION + _net(parts, body, t=tokens, w=width)


def encoder(tokens: int, outputs: int, width: int) -> str:
    """A transformer over padded words, averaged over those that are none of the padding."""
    parts = [
        "self.embedding = nn.Embedding({t}, {w}, padding_idx=0)",
        "self.block = Block({w}, 2)",
        "self.head = nn.Linear({w}, {o})",
    ]
    body = [
        "empty = x == 0",
        'x = self.block(self.embedding(x), {{"key_padding_mask": empty}})',
        "there = (~empty).unsqueeze(-1)",
        "x = (x * there).sum(1) / there.sum(1)",
    ]
    return ATTENTION + _net(parts, body, t=tokens, w=width, o=outputs)


def graph(nodes: int, outputs: int, width: int) -> str:
    """Two rounds of messages along the edges, then an average over the nodes."""
    parts = [
        "self.first = nn.Linear({i}, {w})",
        "self.second = nn.Linear({w}, {w})",
        "self.activation = nn.ReLU()",
        "self.head = nn.Linear({w}, {o})",
    ]
    body = [
        "edges = x + torch.eye({i})",
        "edges = edges / edges.sum(-1, keepdim=True)",
        "x = self.first(edges @ x)",
        "x = self.activation(x)",
        "x = self.second(edges @ x)",
        "x = self.activation(x)",
        "x = x.mean(1)",
    ]
    return _net(parts, body, i=nodes, w=width, o=outputs)


def autoencoder(inputs: int, width: int, code: int) -> str:
    """Down to a code and up again."""
    parts = [
        "self.first = nn.Linear({i}, {w})",
        "self.second = nn.Linear({w}, {c})",
        "self.third = nn.Linear({c}, {w})",
        "self.activation = nn.ReLU()",
        "self.head = nn.Linear({w}, {i})",
    ]
    body = [
        "x = self.first(x)",
        "x = self.activation(x)",
        "x = self.second(x)",
        "x = self.third(x)",
        "x = self.activation(x)",
    ]
    return _net(parts, body, i=inputs, w=width, c=code)


def variational(inputs: int, width: int, code: int) -> str:
    """An autoencoder whose code is drawn from a normal distribution."""
    parts = [
        "self.first = nn.Linear({i}, {w})",
        "self.mean, self.log_variance = nn.Linear({w}, {c}), nn.Linear({w}, {c})",
        "self.third = nn.Linear({c}, {w})",
        "self.activation = nn.ReLU()",
        "self.head = nn.Linear({w}, {i})",
    ]
    body = [
        "x = self.first(x)",
        "x = self.activation(x)",
        "mean, log_variance = self.mean(x), self.log_variance(x)",
        "x = mean + (log_variance / 2).exp() * torch.randn_like(mean)",
        "x = self.third(x)",
        "x = self.activation(x)",
        "return self.head(x), mean, log_variance",
    ]
    return _net(parts, body, i=inputs, w=width, c=code)


def towers(inputs: int, width: int, code: int) -> str:
    """Two nets, one for each half of the input, into one space."""
    parts = [
        "self.left = nn.Sequential(nn.Linear({i} // 2, {w}), nn.ReLU(), nn.Linear({w}, {c}))",
        "self.right = nn.Sequential(nn.Linear({i} // 2, {w}), nn.ReLU(), nn.Linear({w}, {c}))",
    ]
    body = [
        "left, right = x.chunk(2, dim=1)",
        "return F.normalize(self.left(left), dim=1) @ F.normalize(self.right(right), dim=1).T / 0.1",
    ]
    return _net(parts, body, i=inputs, w=width, c=code)


def _net(parts: list[str], body: list[str], **numbers: object) -> str:
    """The class: what it is made of, and its forward."""
    end = [] if body[-1].startswith("return") else ["return self.head(x)"]
    lines = ["class Net(nn.Module):", "    def __init__(self):", "        super().__init__()"]
    lines += [f"        {part}" for part in parts]
    lines += ["", "    def forward(self, x):", *(f"        {line}" for line in [*body, *end])]
    return "\n".join(lines).format(**numbers)


def two_players(width: int) -> str:
    """A generator of numbers, and its critic."""
    return f"""\
generator = nn.Sequential(nn.Linear(4, {width}), nn.ReLU(), nn.Linear({width}, 1))
critic = nn.Sequential(nn.Linear(1, {width}), nn.LeakyReLU(0.2), nn.Linear({width}, 1))"""


def policy(width: int) -> str:
    """What to do in each of six states."""
    return f"policy = nn.Sequential(nn.Linear(6, {width}), nn.Tanh(), nn.Linear({width}, 4))"
