"""Charts as SVG."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET

from reporting.chart import HEAD, PANEL_HEIGHT, Legend, Panel, svg

NS = "{http://www.w3.org/2000/svg}"
LEGEND = Legend("agents", "interval", "roster", "calls", "needed")


def _drawn(text: str) -> ET.Element:
    return ET.fromstring(text)


def _bars(root: ET.Element, kind: str) -> list[ET.Element]:
    return [one for one in root.iter(f"{NS}rect") if one.get("class") == kind][1:]  # less legend


def test_bars_are_as_high_as_their_values() -> None:
    """A chart that cannot be measured is a decoration."""
    panel = Panel("Monday", ["a", "b", "c"], [10, 20, None], [15, 20, 5], [1, None, 3], marked=1)
    root = _drawn(svg("Agents", [panel], LEGEND))
    (first,) = _bars(root, "bar")
    (marked,) = _bars(root, "mark")
    assert float(marked.get("height", 0)) == 2 * float(first.get("height", 0))
    caps = [float(one.get("height", 0)) for one in _bars(root, "cap")]
    assert caps == [1.5 * float(first.get("height", 0)), float(marked.get("height", 0)), caps[2]]
    line = next(one for one in root.iter(f"{NS}path") if one.get("class") == "line")
    assert line.get("d", "").count("L") == 1
    assert len(list(root.iter(f"{NS}circle"))) == 2


def test_axes_have_round_numbers_and_names() -> None:
    """Everything on it says what it is."""
    root = _drawn(svg("Agents", [Panel("", ["x"], [37], line=[0.9])], LEGEND))
    texts = [one.text for one in root.iter(f"{NS}text")]
    for text in ("Agents", "agents", "interval", "calls", "roster", "needed", "x"):
        assert text in texts
    assert {"0", "10", "20", "30", "40"} <= set(texts)
    assert {"0", "0.2", "0.8", "1"} <= set(texts)


def test_panels_share_their_scales() -> None:
    """Tuesday's bar is half of Monday's when it stands for half as much."""
    days = [Panel(name, ["x"], [value]) for name, value in (("Monday", 8), ("Tuesday", 4))]
    root = _drawn(svg("Week", days, Legend("agents", "interval")))
    monday, tuesday = (float(one.get("height", 0)) for one in _bars(root, "bar"))
    assert monday == 2 * tuesday
    assert root.get("viewBox", "").endswith(str(HEAD + 2 * PANEL_HEIGHT))


def test_many_labels_do_not_overlap() -> None:
    """A day of quarters: every few of them are named."""
    labels = [f"{n // 4:02}:{n % 4 * 15:02}" for n in range(96)]
    root = _drawn(svg("Day", [Panel("", labels, [1] * 96)], LEGEND))
    named = [one for one in root.iter(f"{NS}text") if re.fullmatch(r"\d\d:\d\d", one.text or "")]
    at = [float(one.get("x", 0)) for one in named]
    assert min(b - a for a, b in itertools.pairwise(at)) >= 40


def test_nothing_and_hostile_text_can_be_drawn() -> None:
    """No calls, no panel, a name with markup: still one sound file."""
    for panels in ([], [Panel("", [], [])], [Panel("", ["x"], [0], line=[None])]):
        assert _drawn(svg("", panels, LEGEND)).tag == f"{NS}svg"
    text = svg('<script>alert("1")</script>', [Panel("a&b", ["</svg>"], [1])], LEGEND)
    assert not list(_drawn(text).iter(f"{NS}script"))
