"""Who gets which settings: patterns, decay, layers, errors."""

import io

import pytest
import torch
from torch import nn

from surefoot.errors import SettingError
from surefoot.optimizers import describe, description, optimizer
from surefoot.optimizers.layers import block_names


def transformer():
    """Names as in a small encoder with a head."""
    block = lambda: nn.ModuleDict({"attention": nn.Linear(4, 4), "norm": nn.LayerNorm(4)})  # noqa: E731
    return nn.ModuleDict(
        {
            "embeddings": nn.Embedding(10, 4),
            "encoder": nn.ModuleDict({"layer": nn.ModuleList([block() for _ in range(3)])}),
            "head": nn.Linear(4, 2),
        }
    )


def setting(made, name, key):
    found = [g[key] for g in made.param_groups if name in g["param_names"]]
    assert len(found) == 1
    return found[0]


def test_decay_spares_biases_and_norms():
    made = optimizer("adamw", transformer())
    assert setting(made, "encoder.layer.1.attention.weight", "weight_decay") == 0.01
    assert setting(made, "embeddings.weight", "weight_decay") == 0.01
    for spared in (
        "encoder.layer.1.attention.bias",
        "encoder.layer.1.norm.weight",
        "encoder.layer.1.norm.bias",
    ):
        assert setting(made, spared, "weight_decay") == 0.0
    assert len(optimizer("adamw", transformer(), decay_all=True).param_groups) == 1
    assert len(optimizer("adam", transformer()).param_groups) == 1


def test_two_dimensional_biases_and_norms_are_spared_too():
    class ColumnNorm(nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.ones(3, 1))
            self.bias_table = nn.Parameter(torch.zeros(3, 3))

    model = nn.ModuleDict({"norm": ColumnNorm(), "fc": nn.Linear(3, 3)})
    made = optimizer("sgd", model)
    assert setting(made, "norm.gain", "weight_decay") == 0.0
    assert setting(made, "norm.bias_table", "weight_decay") == 0.0
    assert setting(made, "fc.weight", "weight_decay") == 1e-4


def test_every_trainable_parameter_is_in_one_group():
    model = transformer()
    model["embeddings"].requires_grad_(False)
    made = optimizer("adamw", model, groups={"head.*": {"lr": 1e-2}}, layer_decay=0.5)
    names = [name for group in made.param_groups for name in group["param_names"]]
    assert sorted(names) == sorted(n for n, p in model.named_parameters() if p.requires_grad)
    for group in made.param_groups:
        for name, tensor in zip(group["param_names"], group["params"], strict=True):
            assert tensor is model.get_parameter(name)


def test_patterns_set_rates_and_keep_the_rest():
    made = optimizer("adamw", transformer(), lr=1e-3, groups={"encoder.*": {"lr": 1e-5, "betas": (0.5, 0.9)}})
    assert setting(made, "encoder.layer.0.attention.weight", "lr") == 1e-5
    assert setting(made, "encoder.layer.0.attention.weight", "betas") == (0.5, 0.9)
    assert setting(made, "encoder.layer.0.norm.bias", "weight_decay") == 0.0
    assert setting(made, "head.weight", "lr") == 1e-3
    assert setting(made, "head.weight", "betas") == (0.9, 0.999)


def test_a_pattern_of_biases_alone_may_give_them_decay():
    model = transformer()
    made = optimizer(
        "adamw", model, groups={"*.bias": {"weight_decay": 0.3}, "head.weight": {"weight_decay": 0.2}}
    )
    assert setting(made, "head.bias", "weight_decay") == 0.3
    assert setting(made, "head.weight", "weight_decay") == 0.2
    made = optimizer("adamw", model, groups={"head.*": {"weight_decay": 0.3}})
    assert setting(made, "head.bias", "weight_decay") == 0.0
    assert setting(made, "head.weight", "weight_decay") == 0.3
    made = optimizer("gd", model, groups={"head.*": {"weight_decay": 0.3}})
    assert setting(made, "head.bias", "weight_decay") == 0.0


