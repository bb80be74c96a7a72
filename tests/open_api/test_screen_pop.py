"""The link into another program that goes with a call."""

from __future__ import annotations

from pathlib import Path
from typing import Any


async def test_the_link_is_there_when_the_phone_rings(start_center: Any, tmp_path: Path) -> None:
    """For the agent's screen and for other programs, filled with this very call."""
    file = tmp_path / "site" / "site.yaml"
    text = file.read_text()
    assert text.count("\n  support:\n") == 1
    tickets = '    screen_pop: {url: "https://tickets.example.com/?n={ani}"}\n'
    file.write_text(
        text.replace("\n  support:\n", "\n  support:\n" + tickets)
        + '\nscreen_pop: {url: "https://crm.example.com/find?n={ani}&q={queue}"}\n'
    )
    center = await start_center()
    center.key = await center.new_key("everything")
    call = await center.talking()
    told = (await center.ask("GET", f"/calls/{call}/record"))[1]
    assert told["url"] == "https://crm.example.com/find?n=%2B12025550100&q=sales"
    other = center.system.site.pop_url("support", {"ani": "+1"})
    assert other == "https://tickets.example.com/?n=%2B1"
    shown = center.system.live.get("agent:anna", "record")
    assert shown["url"] == told["url"]
