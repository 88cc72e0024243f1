"""The scripts of the image run at the same desk as those of the stack."""

from tests.deploy.conftest import desk

__all__ = ["desk"]