def test_layer_wise_decay_falls_towards_the_input():
    made = optimizer("adamw", transformer(), lr=1.0, layer_decay=0.5, groups={"embeddings.*": {"lr": 7.0}})
    rates = [setting(made, f"encoder.layer.{i}.attention.weight", "lr") for i in range(3)]
    assert rates == [0.125, 0.25, 0.5]
    assert setting(made, "head.weight", "lr") == 1.0
    assert setting(made, "embeddings.weight", "lr") == 7.0, "a rate given by pattern stands"
    default = optimizer("torch.optim.Adagrad", transformer(), layer_decay=0.5)
    assert setting(default, "encoder.layer.2.norm.weight", "lr") == 0.005


def test_layers_may_be_named():
    layers = ["encoder.*", "embeddings.*", "head.*"]
    made = optimizer("adamw", transformer(), lr=1.0, layer_decay=0.1, layers=layers)
    assert setting(made, "encoder.layer.2.norm.weight", "lr") == pytest.approx(0.01)
    assert setting(made, "embeddings.weight", "lr") == pytest.approx(0.1)


def test_blocks_are_read_off_the_names():
    resnet = [
        "conv1.weight",
        "bn1.weight",
        "layer1.0.conv1.weight",
        "layer1.1.bn.bias",
        "layer2.0.x.w",
        "fc.bias",
    ]
    assert block_names(resnet) == ["conv1", "bn1", "layer1.0", "layer1.1", "layer2.0", "fc"]
    assert block_names(["0.weight", "0.bias", "2.weight"]) == ["0", "0", "2"]
    assert block_names(["weight", "bias"]) == ["", ""]


def test_shared_parameters_come_once_and_by_either_name():
    model = nn.ModuleDict({"embed": nn.Embedding(5, 3), "body": nn.Linear(3, 3), "head": nn.Linear(3, 5)})
    model["head"].weight = model["embed"].weight
    made = optimizer("adamw", model, groups={"head.weight": {"lr": 0.5}})
    assert setting(made, "embed.weight", "lr") == 0.5
    with pytest.raises(SettingError, match=r"'embed\.weight' fits both"):
        optimizer("adamw", model, groups={"head.weight": {"lr": 0.5}, "embed.*": {"lr": 0.1}})


def test_muon_takes_hidden_matrices_only():
    model = nn.Sequential(
        nn.Embedding(9, 4), nn.Linear(4, 4), nn.LayerNorm(4), nn.Conv1d(4, 4, 3), nn.Linear(4, 9, bias=False)
    )
    made = optimizer("muon", model, lr=0.5)
    muon = [n for g in made.param_groups if g["algorithm"] == "muon" for n in g["param_names"]]
    assert muon == ["1.weight", "3.weight"]
    assert setting(made, "1.weight", "lr") == 0.5
    assert setting(made, "4.weight", "lr") == 3e-4
    assert setting(made, "1.bias", "weight_decay") == 0.0
    with pytest.raises(SettingError, match="muon needs matrices"):
        optimizer("muon", model, groups={"1.bias": {"algorithm": "muon"}})


def test_tensors_and_pairs_work_without_a_module():
    tensors = [torch.zeros(2, 2, requires_grad=True), torch.zeros(2, requires_grad=True)]
    assert optimizer("gd", iter(tensors)).param_groups[0]["params"] == tensors
    made = optimizer("gd", {"w": tensors[0], "b": tensors[1]}.items(), groups={"b": {"lr": 1.0}})
    assert setting(made, "b", "lr") == 1.0


def test_classes_by_dotted_name():
    model = nn.Linear(2, 2)
    assert type(optimizer("torch.optim.NAdam", model, lr=0.1, betas=(0.5, 0.9))) is torch.optim.NAdam
    package = pytest.importorskip("pytorch_optimizer")
    made = optimizer("pytorch_optimizer.Lion", model, lr=0.1, weight_decay=0.1)
    assert type(made) is package.Lion
    assert setting(made, "bias", "weight_decay") == 0.0
    with pytest.raises(SettingError, match=r"no setting 'weight_decai'.*'weight_decay'"):
        optimizer("pytorch_optimizer.Lion", model, weight_decai=0.1)


