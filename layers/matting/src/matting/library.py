"""The compiled half of the package: kernel.c, as setup.py built it beside this file."""

import ctypes
from pathlib import Path

kernel = ctypes.CDLL(str(Path(__file__).with_name("kernel.so")))

kernel.matting_estimate_foreground.restype = ctypes.c_bool
kernel.matting_estimate_foreground.argtypes = [
    ctypes.c_void_p,  # image
    ctypes.c_void_p,  # alpha
    ctypes.c_int32,  # height
    ctypes.c_int32,  # width
    ctypes.c_void_p,  # heights of the levels
    ctypes.c_void_p,  # widths of the levels
    ctypes.c_int32,  # how many levels
    ctypes.c_void_p,  # foreground, written
]

kernel.matting_resize_align_corners.restype = ctypes.c_bool
kernel.matting_resize_align_corners.argtypes = [
    ctypes.c_void_p,  # matte
    ctypes.c_int32,  # its height
    ctypes.c_int32,  # its width
    ctypes.c_int32,  # height wanted
    ctypes.c_int32,  # width wanted
    ctypes.c_void_p,  # resized matte, written
]
