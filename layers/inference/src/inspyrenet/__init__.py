"""Runs InSPyReNet on a processor, with kernels of its own."""

from inspyrenet.kernels import Kernels, Step, Trace
from inspyrenet.network import Network

__all__ = ["Kernels", "Network", "Step", "Trace"]
