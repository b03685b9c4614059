"""The facts that tell a training's outline: how often what was called, who was made, what a gradient reaches."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from surefoot.capture.events.records import Counts
from surefoot.capture.loop import Loop
from surefoot.capture.loops import Loops
from surefoot.capture.parameters import Parameters
from surefoot.facts import Calls, Cut, Fact, OptimizerCreated, Reach, Unmeasured
from surefoot.records import ParameterInfo

_MOST_NAMES = 200
_MOST_UNREGISTERED = 50


def calls(counts: Counts, loops: Loops, first_backward: str | None, forwards: int) -> Calls:
    """How often backward and step were called, and by whom."""
    stepping = loops.stepping
    return Calls(
        backwards=counts.backwards,
        steps=counts.steps,
        optimizers_created=loops.created,
        optimizers_stepped=sum(not loop.manual for loop in stepping),
        first_backward=first_backward,
        manual=any(loop.manual for loop in stepping),
        forwards_with_grad=forwards,
    )


def optimizers(loops: Loops) -> Iterator[Fact]:
    """What of each loop is not measured, and how its optimizer was made; then the optimizers that never stepped."""
    for loop in loops.stepping:
        for reason, quantities in loop.unmeasured.items():
            yield Unmeasured(f"{loop.subject}: {reason}", quantities=quantities, reason=reason)
        if not loop.manual:
            yield _creation(loop.subject, loop, loops)
    for number, loop in enumerate(loops.waiting):
        if loop.optimizer() is not None:
            yield _creation(f"unstepped {number}", loop, loops)


def _creation(subject: str, loop: Loop, loops: Loops) -> OptimizerCreated:
    parameters, trainable = loop.counts()
    same = (o.index for o in loops.stepping if o is not loop and o.parameter_ids & loop.parameter_ids)
    return OptimizerCreated(
        subject,
        class_name=loop.name,
        place=loop.created,
        settings=loop.settings,
        parameters=parameters,
        trainable=trainable,
        same_parameters_as=next(same, None),
        created_at_step=loop.created_at_step,
        stepped=loop.steps > 0,
        recreated=loop.recreated,
    )


def reach(
    parameters: Parameters,
    loops: Loops,
    *,
    cuts: Sequence[tuple[Cut, bool]],
    leaf_root: bool,
    unregistered: Iterable[str],
    returned: Collection[int],
) -> Reach:
    """Which parameters a gradient reaches, which it does not, and where its path is cut.

    Args:
        parameters: Those that are known.
        loops: Who holds them.
        cuts: Where the path may be cut, in the order of the forward, and whether by gradients that are switched off.
        leaf_root: The loss hangs on a leaf tensor.
        unregistered: Modules that are not registered in the model.
        returned: Columns of the parameters that what a model returned depends on.
    """
    infos = parameters.infos()
    stepping = {loop.index for loop in loops.stepping}
    unreached = [i.name for i in infos if i.optimizer in stepping and i.requires_grad and not i.reached]
    unoptimized = [
        i.name
        for i in infos
        if i.optimizer is None and i.reached and i.requires_grad and i.is_parameter
        if id(parameters.tensor(i.index)) not in loops.elsewhere
    ]
    frozen = [i.name for i in infos if i.optimizer is not None and not i.requires_grad]
    return Reach(
        unreached=tuple(unreached[:_MOST_NAMES]),
        reached_unoptimized=tuple(unoptimized[:_MOST_NAMES]),
        frozen=tuple(frozen[:_MOST_NAMES]),
        cut=_cut(cuts, infos),
        leaf_root=leaf_root,
        unregistered=tuple(unregistered)[:_MOST_UNREGISTERED],
        unused=tuple(i.name for i in infos if not i.reached and i.index in returned)[:_MOST_NAMES],
    )


def _cut(cuts: Sequence[tuple[Cut, bool]], infos: Sequence[ParameterInfo]) -> Cut | None:
    """The last place before which nothing learns, in front of what does; the first, where nothing learns at all."""

    def learns(module: str) -> bool:
        return any(info.reached for info in infos if info.name.startswith(f"{module}."))

    if not any(info.reached for info in infos):
        return cuts[0][0] if cuts else None
    behind = [
        cut
        for cut, switched_off in cuts
        if (not learns(cut.before) if switched_off else learns(cut.before) and not learns(cut.after or ""))
    ]
    return behind[-1] if behind else None
