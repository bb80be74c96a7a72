"""The preview's finished calls and figures."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from agent_console.preview.company import QUEUES, both, why
from agent_console.protocol import CallDetail, CallRow


class PreviewHistory:
    """`History` over rows in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, CallRow] = {}

    async def calls(self, *, since: float, until: float, limit: int) -> Sequence[CallRow]:
        rows = [row for row in self.rows.values() if since <= row["arrived"] <= until]
        return rows[-limit:]

    async def call(self, call_id: str) -> CallDetail | None:
        row = self.rows.get(call_id)
        if row is None:
            return None
        at = row["arrived"]
        chosen = why(
            "longest-idle",
            "Skill billing ≥ 1: 3 agents, 1 ready; idle longest",
            "技能 账单 ≥ 1:3 名坐席,1 名就绪;空闲最久",
        )
        return {
            "call": row,
            "timeline": [
                {"at": at, "kind": "arrived", "text": both("Arrived", "来电"), "data": {}},
                {"at": at + 4, "kind": "menu", "text": both("Pressed 2", "按了 2"), "data": {}},
                {"at": at + 5, "kind": "queued", "text": both("Queued", "排队"), "data": {}},
                {
                    "at": at + 9,
                    "kind": "offered",
                    "text": both("Offered to Anna", "分配给 Anna"),
                    "why": chosen,
                    "data": {"agent": "anna"},
                },
            ],
            "recordings": [
                {
                    "id": f"{call_id}-1",
                    "agent": "Anna Lindqvist",
                    "at": at + 9,
                    "length_s": 2.0,
                    "channels": 2,
                }
            ],
            "segments": [
                {
                    "agent": "Anna Lindqvist",
                    "role": "agent",
                    "queue": row["queue"],
                    "began": at + 9,
                    "ended": at + 70,
                    "talk_s": 52.0,
                    "hold_s": 9.0,
                    "wrap_up_s": 12.0,
                    "how": "to agent",
                    "disposition": "",
                    "note": "",
                },
                {
                    "agent": "Chen Wei 陈伟",
                    "role": "consulted",
                    "queue": row["queue"],
                    "began": at + 61,
                    "ended": None,
                    "talk_s": None,
                    "hold_s": None,
                    "wrap_up_s": None,
                    "how": "",
                    "disposition": "",
                    "note": "",
                },
            ],
            "moments": {"arrived": at, "queued": at + 5, "answered": None, "ended": row["ended"]},
            "disposition": "",
            "note": "",
        }

    async def intervals(
        self, *, since: float, until: float, minutes: int, queue: str
    ) -> Sequence[dict[str, Any]]:
        step = minutes * 60
        start = since - since % step
        rows = []
        for at in range(int(start), int(until), step)[:400]:
            for name in QUEUES:
                if queue in ("", name):
                    rows.append(self._interval(float(at), float(step), name))
        return rows

    def _interval(self, at: float, step: float, queue: str) -> dict[str, Any]:
        dice = random.Random(f"{at}{queue}")
        answered, abandoned = dice.randint(8, 40), dice.randint(0, 5)
        flowed, waiting = dice.randint(0, 2), 0
        within = dice.randint(answered // 2, answered)
        final = answered + abandoned + flowed
        return {
            "start": at,
            "end": at + step,
            "queue": queue,
            "offered": final + waiting,
            "answered": answered,
            "abandoned": abandoned,
            "short_abandoned": 0,
            "flowed_out": flowed,
            "waiting": waiting,
            "service_level": {
                "standard": within / final,
                "negative": within / final,
                "ignored": within / final,
                "positive": within / final,
                "handled_only": within / answered,
            },
            "abandon_rate": abandoned / final,
            "asa_s": dice.uniform(4, 40),
            "aht_s": dice.uniform(150, 260),
            "balanced": True,
        }

    async def intervals_csv(self, *, since: float, until: float, minutes: int, queue: str) -> str:
        rows = await self.intervals(since=since, until=until, minutes=minutes, queue=queue)
        names = ("start", "queue", "offered", "answered", "abandoned", "flowed_out")
        lines = [",".join(str(row[name]) for name in names) for row in rows]
        return "\r\n".join([",".join(names), *lines, ""])
