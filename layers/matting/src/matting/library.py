"""The compiled half of the package: kernel.c and png.c, as setup.py built it beside this file."""

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

kernel.matting_filter_png_rows.restype = None
kernel.matting_filter_png_rows.argtypes = [
    ctypes.c_void_p,  # the first of the rows
    ctypes.c_void_p,  # the row before them, or None
    ctypes.c_int32,  # how many rows
    ctypes.c_int64,  # bytes of a row
    ctypes.c_int32,  # bytes of a pixel
    ctypes.c_void_p,  # room for three rows
    ctypes.c_void_p,  # filtered rows, written
]

kernel.matting_join_alpha.restype = None
kernel.matting_join_alpha.argtypes = [
    ctypes.c_void_p,  # rgb
    ctypes.c_void_p,  # alpha
    ctypes.c_int64,  # how many pixels
    ctypes.c_void_p,  # rgba, written
]
