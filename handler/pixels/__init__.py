"""Pixels: between the bytes of files and the arrays that the network and the caller want."""
