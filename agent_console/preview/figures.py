"""The preview's figures by window, and its alert."""

from __future__ import annotations

import time
from typing import Any

from agent_console.live import SUPERVISOR, LiveStore
from agent_console.preview.company import AGENTS, QUEUES, both
from agent_console.preview.people import Figures

WINDOWS = {"15": 0.05, "30": 0.1, "60": 0.2, "interval": 0.03, "day": 1.0}  # share of the day
TEAMS = {"north": both("North", "北区"), "south": both("South", "南区")}


def _defined(ident: str, en: str, zh: str, formula: str, unit: str, *scopes: str) -> dict[str, Any]:
    return {
        "id": ident,
        "name": both(en, zh),
        "version": 1,
        "formula": both(formula, formula),
        "unit": unit,
        "scopes": [*scopes],
        "now": ident == "signed_in",
    }


_ALL = ("site", "queue", "team", "agent")
DEFINITIONS = [
    _defined("signed_in", "Signed in", "已签入", "agents that are not offline", "count", "team"),
    _defined("offered", "Offered", "呼入量", "O", "count", "site", "queue"),
    _defined("answered", "Answered", "接听量", "H", "count", *_ALL),
    _defined(
        "service_level", "Service level", "服务水平", "H_T / (H + A + F - S)", "share", "queue"
    ),
    _defined("abandon_rate", "Abandon rate", "放弃率", "A / O", "share", "site", "queue"),
    _defined(
        "aht_s", "Average handle time", "平均处理时长", "(talk + hold + wrap-up) / H", "s", *_ALL
    ),
    _defined("occupancy", "Occupancy", "占用率", "busy / (busy + ready)", "share", *_ALL),
]


def _set(scope: str, ident: str, label: dict[str, str], figures: Figures) -> dict[str, Any]:
    """All windows of one: parts of the day."""
    windows = {}
    for window, share in WINDOWS.items():
        offered = round(figures.offered * share)
        answered = round(figures.answered * share)
        windows[window] = {
            "offered": offered,
            "answered": answered,
            "abandoned": round(figures.abandoned * share),
            "flowed_out": 0,
            "still_waiting": 0,
            "service_level": figures.within / max(1, figures.offered) if answered else None,
            "abandon_rate": figures.abandoned / max(1, figures.offered) if answered else None,
            "asa_s": 11.0,
            "aht_s": 182.0,
            "occupancy": 0.71,
            "books": 0,
        }
    now = {"signed_in": 3}
    return {
        "scope": scope,
        "id": ident,
        "label": label,
        "now": now,
        "books": {},
        "windows": windows,
    }


def publish_figures(live: LiveStore, figures: dict[str, Figures]) -> None:
    """Queues as the play has them; the rest is made up."""
    live.put(SUPERVISOR, "definitions", {"figures": DEFINITIONS})
    for queue, label in QUEUES.items():
        live.put(SUPERVISOR, f"figures:queue:{queue}", _set("queue", queue, label, figures[queue]))
    for team, label in TEAMS.items():
        live.put(SUPERVISOR, f"figures:team:{team}", _set("team", team, label, Figures()))
    for agent, (name, _, _) in AGENTS.items():
        shown = _set("agent", agent, both(name, name), Figures(offered=8, answered=8))
        live.put(SUPERVISOR, f"figures:agent:{agent}", shown)
    company = both("Preview Ltd.", "Preview Ltd.")
    live.put(SUPERVISOR, "figures:site:", _set("site", "", company, Figures()))


def publish_alert(live: LiveStore, acknowledged: float | None = None) -> None:
    """One that stands, and one that was over today."""
    now = time.time()
    alert = {
        "alert": "long-wait:billing",
        "rule": "long-wait",
        "figure": "longest_wait_s",
        "scope": "queue",
        "target": "billing",
        "window": "",
        "value": 95.0,
        "threshold": 60.0,
        "clear": 20.0,
        "about": "",
        "since": now - 180,
        "text": both("Billing: longest wait 1:35 (limit 1:00)", "账单：最长等待 1:35（限值 1:00）"),
        "acknowledged": acknowledged,
        "by": "u-sam" if acknowledged else "",
        "cleared": None,
        "why": "",
    }
    live.put(SUPERVISOR, "alert:long-wait:billing", alert)
    over = {**alert, "since": now - 7200, "cleared": now - 6000}
    live.put(SUPERVISOR, "alert:long-wait:billing@1", over)
