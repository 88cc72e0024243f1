"""Pixels: between the bytes of files and the arrays that the network and the caller want.

The way of a file: `header.read_header` (recognise, refuse; `claim`, `png`, `jpeg` and `tiff` read what the bytes say,
`limits` says what is too much) → `decode.decode` (with `colour`) → a `picture.Picture` → `cut` → `encode`.
"""
