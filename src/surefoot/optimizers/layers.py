"""Which layer a parameter belongs to, for rates that fall from the output to the input."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

from surefoot.errors import SettingError
from surefoot.optimizers.parameters import NamedParameter


def layer_factors(
    parameters: Sequence[NamedParameter], decay: float, layers: Sequence[str] | None = None
) -> dict[str, float]:
    """Factor of each parameter's learning rate: decay ** (layers between it and the output).

    Args:
        parameters: In order of registration.
        decay: Factor per layer, in (0, 1].
        layers: Patterns from input to output that name the layers; by default they are read off the names.

    Returns:
        Parameter name -> factor in (0, 1]; 1 in the last layer.

    Raises:
        SettingError: `decay` out of range, or a pattern that fits nothing, or a parameter in none or several.

    Source: Howard, Ruder 2018, arXiv:1801.06146, section 3.2 ("discriminative fine-tuning", 1 / 2.6 per
        layer); Bao et al. 2021, arXiv:2106.08254 (0.65 to 0.85 per block).
    """
    if not 0 < decay <= 1:
        raise SettingError(f"layer_decay is {decay!r}: give a number above 0 and at most 1.")
    place = _named_places(parameters, layers) if layers is not None else _read_places(parameters)
    last = max(place.values())
    return {name: decay ** (last - at) for name, at in place.items()}


def block_names(names: Sequence[str]) -> list[str]:
    """Layer of each parameter name, read off the names.

    A numbered block is a layer ("encoder.layer.3"). Beside numbered blocks, a layer is the shortest prefix
    that contains none ("embeddings", "classifier"). Without numbers it is the first part in which the names
    differ.

    Example:
        >>> block_names(["bert.embeddings.word.weight", "bert.encoder.0.fc.weight", "bert.pooler.fc.bias"])
        ['bert.embeddings', 'bert.encoder.0', 'bert.pooler']
        >>> block_names(["net.fc1.weight", "net.fc1.bias", "net.fc2.weight"])
        ['net.fc1', 'net.fc1', 'net.fc2']
    """
    owners = [name.split(".")[:-1] for name in names]
    containers = set()
    for owner in owners:
        number = _first_number(owner)
        if number is not None:
            containers.add(tuple(owner[:number]))
    shared = _shared_depth(owners)
    return [".".join(_block(owner, containers, shared)) for owner in owners]


def _block(owner: list[str], containers: set[tuple[str, ...]], shared: int) -> list[str]:
    number = _first_number(owner)
    if number is not None:
        return owner[: number + 1]
    for depth in range(shared + 1, len(owner) + 1):
        head = tuple(owner[:depth])
        if all(container[:depth] != head for container in containers):
            return owner[:depth]
    return owner


def _first_number(owner: list[str]) -> int | None:
    return next((at for at, part in enumerate(owner) if part.isdigit()), None)


def _shared_depth(owners: list[list[str]]) -> int:
    depth = 0
    while all(len(owner) > depth + 1 for owner in owners) and len({owner[depth] for owner in owners}) == 1:
        depth += 1
    return depth


def _read_places(parameters: Sequence[NamedParameter]) -> dict[str, int]:
    names = [parameter.name for parameter in parameters]
    blocks = block_names(names)
    order = {block: at for at, block in enumerate(dict.fromkeys(blocks))}
    return {name: order[block] for name, block in zip(names, blocks, strict=True)}


def _named_places(parameters: Sequence[NamedParameter], layers: Sequence[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    used: set[int] = set()
    for parameter in parameters:
        fits = [
            at
            for at, pattern in enumerate(layers)
            if any(fnmatch.fnmatchcase(name, pattern) for name in parameter.names)
        ]
        if len(fits) != 1:
            found = "no layer" if not fits else "the layers " + " and ".join(repr(layers[at]) for at in fits)
            raise SettingError(
                f"The parameter {parameter.name!r} belongs to {found}: "
                "write layers so that each parameter is in one."
            )
        places[parameter.name] = fits[0]
        used.add(fits[0])
    unused = [repr(layers[at]) for at in range(len(layers)) if at not in used]
    if unused:
        raise SettingError(
            f"The layer pattern {unused[0]} fits no trainable parameter: correct or remove it."
        )
    return places
