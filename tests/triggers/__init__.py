"""Tests of the event families."""
