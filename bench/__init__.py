"""Measurements, side by side in one run: ratios against a peer, never a figure alone."""
