"""A bar chart as SVG: readable by day and by night, with nothing but text and rectangles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

Scale = tuple[float, float]  # the step from line to line, and the highest line
Height = Callable[[float, Scale], float]

WIDTH, PANEL_HEIGHT = 960, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 58, 34, 48
HEAD = 64  # the title and the legend above the first panel

STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #333 }
  .title { font-size: 17px; font-weight: 600 }
  .panel { font-size: 13px; font-weight: 600 }
  .ground { fill: #fff }
  .grid { stroke: #ddd }
  .axis { stroke: #888 }
  .bar { fill: #2f6fb7 }
  .cap { fill: #a9c8ea }
  .mark { fill: #2f8f57 }
  .line { fill: none; stroke: #b5452c; stroke-width: 2 }
  .dot { fill: #b5452c }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd }
    .ground { fill: #16191d }
    .grid { stroke: #333a42 }
    .axis { stroke: #889 }
    .bar { fill: #5b9be0 }
    .cap { fill: #2c4a6b }
    .mark { fill: #5cc189 }
    .line { stroke: #f0886c }
    .dot { fill: #f0886c }
  }
"""


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart. `caps` (up to which a bar goes on, paler) and `line` may be empty.

    All sequences have one value for each label; None is a gap. `marked` is the number of a
    bar to be set off.
    """

    title: str
    labels: Sequence[str]
    bars: Sequence[float | None]
    caps: Sequence[float | None] = ()
    line: Sequence[float | None] = ()
    marked: int | None = None


@dataclass(frozen=True, slots=True)
class Legend:
    """What is drawn; "" for what is not. `across` is what the labels below are."""

    bars: str
    across: str
    caps: str = ""
    line: str = ""
    marked: str = ""


def svg(title: str, panels: Sequence[Panel], legend: Legend) -> str:
    """The panels one below the other, on the same scales. A whole file of its own."""
    height = HEAD + PANEL_HEIGHT * max(1, len(panels))
    top = _scale(v for one in panels for values in (one.bars, one.caps) for v in values)
    other = _scale(v for one in panels for v in one.line)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="{LEFT}" y="26">{escape(title)}</text>',
        *_legend(legend),
    ]
    for number, panel in enumerate(panels):
        parts.extend(_panel(panel, HEAD + number * PANEL_HEIGHT, top, other, legend))
    return "\n".join([*parts, "</svg>", ""])


def _scale(values: Iterator[float | None]) -> Scale:
    """A round step and the highest grid line, for about five lines."""
    highest = max((value for value in values if value is not None), default=0.0) or 1.0
    rough = highest / 5.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1.0, 2.0, 5.0, 10.0) if power * m >= rough - 1e-12)
    step = max(step, 1.0) if highest >= 5.0 else step
    return step, step * math.ceil(highest / step - 1e-9)


def _legend(legend: Legend) -> Iterator[str]:
    x = LEFT
    for kind, text in (
        ("bar", legend.bars),
        ("cap", legend.caps),
        ("mark", legend.marked),
        ("dot", legend.line),
    ):
        if text:
            yield f'<rect class="{kind}" x="{x}" y="40" width="12" height="12" rx="2"/>'
            yield f'<text x="{x + 18}" y="50">{escape(text)}</text>'
            x += 44 + 7 * len(text)


def _panel(panel: Panel, above: int, top: Scale, other: Scale, legend: Legend) -> Iterator[str]:
    upper, lower = above + TOP, above + PANEL_HEIGHT - BOTTOM
    wide, high = WIDTH - LEFT - RIGHT, lower - upper

    def y(value: float, scale: Scale) -> float:
        return lower - high * value / scale[1]

    if panel.title:
        yield f'<text class="panel" x="{LEFT}" y="{above + 20}">{escape(panel.title)}</text>'
    yield from _grid(y, top, "end", LEFT - 8)
    if any(value is not None for value in panel.line):
        yield from _numbers(y, other, "start", WIDTH - RIGHT + 8)
        yield _upright(legend.line, WIDTH - 12, (upper + lower) / 2)
    yield _upright(legend.bars, 14, (upper + lower) / 2)
    room = wide / max(1, len(panel.labels))
    gap = min(6.0, room * 0.2)
    for number, value in enumerate(panel.bars):
        x = LEFT + number * room + gap / 2
        cap = panel.caps[number] if number < len(panel.caps) else None
        for kind, end in (("cap", cap), ("mark" if number == panel.marked else "bar", value)):
            if end is not None and end > 0:
                where = f'x="{x:.1f}" y="{y(end, top):.1f}" width="{room - gap:.1f}"'
                yield f'<rect class="{kind}" {where} height="{lower - y(end, top):.1f}"/>'
    yield f'<path class="axis" d="M{LEFT} {lower}H{WIDTH - RIGHT}"/>'
    every = max(1, math.ceil(len(panel.labels) * 46 / wide))
    for number, label in enumerate(panel.labels):
        if number % every == 0:
            x = LEFT + (number + 0.5) * room
            yield f'<text x="{x:.1f}" y="{lower + 18}" text-anchor="middle">{escape(label)}</text>'
    middle = LEFT + wide / 2
    across = escape(legend.across)
    yield f'<text x="{middle:.0f}" y="{lower + 38}" text-anchor="middle">{across}</text>'
    points = [
        (LEFT + (number + 0.5) * room, y(value, other))
        for number, value in enumerate(panel.line)
        if value is not None
    ]
    if points:
        way = "L".join(f"{x:.1f} {at:.1f}" for x, at in points)
        yield f'<path class="line" d="M{way}"/>'
        yield from (f'<circle class="dot" cx="{x:.1f}" cy="{at:.1f}" r="2.5"/>' for x, at in points)


def _grid(y: Height, scale: Scale, anchor: str, x: int) -> Iterator[str]:
    for value in _steps(scale):
        at = f"{y(value, scale):.1f}"
        yield f'<path class="grid" d="M{LEFT} {at}H{WIDTH - RIGHT}"/>'
    yield from _numbers(y, scale, anchor, x)


def _numbers(y: Height, scale: Scale, anchor: str, x: int) -> Iterator[str]:
    for value in _steps(scale):
        at = y(value, scale) + 4
        yield f'<text x="{x}" y="{at:.1f}" text-anchor="{anchor}">{value:g}</text>'


def _steps(scale: Scale) -> list[float]:
    step, highest = scale
    return [step * number for number in range(round(highest / step) + 1)]


def _upright(text: str, x: float, y: float) -> str:
    turned = f'transform="rotate(-90 {x:.0f} {y:.0f})"'
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="middle" {turned}>{escape(text)}</text>'
