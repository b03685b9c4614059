"""Learning-rate range tests: the rate swept from a training's own step hooks, what it suggests, and that tried out."""

from surefoot.lr_range_test.records import Curve, RangeTest

__all__ = ["Curve", "RangeTest"]
