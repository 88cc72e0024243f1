"""Runs InSPyReNet on a processor, with kernels of its own."""

from inspyrenet.artefact import Tensors
from inspyrenet.kernels import Kernels, Step, Trace
from inspyrenet.library import load_best
from inspyrenet.network import Network

__all__ = ["Kernels", "Network", "Step", "Tensors", "Trace", "load_best"]
