"""The autograd graph looked at: back-propagation taken apart, gradients checked, memory kept for backward."""

from surefoot.autograd.backprop import backprop
from surefoot.autograd.gradcheck import gradcheck
from surefoot.autograd.memory import memory

__all__ = ["backprop", "gradcheck", "memory"]
