"""The commands around the image and the stack."""
