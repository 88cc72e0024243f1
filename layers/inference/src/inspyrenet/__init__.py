"""Runs InSPyReNet on a processor, with kernels of its own."""

from inspyrenet.artefact import read_tensors
from inspyrenet.kernels import Kernels, Step, Trace
from inspyrenet.library import load_best
from inspyrenet.network import Network

__all__ = ["Kernels", "Network", "Step", "Trace", "load_best", "read_tensors"]
