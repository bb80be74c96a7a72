"""The link into another program that goes with a call."""

from __future__ import annotations

from pathlib import Path
from typing import Any


async def test_the_link_is_there_when_the_phone_rings(start_center: Any, tmp_path: Path) -> None:
    """For the agent's screen and for other programs, filled with this very call."""
    with (tmp_path / "site" / "site.yaml").open("a") as site:
        site.write('\nscreen_pop: {url: "https://crm.example.com/find?n={ani}&q={queue}"}\n')
    center = await start_center()
    center.key = await center.new_key("everything")
    call = await center.talking()
    told = (await center.ask("GET", f"/calls/{call}/record"))[1]
    assert told["url"] == "https://crm.example.com/find?n=%2B12025550100&q=sales"
    shown = center.system.live.get("agent:anna", "record")
    assert shown["url"] == told["url"]
