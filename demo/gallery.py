"""One page: originals beside cut-outs on a checkerboard. It stands alone, so that it can be mailed."""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageOps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem; background: #fafafa; color: #222 }
main { display: grid; grid-template-columns: repeat(auto-fit, minmax(560px, 1fr)); gap: 1.5rem }
figure { margin: 0; background: #fff; border: 1px solid #ddd; border-radius: 8px; padding: 1rem }
figure div { display: grid; grid-template-columns: 1fr 1fr; gap: .75rem }
img { width: 100%; border-radius: 4px }
img.cutout { background: repeating-conic-gradient(#ccc 0 25%, #fff 0 50%) 0 0 / 24px 24px }
figcaption { margin-top: .5rem; color: #555 }
h2 { margin: 2.5rem 0 .25rem }
table { border-collapse: collapse; background: #fff; border: 1px solid #ddd; margin: .75rem 0 1.5rem }
th, td { text-align: left; padding: .35rem .75rem; border-bottom: 1px solid #eee; overflow-wrap: break-word }
th { color: #555; font-weight: 600; white-space: nowrap }
"""


@dataclass(frozen=True)
class Pair:
    """A photograph and what became of it."""

    original: Path
    cutout: Path
    caption: str


@dataclass(frozen=True)
class Section:
    """A part of the page: what happened, as a table, and the cut-outs that came of it."""

    title: str
    sentence: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    pairs: tuple[Pair, ...]


def write_gallery(out: Path, pairs: Sequence[Pair], sections: Sequence[Section] = ()) -> Path:
    """Write `out`/index.html and give its path."""
    page = out / "index.html"
    page.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Cut-outs</title><style>{STYLE}</style>'
        f"<h1>Cut-outs</h1><main>{_figures(pairs)}</main>{''.join(_section(one) for one in sections)}</html>",
        encoding="utf-8",
    )
    return page


def _section(section: Section) -> str:
    rows = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in section.rows)
    return (
        f"<h2>{html.escape(section.title)}</h2><p>{html.escape(section.sentence)}</p>"
        f"<table><tr>{''.join(f'<th>{html.escape(cell)}</th>' for cell in section.head)}</tr>{rows}</table>"
        f"<main>{_figures(section.pairs)}</main>"
    )


def _figures(pairs: Sequence[Pair]) -> str:
    return "\n".join(
        f'<figure><div><img alt="{html.escape(pair.original.name)}" src="{_data_url(pair.original)}">'
        f'<img class="cutout" alt="its cut-out" src="{_data_url(pair.cutout)}"></div>'
        f"<figcaption>{html.escape(pair.original.name)} · {html.escape(pair.caption)}</figcaption></figure>"
        for pair in pairs
    )


def write_strip(path: Path, pairs: list[Pair], height_px: int = 260) -> None:
    """Write originals above their cut-outs on a checkerboard as one picture, the README's."""
    columns = []
    for pair in pairs:
        with Image.open(pair.original) as original, Image.open(pair.cutout) as cutout:
            size = (round(cutout.width * height_px / cutout.height), height_px)
            below = _checkerboard(size)
            below.alpha_composite(cutout.convert("RGBA").resize(size, Image.Resampling.LANCZOS))
            columns.append((ImageOps.exif_transpose(original).convert("RGB").resize(size), below.convert("RGB")))
    strip = Image.new("RGB", (sum(above.width for above, _ in columns), 2 * height_px), "white")
    left_px = 0
    for above, below_rgb in columns:
        strip.paste(above, (left_px, 0))
        strip.paste(below_rgb, (left_px, height_px))
        left_px += above.width
    strip.save(path, quality=88)


def _checkerboard(size: tuple[int, int], square_px: int = 12) -> Image.Image:
    board = Image.new("RGBA", size, "#fff")
    draw = ImageDraw.Draw(board)
    for row in range(0, size[1], square_px):
        for column in range(row // square_px % 2 * square_px, size[0], 2 * square_px):
            draw.rectangle((column, row, column + square_px - 1, row + square_px - 1), fill="#ccc")
    return board


def _data_url(path: Path) -> str:
    media_type = Image.MIME.get(str(Image.registered_extensions().get(path.suffix.lower())), "application/octet-stream")
    return f"data:{media_type};base64,{base64.b64encode(path.read_bytes()).decode()}"
