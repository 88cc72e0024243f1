"""`python -m handler.web.parameters` prints the README's list of parameters."""

from handler.web.parameters.listing import markdown

print(markdown())  # noqa: T201 - what the command is for
