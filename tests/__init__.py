"""The suite of handler/, mirroring it: test_<module>.py, and whole ways in test_end_to_end.py."""