FROZEN = nn.Sequential(nn.Linear(2, 2).requires_grad_(False), nn.Linear(2, 2))
ERRORS = {
    "unknown name": (("adamx", nn.Linear(1, 1)), {}, r"no optimizer named 'adamx'.*did you mean 'adamw?'"),
    "unknown class": (("torch.optim.Adagrat", nn.Linear(1, 1)), {}, r"did you mean 'torch\.optim\.Adagrad'"),
    "unknown package": (("nowhere_at_all.Lion", nn.Linear(1, 1)), {}, r"install 'nowhere_at_all'"),
    "not an optimizer": (("torch.nn.Linear", nn.Linear(1, 1)), {}, "not a subclass"),
    "unknown option": (("adam", nn.Linear(1, 1)), {"beta": 1}, r"no setting 'beta': did you mean 'betas'"),
    "unknown group option": (
        ("adam", nn.Linear(1, 1)),
        {"groups": {"*": {"learning_rate": 1}}},
        r"no setting 'learning_rate' for the group '\*'",
    ),
    "pattern without match": (
        ("adam", transformer()),
        {"groups": {"encoder.layers.*": {"lr": 1}}},
        r"'encoder\.layers\.\*' fits no parameter: did you mean 'encoder\.layer\.",
    ),
    "pattern of frozen": (("adam", FROZEN), {"groups": {"0.*": {"lr": 1}}}, "fits only frozen"),
    "double match": (
        ("adam", transformer()),
        {"groups": {"head.*": {"lr": 1}, "*.bias": {"lr": 1}}},
        r"'head\.bias' fits both 'head\.\*' and '\*\.bias'|'encoder.*",
    ),
    "negative lr": (("adam", nn.Linear(1, 1), -1.0), {}, r"lr is -1\.0"),
    "nan lr": (("adam", nn.Linear(1, 1), float("nan")), {}, "lr is nan"),
    "group lr": (("adam", nn.Linear(1, 1)), {"groups": {"*": {"lr": -2}}}, r"lr of the group '\*' is -2"),
    "bad betas": (("adam", nn.Linear(1, 1)), {"betas": (2.0, 0.9)}, "refuses its settings"),
    "nothing to train": (("adam", nn.ReLU()), {}, "no parameter that requires a gradient"),
    "lazy": (("adam", nn.LazyLinear(2)), {}, "run the model once"),
    "layer decay": (("adam", nn.Linear(1, 1)), {"layer_decay": 1.5}, r"layer_decay is 1\.5"),
    "layers alone": (("adam", nn.Linear(1, 1)), {"layers": ["*"]}, "without layer_decay"),
    "layer without match": (
        ("adam", nn.Linear(1, 1)),
        {"layer_decay": 0.5, "layers": ["*", "x"]},
        "'x' fits no trainable parameter",
    ),
    "parameter in no layer": (
        ("adam", nn.Linear(1, 1)),
        {"layer_decay": 0.5, "layers": ["bias"]},
        "'weight' belongs to no layer",
    ),
    "lbfgs with groups": (
        ("lbfgs", nn.Linear(1, 1)),
        {"groups": {"bias": {"lr": 1}}},
        "refuses its settings",
    ),
    "not tensors": (("adam", [1, 2]), {}, "Item 0 of the parameters is a int"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_bad_input_is_one_clear_sentence(case):
    positional, options, message = ERRORS[case]
    with pytest.raises(SettingError, match=message) as caught:
        optimizer(*positional, **options)
    assert "\n" not in str(caught.value)


def test_describe_prints_every_group_and_what_is_left_out():
    model = transformer()
    model["embeddings"].requires_grad_(False)
    made = optimizer("adamw", model, groups={"head.*": {"lr": 1e-2}})
    out = io.StringIO()
    describe(made, model, file=out)
    text = out.getvalue()
    assert text.strip() == description(made, model)
    assert "AdamW: betas=(0.9, 0.999)" in text
    assert "encoder.layer.*.attention.weight (3)" in text
    assert "lr=0.01 weight_decay=0; 2 entries in 1 tensor\n    head.bias" in text
    assert "frozen: 40 entries in 1 tensor\n    embeddings.weight" in text
    assert sum(
        int(line.split("; ")[1].split()[0]) for line in text.splitlines() if line.startswith("group")
    ) == sum(p.numel() for p in model.parameters() if p.requires_grad)


def test_describe_takes_any_optimizer():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    made = torch.optim.SGD(model[0].parameters(), lr=0.5)
    assert "shape (2, 2)" in description(made)
    text = description(made, model)
    assert "0.weight, 0.bias" in text
    assert "not in this optimizer: 6 entries in 2 tensors" in text
