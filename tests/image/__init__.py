"""The image's recipe, read: what needs a build is in `make image-check`."""
