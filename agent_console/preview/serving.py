"""The real application over the play."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence

import uvicorn
from fastapi import FastAPI

from agent_console.app import create_app, listen, serve_options
from agent_console.live import LiveStore
from agent_console.preview.company import USERS, PreviewAccounts, PreviewCustomers, PreviewPhones
from agent_console.preview.play import Play
from agent_console.preview.recordings import PreviewRecordings
from agent_console.settings import ConsoleSettings


def preview_app(settings: ConsoleSettings, sip_url: str = "") -> tuple[FastAPI, Play]:
    """The real application over the play."""
    live = LiveStore()
    customers = PreviewCustomers()
    play = Play(live, customers)
    recordings = PreviewRecordings()
    app = create_app(
        floor=play,
        phones=PreviewPhones(sip_url),
        history=play,
        customers=customers,
        accounts=PreviewAccounts(),
        live=live,
        settings=settings,
        metrics=lambda: b"# HELP preview 1 in a preview\npreview 1\n",
        health=lambda: {"ready": True, "switch_up": True},
        recordings=recordings,
    )
    app.state.recordings = recordings
    return app, play


def preview_settings(port: int, also: Sequence[str] = ()) -> ConsoleSettings:
    here = tuple(f"http://{host}:{port}" for host in ("127.0.0.1", "localhost"))
    return ConsoleSettings(
        origins=(*here, *also),
        company="Preview Ltd.",
        demo=True,
        web_phone_caller="Grace Hopper",
        demo_users=[
            {"name": name, "password": name, "role": user.role} for name, user in USERS.items()
        ],
    )


async def _serve(port: int, also: Sequence[str]) -> None:
    settings = preview_settings(port, also)
    app, play = preview_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, **serve_options(settings)))
    with listen("127.0.0.1", port) as listening:
        running = asyncio.create_task(play.run())
        print(f"http://127.0.0.1:{port}/  log in as anna/anna, sam/sam or admin/admin", flush=True)
        try:
            await server.serve(sockets=[listening])
        finally:
            running.cancel()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="The console over a play in memory.")
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument(
        "--origin",
        action="append",
        default=["http://localhost:5173", "http://127.0.0.1:5173"],
        help="another address from which the pages are loaded (a development server)",
    )
    given = parser.parse_args()
    asyncio.run(_serve(given.port, given.origin))


if __name__ == "__main__":
    main()
