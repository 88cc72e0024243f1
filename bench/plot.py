"""How cost grows with memory, drawn as the two curves that people know from tuning Lambda's power: docs/*.svg.

Enters: the runs of bench/figures. Leaves: an SVG with a ground of its own, light or dark as the reader's browser is
set, since a page of GitHub may be either. The same figures give the same bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from bench.growth import CLIENT_S, GATEWAY_S, MEASURED_MB, Growth, growths
from bench.scaling import MOST_MB, VCPU_MB, vcpus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.figures import Run
    from bench.growth import Point

WIDTH, HEIGHT = 1_050, 480
TOP, BOTTOM = 120, 400  # of the drawn areas
PANEL = WIDTH / 3
LEFT, RIGHT = 46, 58  # beside a panel's area, for its numbers
FIRST_MB = 1_024  # where the axis begins; the curves do at one vCPU
STEP_MB = 77  # between two drawn points: 110 of them
TICKS = 5

# Colours from https://primer.style/foundations/color, which keep their contrast on either ground.
LIGHT = {
    "ground": "#ffffff",
    "ink": "#1f2328",
    "faint": "#59636e",
    "grid": "#d1d9e0",
    "time": "#0969da",
    "price": "#bc4c00",
}
DARK = {
    "ground": "#0d1117",
    "ink": "#f0f6fc",
    "faint": "#9198a1",
    "grid": "#3d444d",
    "time": "#58a6ff",
    "price": "#f0883e",
}


@dataclass(frozen=True)
class Axis:
    """A scale from zero to a round number."""

    most: float
    step: float

    @classmethod
    def up_to(cls, value: float) -> Axis:
        """Choose a step of 1, 2, 2.5 or 5 with which a few ticks reach a value."""
        size = 10 ** math.floor(math.log10(value / TICKS))
        step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor * TICKS >= value)
        return cls(step * math.ceil(value / step), step)

    @property
    def ticks(self) -> list[float]:
        """List the numbers at its side."""
        return [self.step * number for number in range(round(self.most / self.step) + 1)]

    def label(self, value: float) -> str:
        """Write one of them with as many digits as the step needs."""
        digits = max(0, -math.floor(math.log10(self.step)))
        if not math.isclose(round(self.step, digits), self.step):  # 2.5 and 0.25
            digits += 1
        return f"{value:.{digits}f}"

    def y(self, value: float) -> float:
        """Place a value."""
        return BOTTOM - (BOTTOM - TOP) * value / self.most


def draw(runs: Sequence[Run]) -> str:
    """Draw every model beside the others."""
    every = growths(runs)
    panels = "\n".join(_panel(growth, number * PANEL) for number, growth in enumerate(every))
    machines = ", ".join(dict.fromkeys(growth.timed.machine for growth in every))
    source = f"Measured on {machines}; between and beyond the dots reckoned. AWS’s prices of us-east-1."
    said = "Seconds and dollars over Lambda's memory sizes, for " + ", ".join(one.timed.model for one in every)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="said">\n'
        f'<title id="said">{escape(said)}</title>\n'
        f"<style>\n{_style()}\n</style>\n"
        f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}" rx="8"/>\n'
        f"{_legend()}\n{panels}\n"
        f"{_text(WIDTH / 2, HEIGHT - 14, 'faint middle', source)}\n"
        "</svg>\n"
    )


def _style() -> str:
    def rules(colours: dict[str, str]) -> str:
        return (
            f".ground{{fill:{colours['ground']}}} text{{fill:{colours['ink']}}} text.faint{{fill:{colours['faint']}}} "
            f"text.time,.time.mark{{fill:{colours['time']}}} text.price,.price.mark{{fill:{colours['price']}}} "
            f".grid{{stroke:{colours['grid']}}} .wait{{stroke:{colours['faint']}}} .shut{{fill:{colours['grid']}}} "
            f".time.curve{{stroke:{colours['time']}}} .price.curve{{stroke:{colours['price']}}} "
            f".mark{{stroke:{colours['ground']}}}"
        )

    return "\n".join(
        [
            "text{font:13px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}",
            "text.title{font-size:16px;font-weight:600} .middle{text-anchor:middle} .end{text-anchor:end}",
            ".grid{stroke-width:1} .curve{fill:none;stroke-width:2.5;stroke-linejoin:round} .cold{stroke-width:1.5}",
            ".arm{stroke-width:1.5;stroke-dasharray:6 4} .wait{stroke-width:1;stroke-dasharray:2 3} .shut{opacity:.5}",
            rules(LIGHT),
            f"@media (prefers-color-scheme:dark){{{rules(DARK)}}}",
        ]
    )


def _legend() -> str:
    entries = (
        ("time curve", "seconds of a warm request"),
        ("time curve cold", "of a cold one"),
        ("price curve", "dollars for a thousand warm ones"),
        ("price curve arm", "on arm64, predicted, not measured"),
    )
    places = (24, 258, 408, 690)
    parts = [
        f'<path class="{kind}" d="M{x} 26h30"/>{_text(x + 38, 30, "", said)}'
        for x, (kind, said) in zip(places, entries, strict=True)
    ]
    dot = f'<circle class="time mark" cx="39" cy="52" r="4.5"/>{_text(62, 56, "", "measured")}'
    low = f'<path class="price mark" d="M273 46l6 6l-6 6l-6 -6z"/>{_text(296, 56, "", "cheapest")}'
    fast = f'<path class="time mark" d="M423 46l6 6l-6 6l-6 -6z"/>{_text(446, 56, "", "fastest")}'
    wait = f'<path class="wait" d="M690 52h30"/>{_text(728, 56, "", "what a client (10 s), a gateway (30 s) waits")}'
    return "\n".join([*parts, dot, low, fast, wait])


def _panel(growth: Growth, left: float) -> str:
    points = [*growth.points[:-1:STEP_MB], growth.points[-1]]
    time = Axis.up_to(max(point.cold_s for point in points))
    if time.most >= CLIENT_S:  # then show what a gateway waits, too
        time = Axis.up_to(max(time.most, GATEWAY_S))
    price = Axis.up_to(max(point.dollars for point in points))
    begin, end = left + LEFT, left + PANEL - RIGHT

    def x(memory_mb: float) -> float:
        return begin + (end - begin) * (memory_mb - FIRST_MB) / (MOST_MB - FIRST_MB)

    def curve(kind: str, y: Callable[[Point], float]) -> str:
        path = "L".join(f"{x(point.memory_mb):.1f} {y(point):.1f}" for point in points)
        return f'<path class="{kind} curve" d="M{path}"/>'

    parts = [_text((begin + end) / 2, TOP - 28, "title middle", growth.timed.model)]
    parts += [_text(begin - 8, TOP - 10, "time end", "s"), _text(end + 8, TOP - 10, "price", "$")]
    parts += _grid(time, price, begin, end)
    for number in range(1, math.floor(vcpus(MOST_MB)) + 1):
        at = x(number * VCPU_MB)
        parts.append(f'<path class="grid" d="M{at:.1f} {BOTTOM}v5"/>')
        parts.append(_text(at, BOTTOM + 20, "faint middle", f"{number * VCPU_MB:,}"))
    parts.append(_text((begin + end) / 2, BOTTOM + 40, "faint middle", "memory in MB: one to five vCPUs"))
    if growth.timed.least_mb > FIRST_MB:
        width = x(growth.timed.least_mb) - begin
        parts.append(f'<rect class="shut" x="{begin:.1f}" y="{TOP}" width="{width:.1f}" height="{BOTTOM - TOP}"/>')
        said = f"does not fit below {growth.timed.least_mb:,} MB"
        parts.append(_text(begin + 14, BOTTOM - 10, "faint", said, turned=True))
    parts += _waits(time, begin, end)
    parts += [
        curve("price arm", lambda point: price.y(point.arm_dollars)),
        curve("price", lambda point: price.y(point.dollars)),
        curve("time cold", lambda point: time.y(point.cold_s)),
        curve("time", lambda point: time.y(point.warm_s)),
    ]
    cheapest, fastest = growth.cheapest, growth.fastest
    parts.append(_diamond("price", x(cheapest.memory_mb), price.y(cheapest.dollars)))
    parts.append(_diamond("time", x(fastest.memory_mb), time.y(fastest.warm_s)))
    for memory_mb in MEASURED_MB:
        if growth.timed.fits(memory_mb):
            y = time.y(growth.at(memory_mb).warm_s)
            parts.append(f'<circle class="time mark" cx="{x(memory_mb):.1f}" cy="{y:.1f}" r="4.5"/>')
    return "\n".join(parts)


def _grid(time: Axis, price: Axis, begin: float, end: float) -> list[str]:
    lines = []
    for value in time.ticks:
        y = time.y(value)
        lines.append(f'<path class="grid" d="M{begin:.1f} {y:.1f}H{end:.1f}"/>')
        lines.append(_text(begin - 8, y + 4, "time end", time.label(value)))
    return lines + [_text(end + 8, price.y(value) + 4, "price", price.label(value)) for value in price.ticks]


def _waits(time: Axis, begin: float, end: float) -> list[str]:
    """Draw how long callers wait; where that is far above the curves, say so."""
    if time.most < CLIENT_S:
        said = f"{CLIENT_S:g} s and {GATEWAY_S:g} s lie above"
        return [_text((begin + end) / 2, TOP + 16, "faint middle", said)]
    lines = []
    for most_s in (CLIENT_S, GATEWAY_S):
        y = time.y(most_s)
        lines.append(f'<path class="wait" d="M{begin:.1f} {y:.1f}H{end:.1f}"/>')
        lines.append(_text(end - 4, y - 5, "faint end", f"{most_s:g} s"))
    return lines


def _diamond(kind: str, x: float, y: float) -> str:
    return f'<path class="{kind} mark" d="M{x:.1f} {y - 7:.1f}l7 7l-7 7l-7 -7z"/>'


def _text(x: float, y: float, kind: str, said: str, *, turned: bool = False) -> str:
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{turn}>{escape(said)}</text>'
