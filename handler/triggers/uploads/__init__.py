"""Uploads: notifications of new objects, whichever way they arrive."""
