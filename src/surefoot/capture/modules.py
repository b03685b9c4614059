"""What the modules show: outermost models, their names, train and eval mode, where the gradient's path is cut.

Module hooks slow every call a little, so they are on for looked-at steps and whenever an evaluation may
begin (gradients are switched off, a mode changes, a data loader starts anew), and off in between.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module
from torch.utils.hooks import RemovableHandle

from surefoot import facts
from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Progress
from surefoot.capture.graph.loss_graph import leaves
from surefoot.capture.losses import LossWatch
from surefoot.capture.model import Model, all_tensors, first_tensor
from surefoot.capture.modes import Modes
from surefoot.capture.parameters import Parameters
from surefoot.capture.place import Site, caller_frame, caller_frames, caller_site, text_of
from surefoot.capture.traced import traced
from surefoot.capture.unseen import readable
from surefoot.capture.written import CUTS, line_above
from surefoot.interrupts import pass_on

_LOSS = nn.modules.loss._Loss
_ALONG_TIME = (nn.RNNBase, nn.MultiheadAttention)
_MOST_CUTS = 8
_MOST_FRAMES = 8
_MOST_OUTPUTS = 20  # of outermost modules that are read: by then every part has run


class ModuleWatch:
    """Module hooks and what they tell.

    Args:
        parameters: Registry that gets names from the models.
        progress: Where the training is.
        losses: Hear of each outermost call.
        tell: Hears what enters the layers of a model in training.
        on_input: Called with (phase, batch, module) for the batch that enters an outermost module at a looked-at step.
        guard: Runs a callback and keeps its errors away from the training.
        here: Whether the thread that asks is the observed one.
    """

    def __init__(
        self,
        parameters: Parameters,
        progress: Progress,
        losses: LossWatch,
        tell: Probe,
        on_input: Callable[[str, Tensor, nn.Module], None],
        guard: Callable[[str, Callable[[], None]], None],
        here: Callable[[], bool],
    ) -> None:
        self.models: dict[int, Model] = {}
        self._progress = progress
        self._losses = losses
        self._tell = tell
        self.training_forwards = 0
        self.unregistered: dict[str, None] = {}
        # Where the path of the gradient may end, and whether by gradients that are switched off.
        self.cuts: list[tuple[facts.Cut, bool]] = []
        self.returned: set[int] = set()  # columns of the parameters that what a model returned depends on
        self._behind_outputs: set[int] = set()  # their ids, of this or an earlier model's
        self._outputs_read = 0
        self._called_from: CodeType | None = None  # the function that called the outermost module
        self._modes = Modes()
        self._parameters = parameters
        self._on_input = on_input
        self._guard = guard
        self._here = here
        self.handles: list[RemovableHandle] = []
        self._stack: list[nn.Module] = []
        self._connected: str | None = None  # last module inside the model whose output had a gradient's path
        self._training_forward = False
        self._entered = 0  # storage of what entered the outermost module
        self._batch: weakref.ref[Tensor] | None = None  # what entered it
        self._labelled: dict[int, str] = {}
        self.asleep: bool | None = None
        self.steady: dict[
            Site | None, bool
        ] = {}  # backward's place -> the models it reaches have one mode only
        self._reached: dict[Site | None, set[int]] = {}  # backward's place -> ids of modules it reaches
        self.forbidden = False  # compiled models: their hooks would be traced into the graph

    # -- on and off

    @property
    def on(self) -> bool:
        """Whether the hooks are registered."""
        return bool(self.handles)

    def open(self) -> None:
        """Start to watch module calls."""
        if self.handles or self.forbidden:
            return
        self._stack = []
        self.handles = [
            torch_module.register_module_forward_pre_hook(self._before),
            torch_module.register_module_forward_hook(self._after, always_call=True),
        ]
        self._close_if_forbidden()

    def _close_if_forbidden(self) -> None:
        """A signal handler may have closed the observation while the hooks were made."""
        if self.forbidden:
            self.close()

    def close(self) -> None:
        """Stop to watch."""
        for handle in self.handles:
            handle.remove()
        self.handles = []
        self._stack = []  # never emptied in place: a signal handler may close under a hook that reads it

    def forbid(self) -> None:
        """Watch no more, ever: a compiled model's hooks would be traced into its graph."""
        self.forbidden = True
        self.close()

    def forget(self) -> None:
        """Drop the calls under way: they may be another thread's."""
        self._stack = []

    # -- hooks

    def _before(self, module: nn.Module, inputs: Any) -> None:
        if not self._here() or isinstance(module, _LOSS) or traced():
            return
        stack = self._stack
        stack.append(module)
        if len(stack) == 1:
            self._guard("modules", lambda: self._enter(module, inputs))
            self._guard("losses", self._losses.entered)
        elif self._training_forward:
            self._guard("modules", lambda: self._enter_inner(stack[0], module, inputs))

    def _after(self, module: nn.Module, inputs: Any, output: Any) -> None:
        stack = self._stack
        if not stack or not self._here() or isinstance(module, _LOSS) or traced():
            return
        while stack and stack.pop() is not module:
            pass
        if torch.is_grad_enabled():
            if stack:
                self._guard("modules", lambda: self._leave(stack[0], module, output))
            elif self._outputs_read < _MOST_OUTPUTS:
                self._guard("modules", lambda: self._read_output(output))
        if not stack:
            self._guard("losses", lambda: self._losses.returned(module, inputs, output))

    # -- what they tell

    def introduce(self, module: nn.Module) -> None:
        """Take names from a model before its first call."""
        self.models[id(module)] = Model(module)
        self._parameters.name_from(module, set())

    def present(self) -> list[nn.Module]:
        """The outermost modules that still live."""
        return [module for model in self.models.values() if (module := model.ref()) is not None]

    def _model(self, module: nn.Module) -> Model:
        model = self.models.get(id(module))
        if model is None or model.ref() is not module:
            model = self.models[id(module)] = Model(module)
        model.calls += 1
        return model

    def _enter(self, module: nn.Module, inputs: Any) -> None:
        if not any(True for _ in module.parameters()):
            return  # a transform or metric, not a model
        model = self._model(module)
        batch = first_tensor(inputs)
        self._training_forward = torch.is_grad_enabled()
        self._entered = _storage(batch)
        self._batch = weakref.ref(batch) if batch is not None and self._training_forward else None
        # A model with something trainable that runs with gradients in train mode, or leads to a backward, is training.
        if torch.is_grad_enabled():
            self.training_forwards += 1
            self._connected = None
            frame = caller_frame()
            self._called_from = frame.f_code if frame is not None else None
            model.called.add(id(module))
        else:
            self._modes.evaluated(model, module, batch, self._progress.backward.step)
        if not model.trained and not (
            torch.is_grad_enabled() and any(p.requires_grad for p in module.parameters())
        ):
            self._tell.untrained_called(module, model)
        # What a model that nobody trains is asked without gradients (a target network, a teacher) validates nothing.
        if batch is not None and (torch.is_grad_enabled() or model.trained):
            self._on_input("train" if torch.is_grad_enabled() else "validation", batch, module)
        if batch is not None and self._training_forward and _reads_along_time(module, batch):
            self._tell.sequence_read(batch, batch, module)

    def _enter_inner(self, root: nn.Module, module: nn.Module, inputs: Any) -> None:
        model = self.models.get(id(root))
        if model is None:
            return
        model.called.add(id(module))
        name = model.names.get(id(module))
        if name is None:
            model.refresh(root)
            name = model.names.get(id(module))
        if name is None:
            self._note_unregistered(model, module)
            return
        entered = self._batch() if self._batch is not None else None
        given = first_tensor(inputs)
        if entered is not None and given is not None and given is not entered:
            self._tell.layer_called(entered, given, model.name)
        if entered is not None and given is not None and _reads_along_time(module, given):
            self._tell.sequence_read(entered, given, module)
        if given is not None and isinstance(module, nn.Embedding) and torch.is_grad_enabled():
            self._tell.tokens_read(given, module)
        if len(self.cuts) >= _MOST_CUTS:
            return
        if not torch.is_grad_enabled():
            if any(parameter.requires_grad for parameter in module.parameters()):
                self._cut_before(name, switched_off=True)
            return
        if self._connected is not None and given is not None and self._lost_its_graph(module, given):
            self._cut_before(name)

    def _cut_before(self, name: str, switched_off: bool = False) -> None:
        if any(cut.before == name for cut, _ in self.cuts):
            return
        line = line_above(caller_frames(_MOST_FRAMES), CUTS, self._called_from)
        cut = facts.Cut(after=self._connected, before=name, place=text_of(caller_site()), line=line)
        self.cuts.append((cut, switched_off))

    def hangs_on_nothing(self) -> None:
        """A backward begins at a tensor that no operation made: the graph is cut in front of the loss."""
        if not self.cuts:
            line = line_above(caller_frames(1), CUTS)
            self.cuts.append(
                (facts.Cut(after=self._connected, place=text_of(caller_site()), line=line), False)
            )

    def _lost_its_graph(self, module: nn.Module, batch: Tensor) -> bool:
        """Whether a batch came from a layer with a gradient's path and has none any more."""
        if batch.requires_grad:
            return False
        if isinstance(module, nn.Embedding):  # positions chosen by argmax; the model's own tokens are no loss
            return _storage(batch) != self._entered
        # A second, raw input is no cut either: which of the candidates is one is told by what learns.
        return batch.is_floating_point() and _storage(batch) != self._entered

    def _leave(self, root: nn.Module, module: nn.Module, output: Any) -> None:
        model = self.models.get(id(root))
        result = first_tensor(output)
        if model is None or result is None:
            return
        if result.requires_grad and any(True for _ in module.parameters(recurse=True)):
            self._connected = model.names.get(id(module)) or type(module).__name__

    def _read_output(self, output: Any) -> None:
        """Note what the outputs of an outermost module depend on: an output that no loss uses is meant to be there."""
        self._outputs_read += 1
        for tensor in all_tensors(output):
            if tensor.grad_fn is not None:
                self._behind_outputs.update(id(leaf) for leaf in leaves(tensor))

    def _note_unregistered(self, model: Model, module: nn.Module) -> None:
        if not any(True for _ in module.parameters()) or len(self.unregistered) >= 100:
            return
        label = f"{type(module).__name__}({', '.join(_sizes(module))}) called in {model.name}"
        if id(module) not in self._labelled:
            self._labelled[id(module)] = f"{label} #{len(self._labelled) + 1}"
        self.unregistered[self._labelled[id(module)]] = None
        self._parameters.name_unregistered(self._labelled[id(module)], module)

    def dropout_called(self, drops: bool) -> None:
        """A dropout function is called inside a model, and drops or not.

        One that does not in a module in eval mode follows the mode. One that drops although no gradient is wanted is
        judged where its model is in eval mode.
        """
        stack = self._stack
        if not stack or isinstance(stack[-1], nn.modules.dropout._DropoutNd):
            return  # a layer of its own has its own mode
        model = self.models.get(id(stack[0]))
        if model is None:
            return
        if not drops and not stack[-1].training:
            model.depends_on_mode(stack[-1])
            self.steady.clear()
        elif drops and not torch.is_grad_enabled() and model.trained and not stack[0].training:
            self._modes.dropped(model, self._progress.backward.step)

    def judge_training(self, site: Site | None) -> None:
        """At a backward, called at `site`: the mode of the models that are being trained."""
        reached = self._reached.get(site)
        models = self.models
        self._modes.trained(
            models.values() if reached is None else [models[key] for key in reached if key in models],
            site,
            self._progress.backward.step,
        )

    def mark_trained(self, tensors: set[int], site: Site | None) -> None:
        """Note the models whose parameters a loss's gradient reaches, and take their names.

        Args:
            tensors: Ids of the leaves that the gradient reaches.
            site: Where the backward is called.
        """
        self.asleep = None
        reached = self._reached[site] = set()
        for key, model in self.models.items():
            module = model.ref()
            if module is None:
                continue
            if len(list(module.modules())) != model.size:
                model.refresh(module)
            if any(id(parameter) in tensors for parameter in module.parameters()):
                model.trained = True
                reached.add(key)
            known = [
                p for p in module.parameters() if id(p) in self._behind_outputs and self._parameters.seen(p)
            ]
            self.returned.update(self._parameters.index_of(parameter) for parameter in known)
            if model.trained or any(self._parameters.seen(parameter) for parameter in module.parameters()):
                self._parameters.name_from(module, model.called)
        self._note_steady(site)

    def _note_steady(self, site: Site | None) -> None:
        self.steady[site] = not any(self.models[key].sensitive_names for key in self._reached[site])

    def mode_changed(self) -> None:
        """Some module's mode is about to change."""
        self.asleep = None

    def all_in_eval(self) -> bool:
        """Whether every trained model is in eval mode just now."""
        if self.asleep is None:
            self.asleep = self._all_in_eval()
        return self.asleep

    def _all_in_eval(self) -> bool:
        trained = [m for m in self.models.values() if m.trained]
        modules = [module for model in trained if (module := model.ref()) is not None]
        return bool(modules) and not any(module.training for module in modules)

    def facts(self) -> Iterator[facts.Fact]:
        """Models and modes."""
        for model in self.models.values():
            module = model.ref()
            yield facts.Model(
                model.name,
                class_name=model.name,
                modules=tuple(model.listed),
                parameters=len(list(module.parameters())) if module is not None else 0,
                mode_sensitive=tuple(model.sensitive_names),
                trained=model.trained,
                compiled=model.compiled,
            )
        yield from self._modes.facts(self.models.values())


def _reads_along_time(module: nn.Module, given: Tensor) -> bool:
    """Whether a layer takes the first of three dimensions for the time."""
    return isinstance(module, _ALONG_TIME) and not getattr(module, "batch_first", False) and given.ndim == 3


def _storage(tensor: Tensor | None) -> int:
    """Address of a tensor's storage; 0 for none, and for those that have none."""
    found = readable(tensor) if tensor is not None else None
    try:
        return 0 if found is None else found.untyped_storage().data_ptr()
    except (RuntimeError, NotImplementedError) as error:
        pass_on(error)
        return 0


def _sizes(module: nn.Module) -> list[str]:
    return [
        str(getattr(module, name))
        for name in ("in_features", "out_features", "in_channels", "out_channels")
        if hasattr(module, name)
    ]
