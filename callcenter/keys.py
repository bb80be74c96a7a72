"""`callcenter key …`: keys for other programs. A key is shown once, when it is made."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from agent_console.api.scopes import SCOPES
from config.check import ConfigErrors, load_site
from config.settings import Settings
from storage.apikeys import ApiKey, ApiKeys
from storage.database import opened

app = typer.Typer(help="Keys with which other programs use the API.", no_args_is_help=True)
out = Console()
T = TypeVar("T")
_LONGEST = len("99999d")  # what comes after it can be no date


def _with_keys(work: Callable[[ApiKeys], Awaitable[T]]) -> T:
    async def run() -> T:
        async with opened(Settings().database) as engine:
            return await work(ApiKeys(engine))

    try:
        return asyncio.run(run())
    except (ValueError, LookupError) as error:
        _fail(str(error))


def _agents() -> list[str]:
    """The site's agents; raises SystemExit when the site has mistakes."""
    try:
        return list(load_site(Settings().site_folder).agents)
    except ConfigErrors as errors:
        _fail(f"The site cannot be read: {errors.mistakes[0]}")


def _fail(message: str) -> NoReturn:
    Console(stderr=True).print(f"[red]{message}[/]", highlight=False, soft_wrap=True)
    raise SystemExit(1) from None


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Who uses it; shown in the calls' timelines.")],
    scopes: Annotated[str, typer.Option(help=f"With commas: {', '.join(SCOPES)}.")],
    agent: Annotated[str, typer.Option(help="It may act for this agent only.")] = "",
    expires: Annotated[str, typer.Option(help="90d, 12h or a date; default: never.")] = "",
) -> None:
    """Make a key and show it, this once."""
    wanted = [word.strip() for word in scopes.split(",") if word.strip()]
    for one in wanted:
        if one not in SCOPES:
            _fail(f"There is no scope {one}. There are: {', '.join(SCOPES)}.")
    if agent and agent not in (known := _agents()):
        _fail(f"The site has no agent {agent}. There are: {', '.join(known)}.")
    try:
        until = parse_expiry(expires)
    except ValueError as error:
        _fail(str(error))
    _, text = _with_keys(lambda keys: keys.create(name, wanted, agent=agent, expires=until))
    # Alone on standard output, so that a script can take it.
    print(text)
    note = "Keep it now: it is not shown again. To shut it out: callcenter key revoke"
    Console(stderr=True).print(f"{note} {name}", highlight=False, soft_wrap=True)


@app.command("list")
def show() -> None:
    """All keys: who may do what, and when each was last used."""
    table = Table("id", "name", "may", "agent", "expires", "last used", "", box=None)
    for key in _with_keys(lambda keys: keys.list_keys()):
        state = "[red]revoked[/]" if key.revoked is not None else ""
        table.add_row(
            key.key_id,
            key.name,
            " ".join(sorted(key.scopes)),
            key.agent,
            _day(key.expires),
            _day(key.last_used),
            state,
        )
    out.print(table)


@app.command("revoke")
def revoke(which: Annotated[str, typer.Argument(help="The key's name or id.")]) -> None:
    """Shut a key out for good, also its open streams."""
    key: ApiKey = _with_keys(lambda keys: keys.revoke(which))
    out.print(f"{key.name} ({key.key_id}) opens nothing any more.", highlight=False)


def _day(moment: float | None) -> str:
    return "" if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M")


def parse_expiry(text: str, now: float | None = None) -> float | None:
    """When a key's time is over: "90d", "12h", or a date "2027-01-31" (UTC); "" is never.

    Raises ValueError.
    """
    if not text:
        return None
    now = time.time() if now is None else now
    units = {"h": 3600.0, "d": 86400.0}
    if text[:-1].isdecimal() and text[-1] in units:
        if len(text) > _LONGEST:
            raise ValueError(f"{text!r} is too long: leave it out for a key without an end")
        return now + int(text[:-1]) * units[text[-1]]
    try:
        until = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r}: write 90d, 12h, or a date such as 2027-01-31") from None
    moment = (until if until.tzinfo else until.replace(tzinfo=UTC)).timestamp()
    if moment <= now:
        raise ValueError(f"{text!r} is over already")
    return moment
