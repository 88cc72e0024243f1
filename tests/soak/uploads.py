"""What is uploaded in a soak: small pictures, some of them twice, and poison; and how each has to end."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PIL import Image

from handler.errors import CallerError
from handler.job import Done, Failed, Inline, Invocation, Job, Output, Rendering
from local.emulator import ROOT
from tests.pictures import opened, png_claiming, save

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from handler.pipeline import Pipeline

End = Literal["result", "report", "message"]
Kind = Literal[
    "picture",
    "replaced",
    "words",
    "truncated",
    "too many bytes",
    "too many pixels",
    "forbidden",
    "key too long",
    "unreadable",
    "foreign message",
]
POISON: dict[Kind, End] = {
    "words": "report",
    "truncated": "report",
    "too many bytes": "report",
    "too many pixels": "report",
    "forbidden": "report",
    "key too long": "report",
    "unreadable": "message",  # as if its key's policy were broken for good: somebody has to mend it
    "foreign message": "message",
}
MAX_INPUT_BYTES = 200_000
DISTINCT = 60  # pictures; the function's answer to each is also computed straight, once


@dataclass(frozen=True)
class Upload:
    """One key, what is put there, and how that has to end."""

    key: str
    kind: Kind
    data: bytes
    cutout: Image.Image | None = None  # where it ends as a result
    earlier: bytes | None = None  # what was put there before

    @property
    def end(self) -> End:
        """How it has to end."""
        return POISON.get(self.kind, "result")


def uploads(count: int, poison: float, pipeline: Pipeline, chance: random.Random) -> list[Upload]:
    """Make so many uploads, of which `poison` is a share, and one in fifty is put twice; in an order of chance."""
    kinds: list[Kind] = [list(POISON)[number % len(POISON)] for number in range(round(count * poison))]
    kinds += ["replaced"] * (count // 50)
    kinds += ["picture"] * (count - len(kinds))
    chance.shuffle(kinds)
    known = list(_pictures(min(count, DISTINCT), pipeline, chance))
    return [_upload(number, kind, known, chance) for number, kind in enumerate(kinds)]


def _upload(  # noqa: PLR0911 - a return for each kind
    number: int, kind: Kind, known: Sequence[tuple[bytes, Image.Image]], chance: random.Random
) -> Upload:
    data, cutout = known[number % len(known)]
    folder = f"{number:05}"  # its own, by which faults find it
    key = f"{folder}/a b+é.jpg"
    match kind:
        case "picture":
            return Upload(key, kind, data, cutout)
        case "replaced":
            earlier = chance.choice([b"These are words.", known[(number + 1) % len(known)][0]])
            return Upload(key, kind, data, cutout, earlier)
        case "words":
            return Upload(key, kind, f"These are words, of number {number}.".encode())
        case "truncated":
            return Upload(key, kind, data[: len(data) // 2])
        case "too many bytes":
            return Upload(key, kind, data + b"\0" * MAX_INPUT_BYTES)
        case "too many pixels":
            return Upload(key, kind, png_claiming(60_000, 60_000))
        case "key too long":
            return Upload(f"{folder}/".ljust(1_020, "k") + ".jpg", kind, data)
        case "foreign message":
            return Upload(key, kind, b"")
        case "forbidden" | "unreadable":
            return Upload(key, kind, data)


def _pictures(count: int, pipeline: Pipeline, chance: random.Random) -> Iterator[tuple[bytes, Image.Image]]:
    """Cut small pictures out of the demo's photographs; give each with its cut-out, as the pipeline makes it."""
    photographs = [Image.open(path).convert("RGB") for path in sorted((ROOT / "demo" / "photos").glob("*.jpg"))]
    output = Output(Rendering(format="png"))  # what uploads get that nobody asked anything special for
    made = 0
    while made < count:
        photograph = photographs[made % len(photographs)]
        width_px, height_px = chance.randint(60, 160), chance.randint(60, 160)
        share = chance.uniform(0.6, 1)
        box_px = (round(photograph.width * share), round(photograph.height * share))
        left_px = chance.randint(0, photograph.width - box_px[0])
        top_px = chance.randint(0, photograph.height - box_px[1])
        small = photograph.resize((width_px, height_px), box=(left_px, top_px, left_px + box_px[0], top_px + box_px[1]))
        data = save(small, chance.choice(("JPEG", "PNG", "WEBP")))
        outcome = pipeline.cut_out(Job("sqs", Inline(data), (output,)), Invocation("straight"))
        if isinstance(outcome, Done):
            made += 1
            yield data, opened(outcome.files[0].data)
        elif isinstance(outcome, Failed) and not isinstance(
            outcome.error, CallerError
        ):  # which a part without subject is
            raise outcome.error


def same_pixels(data: bytes, cutout: Image.Image) -> bool:
    """Whether a result holds these pixels and no others."""
    try:
        found = Image.open(io.BytesIO(data))
        return (found.mode, found.size, found.tobytes()) == (cutout.mode, cutout.size, cutout.tobytes())
    except OSError:
        return False
