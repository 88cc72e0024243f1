"""A folder of photographs to a folder of cut-outs: `python -m handler.folder PHOTOS OUT [OPTIONS]`, without Lambda.

The same pipeline as the function's. walk.py lists the photographs, journal.py remembers what is made, run.py makes what
is missing, progress.py tells how far it is.
"""
