"""Tests of the HTTP application, asked the way Lambda asks it."""
