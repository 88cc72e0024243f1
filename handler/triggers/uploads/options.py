"""What is wanted of each upload: by the setting, by the object itself, or by a job of S3 Batch Operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from handler.errors import InvalidParameter
from handler.job import DECLARATION_NAME, Rendering, Rendition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handler.settings import OutputsFrom, Settings


@dataclass(frozen=True)
class Asked:
    """The renditions of each upload, and where an upload may ask for others."""

    renditions: tuple[Rendition, ...]
    outputs_from: OutputsFrom = "setting"

    def of_object(self, declared: str | None, settings: Settings) -> tuple[Rendition, ...]:
        """Give an object's renditions, by its own declaration where it has one. Raises InvalidParameter."""
        if declared is None:
            return self.renditions
        from handler.web.parameters.renditions import read_renditions  # noqa: PLC0415 - the web's, where it is needed

        return read_renditions(declared, settings, self.renditions)


def asked_by_setting(settings: Settings) -> Asked:
    """Give what every upload gets that nobody asked anything special for. Raises ConfigurationError."""
    if settings.outputs is None:
        return Asked((Rendition(Rendering(format=settings.output_format)),), settings.outputs_from)
    from handler.web.parameters.renditions import renditions_of_setting  # noqa: PLC0415 - likewise

    return Asked(renditions_of_setting(settings), settings.outputs_from)


def asked_by_arguments(arguments: Mapping[str, object], settings: Settings) -> Asked:
    """Read a job's `userArguments`, which win over everything else: options, or `outputs` with a declaration.

    Without any it is what uploads get, so that their results count as done. Raises InvalidParameter for the first that
    is not known, or whose value makes no sense.
    """
    if not arguments:
        return asked_by_setting(settings)
    from handler.web.parameters.renditions import NAMES, read_options, read_renditions  # noqa: PLC0415 - likewise

    given: dict[str, str] = {}
    for name, value in arguments.items():
        if not isinstance(value, str) or not value:
            sentence = f"{name[:80]}={str(value)[:80]!r} makes no sense: give a text that is not empty."
            raise InvalidParameter(name if name in NAMES else DECLARATION_NAME, sentence)
        given[name] = value
    if DECLARATION_NAME not in given:
        return Asked((read_options(given, settings),))
    if len(given) > 1:
        raise InvalidParameter(
            DECLARATION_NAME, "userArguments holds outputs and other options: write the options within outputs."
        )
    return Asked(read_renditions(given[DECLARATION_NAME], settings, asked_by_setting(settings).renditions))
