"""The parameters of a model with what groups need to know of each: names, owner, order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from surefoot.errors import SettingError

Parameters = nn.Module | Iterable[Tensor] | Iterable[tuple[str, Tensor]]


@dataclass(frozen=True)
class NamedParameter:
    """One tensor to be trained.

    Args:
        names: Its dotted names in the model; more than one where it is shared.
        tensor: The tensor itself.
        owner: Module that holds it under its first name; None for a bare tensor.
    """

    names: tuple[str, ...]
    tensor: Tensor
    owner: nn.Module | None = None

    @property
    def name(self) -> str:
        """First of its names."""
        return self.names[0]


def trainable(model: Parameters) -> tuple[NamedParameter, ...]:
    """Parameters that require a gradient, in order of registration, shared ones once.

    Args:
        model: A module, tensors, or (name, tensor) pairs.

    Raises:
        SettingError: There is nothing to train, or a lazy parameter has no shape yet.
    """
    found = [parameter for parameter in every(model) if parameter.tensor.requires_grad]
    if not found:
        raise SettingError(
            "The model has no parameter that requires a gradient: "
            "pass a model with parameters, or unfreeze some."
        )
    for parameter in found:
        if is_lazy(parameter.tensor):
            raise SettingError(
                f"The parameter {parameter.name!r} has no shape yet: run the model once on a batch "
                "before you make the optimizer."
            )
    return tuple(found)


def every(model: Parameters) -> tuple[NamedParameter, ...]:
    """All parameters, frozen ones too; arguments as in `trainable`."""
    if isinstance(model, nn.Module):
        return _of_module(model)
    found: list[NamedParameter] = []
    for index, item in enumerate(model):
        name, tensor = item if isinstance(item, tuple) else (f"parameter {index}", item)
        if not isinstance(tensor, Tensor):
            raise SettingError(
                f"Item {index} of the parameters is a {type(tensor).__name__}: pass a module, tensors, "
                "or (name, tensor) pairs."
            )
        if all(tensor is not other.tensor for other in found):
            found.append(NamedParameter((name,), tensor))
    return tuple(found)


def _of_module(model: nn.Module) -> tuple[NamedParameter, ...]:
    names: dict[int, list[str]] = {}
    tensors: dict[int, Tensor] = {}
    for name, tensor in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(tensor), []).append(name)
        tensors[id(tensor)] = tensor
    return tuple(
        NamedParameter(tuple(names[key]), tensor, model.get_submodule(names[key][0].rpartition(".")[0]))
        for key, tensor in tensors.items()
    )


def is_bias_or_norm(parameter: NamedParameter) -> bool:
    """Whether weight decay leaves it alone: a bias, a norm's gain, any vector or scalar."""
    if parameter.tensor.ndim <= 1:
        return True
    last = parameter.name.rpartition(".")[2]
    owner = type(parameter.owner).__name__.lower() if parameter.owner is not None else ""
    return last.startswith("bias") or last.endswith("_bias") or "norm" in owner


def hidden_matrices(parameters: Iterable[NamedParameter]) -> frozenset[str]:
    """Names of the tensors that muon may take: two or more dimensions, no embedding, not the last."""
    matrices = [p for p in parameters if p.tensor.ndim >= 2 and not is_bias_or_norm(p)]
    last = matrices[-1].name if matrices else ""
    embeddings = (nn.Embedding, nn.EmbeddingBag)
    return frozenset(p.name for p in matrices if p.name != last and not isinstance(p.owner, embeddings))
