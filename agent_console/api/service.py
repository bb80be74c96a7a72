"""The API's web application: every request through the same narrow way.

key ─▶ pace ─▶ scope ─▶ query and body ─▶ (idempotency) ─▶ handler ─▶ JSON or problem
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import msgspec
import structlog
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.routing import Route as Address

from agent_console.api.answers import CODES, known_problem, problem
from agent_console.api.events import EventSockets
from agent_console.api.guard import Denied, Guard, check_scope
from agent_console.api.openapi import describe
from agent_console.api.ports import ApiPorts, Key
from agent_console.api.repeats import Repeats
from agent_console.api.routes import Asked, Route, all_routes
from agent_console.http_limits import read_body
from agent_console.ports import Refusal
from agent_console.problems import TryAgain
from agent_console.rest import as_json

log = structlog.get_logger(__name__)

PATH = "/api/v1"


def create_api(ports: ApiPorts) -> Starlette:
    """The application that is mounted at `PATH`."""
    routes = all_routes()
    service = _Service(ports, routes)
    sockets = EventSockets(ports, service.guard)
    addresses: list[BaseRoute] = [
        Address("/openapi.json", service.description, methods=["GET"]),
        WebSocketRoute("/events", sockets.serve),
    ]
    for path in dict.fromkeys(route.path for route in routes):
        by_method = {route.method: route for route in routes if route.path == path}
        addresses.append(Address(path, service.at(by_method), methods=list(by_method)))
    api = Starlette(
        routes=addresses,
        exception_handlers={HTTPException: _http, Exception: _broken},  # type: ignore[dict-item]
    )
    api.router.redirect_slashes = False
    api.state.sockets = sockets
    return api


class _Service:
    def __init__(self, ports: ApiPorts, routes: tuple[Route, ...]) -> None:
        self._ports = ports
        self.guard = Guard(ports.keys, ports.settings, ports.clock)
        self._repeats = Repeats(ports.answers)
        self._description = msgspec.json.encode(describe(routes, ports.version))

    async def description(self, request: Request) -> Response:
        """For everybody: it tells what the documentation tells."""
        return Response(self._description, media_type="application/json")

    def at(self, by_method: dict[str, Route]) -> Any:
        async def answer(request: Request) -> Response:
            # Starlette answers HEAD wherever GET is: as GET does, without the body.
            method = "GET" if request.method == "HEAD" else request.method
            return await self._answer(request, by_method[method])

        return answer

    async def _answer(self, request: Request, route: Route) -> Response:
        headers: dict[str, str] = {}
        try:
            key = await self.guard.key(request)
            headers = self.guard.pace(key)
            check_scope(key, route.scope)
            if route.unbound_only and key.agent:
                raise Denied("supervisors-only")
            response = await self._carry_out(request, route, key)
        except Refusal as why:
            response = refused(why)
        except Exception as wrong:
            response = broken(request.url.path, wrong)
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response

    async def _carry_out(self, request: Request, route: Route, key: Key) -> Response:
        query = _checked(route.query, _query(request))
        raw = await self._body(request) if route.method not in ("GET", "HEAD") else b""
        body = _checked(route.body, _json(request, raw)) if route.body is not None else None
        wanted = request.headers.get("range", "")
        asked = Asked(key, dict(request.path_params), query, body, wanted)

        async def do() -> Response:
            try:
                told = await route.handler(self._ports, asked)
            except Refusal as why:
                return refused(why)
            except Exception as wrong:
                return broken(request.url.path, wrong)
            return told if isinstance(told, Response) else as_json(told[1], told[0])

        name = request.headers.get("idempotency-key")
        if name is None or request.method in ("GET", "HEAD"):
            # What was begun is finished, whether the program waits for it or not.
            return await asyncio.shield(asyncio.ensure_future(do()))
        fingerprint = hashlib.sha256(
            b"\n".join((request.method.encode(), request.url.path.encode(), raw))
        ).hexdigest()
        return await self._repeats.once(key, name, fingerprint, do)

    async def _body(self, request: Request) -> bytes:
        settings = self._ports.settings
        length = request.headers.get("content-length", "0")
        body = None
        if length.isdecimal() and len(length) < 16 and int(length) <= settings.body_limit:
            try:
                async with asyncio.timeout(settings.body_within_s):
                    body = await read_body(request.receive, settings.body_limit)
            except TimeoutError:
                raise Denied("too-late") from None
        if body is None:
            raise Denied("too-large", {"Connection": "close"})
        return body


def _query(request: Request) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in found:
            raise _bad([(name, "given twice")])
        found[name] = value
    return found


def _json(request: Request, raw: bytes) -> object:
    if not raw:
        return {}
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent != "application/json":
        raise Denied("not-json")
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise _bad([("body", "this is not JSON")]) from None


def _checked(model: type[BaseModel], given: object) -> BaseModel:
    try:
        return model.model_validate(given)
    except ValidationError as wrong:
        # Where and why, but never what was sent: it may be secret.
        found = wrong.errors(include_url=False, include_context=False, include_input=False)[:20]
        errors = [(".".join(str(part)[:50] for part in one["loc"]), one["msg"]) for one in found]
        raise _bad(errors) from None


def _bad(errors: list[tuple[str, str]]) -> Denied:
    told = [{"where": where, "why": why} for where, why in errors]
    where, why = errors[0] if errors else ("", "invalid")
    denied = Denied("bad-request", errors=told)
    denied.message = f"{where}: {why}" if where else why
    return denied


def refused(why: Refusal) -> Response:
    """A refusal as a problem."""
    if isinstance(why, Denied):
        return problem(why.status, why.code, why.message, why.headers, **why.more)
    headers = {"Retry-After": "2"} if isinstance(why, TryAgain) or why.status == 503 else None
    return problem(why.status, why.code, why.message, headers)


def broken(path: str, wrong: Exception) -> Response:
    """The answer to what nobody foresaw: the log has all of it, the answer only its number."""
    response = known_problem("internal")
    instance = msgspec.json.decode(bytes(response.body))["instance"]
    log.error("api-request-failed", instance=instance, path=path, exc_info=wrong)
    return response


async def _http(request: Request, wrong: HTTPException) -> Response:
    code = {404: "not-found", 405: "method-not-allowed"}.get(wrong.status_code, "bad-request")
    return problem(wrong.status_code, code, CODES[code][1], wrong.headers)


async def _broken(request: Request, wrong: Exception) -> Response:
    return broken(request.url.path, wrong)
