"""Another order in each epoch of a distributed training."""

from __future__ import annotations

import libcst as cst

from surefoot.edits.kinds import Place, answers
from surefoot.edits.kinds.shuffle import WRAPPERS
from surefoot.edits.names import argument, called, dotted, named, origin, visible
from surefoot.edits.script import Loop, Script, Unsure, only


@answers("set-epoch")
def set_epoch(place: Place) -> str:
    """Tell a DistributedSampler the epoch, at the begin of each."""
    script = place.script
    if any(called(call) == "set_epoch" for call in script.all(cst.Call)):
        raise Unsure
    loop, sampler = only(_epochs(script))
    if (
        not isinstance(loop, cst.For)
        or not isinstance(loop.target, cst.Name)
        or not visible(script, sampler, loop.body)
    ):
        raise Unsure
    batches = only(inner for inner in script.all(cst.For, loop.body) if script.loops(inner)[:1] == [loop])
    place.changes.before(batches, f"{sampler}.set_epoch({loop.target.value})")
    return "Tells the sampler the epoch, so that each has an order of its own."


def _epochs(script: Script) -> list[tuple[Loop, str]]:
    """(the loop over epochs, its sampler) for each loop over batches of a loader with a DistributedSampler."""
    found = []
    for inner in script.all(cst.For):
        source = inner.iter
        while isinstance(source, cst.Call) and called(source) in WRAPPERS and source.args:
            source = source.args[0].value
        made = origin(script, source)
        given = argument(made, "sampler") if made is not None and called(made) == "DataLoader" else None
        sampler = origin(script, given) if given is not None else None
        if (
            given is not None
            and sampler is not None
            and called(sampler) == "DistributedSampler"
            and script.loops(inner)
        ):
            name = named(given) if dotted(given) else f"{named(source)}.sampler"
            found.append((script.loops(inner)[0], name))
    return found
