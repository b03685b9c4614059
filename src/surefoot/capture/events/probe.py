"""What can be heard of a training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor, nn

from surefoot.facts import Fact

if TYPE_CHECKING:
    from surefoot.capture.events.records import Backward, Step
    from surefoot.capture.loop import Loop
    from surefoot.capture.model import Model


class Probe:
    """Hears the events that it overrides; nothing else is called.

    A probe asks no other probe: what it needs is in the event, or it heard it before. Its public methods are the
    events and `facts`; any other name is refused when the class is made, as nobody would ever call it.

    Ordinary steps (`cruise.py`) come in numbers, as `steps_cruised`: only those with something to be seen (inspected,
    sampled, odd, or the first ones) are told one by one.

    Attributes:
        name: What its faults are noted under.
    """

    name: ClassVar[str] = "probe"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        unknown = [word for word in vars(cls) if not word.startswith("_") and not hasattr(Probe, word)]
        if unknown:
            raise TypeError(f"{cls.__name__}.{unknown[0]} is no event: nothing would call it")

    def backward_begins(self, backward: Backward) -> None:
        """A backward is about to run."""

    def graph_retained(self, backward: Backward) -> None:
        """The backward that begins is to keep its graph."""

    def graph_inspected(self, backward: Backward) -> None:
        """The same at an inspected step, its graph read: what it found is on the record."""

    def gradients_inspected(self, backward: Backward) -> None:
        """The same backward has ended: its gradients are there."""

    def gradients_left_over(self, loop: Loop) -> None:
        """The backward of an inspected step is about to add to gradients that a step has used."""

    def gradients_ready(self, step: Step) -> None:
        """The gradients that a step follows are there; of descent by hand, those so far."""

    def step_begins(self, step: Step) -> None:
        """A step is about to be taken; the interval before it is judged."""

    def step_ends(self, step: Step) -> None:
        """A step has been taken, and its row is on its way."""

    def steps_cruised(self, loop: Loop, micro_steps: Mapping[int, int]) -> None:
        """So many ordinary steps have been taken, of which nothing else was told.

        Their gradients were cleared before their backward and there when the step began, and nothing was sampled.

        Args:
            loop: Whose they were.
            micro_steps: How many steps followed one backward, two …
        """

    def changed_norm_arrived(self, loop: Loop, norm: float, skipped: bool) -> None:
        """The norm of gradients that were changed in place before their step; `skipped`: it was not taken."""

    def batch_entered(self, phase: str, batch: Tensor, module: nn.Module, step: int, inspected: bool) -> None:
        """A batch enters an outermost module, in phase "train" or "validation"."""

    def layer_called(self, batch: Tensor, given: Tensor, model: str) -> None:
        """A layer inside a model in training is given something else than the batch that entered the model."""

    def sequence_read(self, batch: Tensor, given: Tensor, module: nn.Module) -> None:
        """A layer of a model in training takes the first dimension of what it is given for the time."""

    def untrained_called(self, module: nn.Module, model: Model) -> None:
        """An outermost module that is not trained is called."""

    def tokens_read(self, given: Tensor, module: nn.Embedding) -> None:
        """An embedding of a model in training is given tokens."""

    def clip_called(self, function: str, parameters: Any, limit: Any, result: Any) -> None:
        """The script clipped gradients by one of PyTorch's functions."""

    def scheduler_stepped(self, scheduler: Any, given: Any) -> None:
        """The script is about to step a learning-rate scheduler, and gives it this: an epoch, a number to watch."""

    def loader_iterated(self, loader: Any) -> None:
        """A data loader's iterator is about to be made."""

    def batch_given(self, seconds: float) -> None:
        """A data loader gave a batch, so many seconds after it was asked for it."""

    def scaler_scaled(self, scaler: Any) -> None:
        """A GradScaler multiplied a loss."""

    def scaler_updated(self, scaler: Any) -> None:
        """A GradScaler's update has run."""

    def tensor_hooked(self, tensor: Tensor) -> None:
        """The script registers a hook on a tensor that is no leaf."""

    def compiled(self) -> None:
        """The script asks for a module or a function to be compiled."""

    def facts(self) -> Iterable[Fact]:
        """What it can tell so far."""
        return ()


EVENTS = tuple(word for word in vars(Probe) if not word.startswith("_") and word not in ("name", "facts"))
