"""What docs/api.md, webhooks.md and embedding.md say is tried.

Every `sh` and `python` block is run, in the order of the page, against a running call center;
each line `# → text` in it must be in what it prints. Blocks that begin with a file's name
are saved under it instead and tried on real deliveries.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from agent_console.api.answers import CODES
from agent_console.api.events import Close
from agent_console.api.routes import all_routes
from agent_console.api.scopes import SCOPES
from agent_console.api.vocabulary import EVENTS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(sh|python|js)\n(.*?)^```$", re.M | re.S)
FILE = re.compile(r"(?:#|//) (verify\.\w+)\n")
EXPECTED = re.compile(r"^# → (.*)$", re.M)


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def environment(center: Any, folder: Path, **more: str) -> dict[str, str]:
    """As in a terminal of the installation, with its settings."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {
        "PATH": path,
        "HOME": str(folder),
        "CALLCENTER_URL": center.url,
        "CALLCENTER_VAR": str(center.system.settings.var),
        "CALLCENTER_KEY": center.key,
        **more,
    }


async def run(folder: Path, environment: dict[str, str], *command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, printed.decode()
    return printed.decode()


async def run_all(name: str, folder: Path, environment: dict[str, str]) -> int:
    """Runs the page's blocks; shell blocks share one shell, so that later ones know the earlier."""
    count, shell = 0, ""
    for kind, body in BLOCK.findall(page(name)):
        if FILE.match(body):
            (folder / FILE.match(body)[1]).write_text(body)  # type: ignore[index]
            continue
        count += 1
        if kind == "sh":
            shell += f"{body}\nexport CALLCENTER_KEY\n"
            (folder / "all.sh").write_text(f"set -e\n{shell}")
            continue
        if shell:
            printed = await run(folder, environment, "bash", "all.sh")
            expect(shell, printed)
            shell = ""
        (folder / "example.py").write_text(body)
        expect(body, await run(folder, environment, sys.executable, "example.py"))
    if shell:
        expect(shell, await run(folder, environment, "bash", "all.sh"))
    return count


def expect(body: str, printed: str) -> None:
    wanted = EXPECTED.findall(body)
    assert wanted, f"a block without a line '# → …' proves nothing:\n{body}"
    for text in wanted:
        assert text in printed, f"{text!r} is not in:\n{printed}"


@pytest.fixture
def tools() -> None:
    for tool in ("bash", "curl", "node"):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} on PATH")


async def test_every_example_of_the_api_page_runs(center: Any, tmp_path: Path, tools: None) -> None:
    """People paste them."""
    assert await run_all("api.md", tmp_path, environment(center, tmp_path)) >= 6
    assert await run_all("figures.md", tmp_path, environment(center, tmp_path)) >= 1


async def test_every_example_of_the_webhooks_page_runs(
    center: Any, receiver: Any, tmp_path: Path, tools: None
) -> None:
    """The shell lines, and both verifiers on a real delivery and on forged ones."""
    names = {"RECEIVER_URL": receiver.url, "ZAMMAD_ENDPOINT": receiver.url}
    variables = environment(center, tmp_path, **names)
    assert await run_all("webhooks.md", tmp_path, variables) >= 3
    made = json.loads((tmp_path / "made.json").read_text())
    await center.done("/agents/anna/sign-in", phone="browser")
    await center.until(lambda: len(receiver.got) >= 2)
    headers, body = receiver.got[-1]
    given = {name.lower(): value for name, value in headers.items()}
    sent = int(given["webhook-timestamp"])
    forged = {**given, "webhook-signature": "v1,AAAA v2,x"}
    tried = [
        (made["secret"], given, body.decode(), sent + 10, True),
        (made["secret"], given, body.decode(), sent + 1000, False),
        (made["secret"], given, body.decode() + " ", sent, False),
        (made["secret"], forged, body.decode(), sent, False),
        (made["secret"], {**given, "webhook-id": "ev_1"}, body.decode(), sent, False),
        ("whsec_" + "A" * 44, given, body.decode(), sent, False),
    ]
    (tmp_path / "tried.json").write_text(json.dumps(tried))
    (tmp_path / "try.py").write_text(
        "import json\nfrom verify import verify\n"
        "for s, h, b, now, good in json.load(open('tried.json')):\n"
        "    assert verify(s, h, b.encode(), now) is good\nprint('tried')\n"
    )
    (tmp_path / "try.mjs").write_text(
        'import { readFileSync } from "node:fs";\nimport { verify } from "./verify.mjs";\n'
        'for (const [s, h, b, now, good] of JSON.parse(readFileSync("tried.json")))\n'
        "  if (verify(s, h, Buffer.from(b), now) !== good) throw new Error(b);\n"
        'console.log("tried");\n'
    )
    assert "tried" in await run(tmp_path, variables, sys.executable, "try.py")
    assert "tried" in await run(tmp_path, variables, "node", "try.mjs")


def rows(name: str) -> list[tuple[str, str]]:
    """(first cell in backticks, the rest) of every table row of a page."""
    return re.findall(r"^\| `([^`]+)` \| (.+) \|$", page(name), re.M)


def test_the_pages_list_every_route() -> None:
    """A route that is not on the page is not found; one that is gone misleads."""
    listed = {cell for name in ("api.md", "webhooks.md") for cell, _ in rows(name) if "/" in cell}
    routes = {f"{route.method} {route.path}" for route in all_routes()}
    assert listed == routes


def test_the_page_lists_every_scope_event_and_close_code() -> None:
    """The tables are those of the program."""
    cells = dict(rows("api.md"))
    assert set(SCOPES) <= set(cells)
    assert {cell: cells.get(cell) for cell in EVENTS} == EVENTS
    text = page("api.md")
    for close in Close:
        if close is not Close.BROKEN:
            assert f"{close.value}" in text, close
    statuses = {status for status, _ in CODES.values()} - {405, 408, 413, 415}
    shown = {int(found) for found in re.findall(r"^\| (\d{3}) \|", text, re.M)}
    assert statuses == shown


def test_links_between_the_pages_lead_somewhere() -> None:
    """A link that leads nowhere sends people away."""
    for name in ("api.md", "webhooks.md", "embedding.md"):
        for target, anchor in re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", page(name)):
            assert not target or (DOCS / target).is_file(), target
            if anchor:
                titles = re.findall(r"^#+ (.+)$", page(target or name), re.M)
                plain = [re.sub(r"[^a-z0-9 -]", "", t.lower()).replace(" ", "-") for t in titles]
                assert anchor in plain, (name, anchor)
