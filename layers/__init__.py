"""What goes into the image's /opt, one folder per image layer; nothing here imports handler/."""
