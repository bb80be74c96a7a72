"""The console's web application, put together from what the composition root hands in.

    app = create_app(floor=…, phones=…, history=…, customers=…, accounts=…, live=…,
                     settings=ConsoleSettings(origins=("https://calls.example.com",)),
                     metrics=…, health=…)
    server = uvicorn.Server(uvicorn.Config(app, **serve_options(settings)))
    await server.serve(sockets=[listen("127.0.0.1", 8080)])

`app.state.consoles` (`agent_console.consoles.Consoles`) says which agents have a console and
ends websockets; call its `end_user` when a user's role or password was changed.
"""

from __future__ import annotations

import contextlib
import socket as sockets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from fastapi import Depends, FastAPI
from starlette.websockets import WebSocket

from agent_console import problems, rest
from agent_console.api import service as api
from agent_console.api.ports import ApiPorts
from agent_console.auth import Door, guard
from agent_console.consoles import Consoles
from agent_console.http_limits import ChangesFromHereOnly, SecurityHeaders
from agent_console.live import LiveStore
from agent_console.ports import (
    Accounts,
    Customers,
    Floor,
    History,
    Phones,
    Recordings,
    User,
)
from agent_console.recordings import recording_routes
from agent_console.settings import ConsoleSettings
from agent_console.sip_relay import SipRelay
from agent_console.websocket import LiveSockets, rooms_of


def create_app(
    *,
    floor: Floor,
    phones: Phones,
    history: History,
    customers: Customers,
    accounts: Accounts,
    live: LiveStore,
    settings: ConsoleSettings,
    metrics: Callable[[], bytes],
    health: Callable[[], Mapping[str, object]],
    rooms: Callable[[User], Sequence[str]] = rooms_of,
    clock: Callable[[], float] = time.time,
    programs: ApiPorts | None = None,
    recordings: Recordings | None = None,
) -> FastAPI:
    """Build the application. `health()["ready"]` tells /readyz; `clock` is UTC epoch seconds.

    With `programs` other programs find the API below `agent_console.api.service.PATH`.
    """
    door = Door(accounts, settings, clock)
    consoles = Consoles(floor)
    open_api = api.create_api(programs) if programs is not None else None

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        if open_api is not None:
            open_api.state.sockets.end_all()
        consoles.end_all()
        await consoles.settle()

    app = FastAPI(
        title="Call center console",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.door = door
    app.state.consoles = consoles
    problems.install(app)
    app.add_middleware(ChangesFromHereOnly, door=door, settings=settings)
    app.add_middleware(SecurityHeaders, settings=settings)

    live_sockets = LiveSockets(
        door=door,
        live=live,
        floor=floor,
        consoles=consoles,
        settings=settings,
        rooms=rooms,
        clock=clock,
    )
    relay = SipRelay(door=door, phones=phones, consoles=consoles, settings=settings)

    @app.websocket("/live")
    async def live_socket(websocket: WebSocket) -> None:
        await live_sockets.serve(websocket)

    @app.websocket("/sip")
    async def sip_socket(websocket: WebSocket) -> None:
        await relay.serve(websocket)

    if open_api is not None:
        app.mount(api.PATH, open_api)
    for router in (
        rest.log_in_routes(door, phones, consoles, settings),
        rest.history_routes(history),
        rest.customer_routes(customers),
        recording_routes(recordings),
        rest.machine_routes(metrics, health, settings),
        rest.page_routes(settings),  # last: it answers for every address that is left
    ):
        app.include_router(router, dependencies=[Depends(guard)])
    return app


def serve_options(settings: ConsoleSettings) -> dict[str, Any]:
    """What uvicorn is to be run with."""
    return {
        # The other implementation uses what the websockets library has deprecated.
        "ws": "websockets-sansio",
        "http": "httptools",
        # 30 kB for each console instead of 64, and no CPU for squeezing small frames.
        "ws_per_message_deflate": False,
        "ws_max_size": max(settings.frame_limit, settings.sip_frame_limit),
        "ws_ping_interval": 20.0,
        "ws_ping_timeout": 20.0,
        "proxy_headers": bool(settings.trusted_proxies),
        "forwarded_allow_ips": list(settings.trusted_proxies),
        "server_header": False,
        "access_log": False,
        "log_config": None,
        "lifespan": "on",
        "timeout_keep_alive": 30,
        "timeout_graceful_shutdown": 5,
    }


def listen(host: str, port: int, *, gone_after_s: float = 40.0) -> sockets.socket:
    """A listening socket whose connections die when the other side takes nothing for that long.

    Otherwise a browser that is stopped, but whose machine is up, holds its connection and
    what is buffered for it for ever.
    """
    family = sockets.AF_INET6 if ":" in host else sockets.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY: else an answer may wait 40 ms for an ACK.
    listening = sockets.socket(family, sockets.SOCK_STREAM, sockets.IPPROTO_TCP)
    try:
        listening.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
        if user_timeout := getattr(sockets, "TCP_USER_TIMEOUT", None):
            milliseconds = int(gone_after_s * 1000)
            listening.setsockopt(sockets.IPPROTO_TCP, user_timeout, milliseconds)
        listening.bind((host, port))
        listening.listen(1024)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        why = error.strerror or str(error)
        message = f"the console's port {host}:{port}: {why}; CALLCENTER_PORT chooses another"
        raise OSError(message) from error
    return listening
