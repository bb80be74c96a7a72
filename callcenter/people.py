"""`callcenter user …`: who may log in. There are no default accounts outside the demonstration."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from config.check import ConfigErrors, load_site
from config.settings import Settings
from ivr.mistakes import suggestion
from storage.database import opened
from storage.users import Users

app = typer.Typer(help="Who may log in at the console.", no_args_is_help=True)
out = Console()
T = TypeVar("T")


def _with_users(work: Callable[[Users], Awaitable[T]]) -> T:
    async def run() -> T:
        async with opened(Settings().database) as engine:
            return await work(Users(engine))

    try:
        return asyncio.run(run())
    except (ValueError, LookupError) as error:
        Console(stderr=True).print(f"[red]{error}[/]", highlight=False)
        raise SystemExit(1) from None


def _password() -> str:
    """Asked for at a terminal, twice; read from standard input otherwise."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    answer: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer


def _check_agent(named: str, implied: str) -> None:
    """Refuse an agent that the site does not have; only warn of a log-in that is none's name."""
    err = Console(stderr=True)
    folder = Settings().site_folder
    try:
        agents = load_site(folder).agents
    except ConfigErrors as errors:
        err.print(f"[yellow]{folder} has mistakes; see callcenter check-config: {errors}[/]")
        return
    if named and named not in agents:
        what = f"There is no agent '{named}' in {folder}: {suggestion(named, agents)}"
        err.print(f"[red]{what}[/]", highlight=False, soft_wrap=True)
        raise SystemExit(1)
    if not named and implied and implied not in agents:
        what = f"{folder} has no agent '{implied}'; this user takes no calls until it has one."
        err.print(f"[yellow]{what}[/]", highlight=False, soft_wrap=True)


@app.command("add")
def add(
    user_id: Annotated[str, typer.Argument(help="What is typed at the log-in.")],
    name: Annotated[str, typer.Option(help="Shown to others; default: the log-in.")] = "",
    role: Annotated[str, typer.Option(help="agent, supervisor or admin.")] = "agent",
    agent: Annotated[str, typer.Option(help="The agent of site.yaml whose calls this takes.")] = "",
    language: Annotated[str, typer.Option(help="en or zh.")] = "en",
) -> None:
    """Make a user; the password is asked for."""
    _check_agent(agent, user_id if role == "agent" else "")
    password = _password()
    shown, takes = name or user_id, agent or (user_id if role == "agent" else "")
    _with_users(
        lambda users: users.create(
            user_id, shown, role, password, agent_id=takes, language=language
        )
    )
    out.print(f"User {user_id} can log in as {role}.", highlight=False)


@app.command("password")
def password(user_id: Annotated[str, typer.Argument()]) -> None:
    """Give a user another password; every session of theirs ends."""
    new = _password()
    _with_users(lambda users: users.set_password(user_id, new))
    out.print("Changed.", highlight=False)


@app.command("list")
def show() -> None:
    """All users."""
    table = Table("log-in", "name", "role", "agent", box=None)
    for user in _with_users(lambda users: users.list_users()):
        table.add_row(user.user_id, user.name, user.role, user.agent_id)
    out.print(table)
