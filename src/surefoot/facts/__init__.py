"""Every kind of structural fact, typed: its docstring is its page, its fields are what rules read.

To add a kind, add its class: the store keeps its fields, `docs/facts.md` and the report's question come from it.
"""

from surefoot.facts.base import KINDS, Fact, UnknownFact, fact_from
from surefoot.facts.experiments import RangeTest, RateTrial, SuggestedRate
from surefoot.facts.loops import (
    Cadence,
    Calls,
    ClearedBeforeStep,
    Clearing,
    MissingGradients,
    OptimizerCreated,
    Scheduler,
    Unmeasured,
)
from surefoot.facts.losses import Broadcast, LossCall, ManualLoss, Spread, TokenTargets, ValidationLoss
from surefoot.facts.models import (
    BatchMixing,
    Cut,
    GraphGrowth,
    KeptGraphs,
    LinearPair,
    Model,
    Reach,
    Symmetry,
    Teacher,
    TrainingMode,
    ValidationMode,
)
from surefoot.facts.numbers import (
    BatchInput,
    ClipCall,
    Clipper,
    Loader,
    Noise,
    Nonfinite,
    Scaler,
    SteepOperation,
)
from surefoot.facts.processes import Defect, Process, Processes, Ranks, Recording, Threads
from surefoot.facts.speed import Compilation, DataWait, Memory

__all__ = [
    "KINDS",
    "BatchInput",
    "BatchMixing",
    "Broadcast",
    "Cadence",
    "Calls",
    "ClearedBeforeStep",
    "Clearing",
    "ClipCall",
    "Clipper",
    "Compilation",
    "Cut",
    "DataWait",
    "Defect",
    "Fact",
    "GraphGrowth",
    "KeptGraphs",
    "LinearPair",
    "Loader",
    "LossCall",
    "ManualLoss",
    "Memory",
    "MissingGradients",
    "Model",
    "Noise",
    "Nonfinite",
    "OptimizerCreated",
    "Process",
    "Processes",
    "RangeTest",
    "Ranks",
    "RateTrial",
    "Reach",
    "Recording",
    "Scaler",
    "Scheduler",
    "Spread",
    "SteepOperation",
    "SuggestedRate",
    "Symmetry",
    "Teacher",
    "Threads",
    "TokenTargets",
    "TrainingMode",
    "UnknownFact",
    "Unmeasured",
    "ValidationLoss",
    "ValidationMode",
    "fact_from",
]
