"""Everything that is asked over HTTP. Live figures come over the websocket only."""

from __future__ import annotations

import hmac
import secrets
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, Any, TypeVar

import msgspec
import structlog
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from agent_console.auth import AGENT_PHONE, SESSION, VISITOR_PHONE, Door, TheUser
from agent_console.consoles import Consoles
from agent_console.pace import Pace, address_key
from agent_console.ports import Customers, History, Phones, Refusal
from agent_console.problems import TooOften, TryAgain
from agent_console.settings import ConsoleSettings
from agent_console.static_files import page_or_asset
from agent_console.websocket import as_me

log = structlog.get_logger(__name__)

_LONGEST_SPAN_S = 400 * 86400.0
_LOOPBACK = frozenset(("127.0.0.1", "::1"))
_PASSED_ON = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
# Checking a password takes a tenth of a second of a core: more than this nobody waits for.
_PASSWORDS_WAITING = 200


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class LogIn(_Body):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    password: Annotated[str, Field(min_length=1, max_length=1000)]


class Note(_Body):
    text: Annotated[str, Field(min_length=1, max_length=8000)]


Moment = Annotated[float, Query(ge=0, le=1e11, allow_inf_nan=False)]
Minutes = Annotated[int, Query(ge=5, le=1440)]
QueueId = Annotated[str, Query(max_length=200)]

_Thing = TypeVar("_Thing")


def as_json(value: object, status: int = 200) -> Response:
    """An answer of plain data; msgspec writes it as it is, text stays text."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def as_csv(text: str, name: str) -> Response:
    return Response(
        text.encode(errors="replace"),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def address(request: Request) -> str:
    return address_key(request.client.host if request.client else "")


class _PasswordChecks:
    """Log-ins: paced for each account and each address."""

    def __init__(self, door: Door, settings: ConsoleSettings) -> None:
        self._door = door
        self._accounts = Pace(settings.logins_per_minute_account)
        self._addresses = Pace(settings.logins_per_minute_address)
        self._waiting = 0

    async def log_in(self, request: Request, given: LogIn) -> Any:
        """The user; raises `Refusal`. Only failures use up the allowance."""
        buckets = [
            self._addresses.of(address(request)),
            self._accounts.of(unicodedata.normalize("NFKC", given.name).strip().casefold()),
        ]
        for bucket in buckets:
            if not bucket.take():
                raise TooOften("Too many attempts. Wait a little.", bucket.wait_s)
        user = await self._verify(given)
        if user is None:
            log.warning("log-in-refused", name=given.name, address=address(request))
            raise Refusal("bad-credentials", "Name or password is wrong.", 401)
        for bucket in buckets:
            bucket.give_back()
        return user

    async def _verify(self, given: LogIn) -> Any:
        if self._waiting >= _PASSWORDS_WAITING:
            raise TryAgain
        self._waiting += 1
        try:
            return await self._door.accounts.verify(given.name, given.password)
        except Exception as wrong:
            log.error("log-in-failed", exc_info=wrong)
            raise TryAgain from wrong
        finally:
            self._waiting -= 1


def log_in_routes(
    door: Door, phones: Phones, consoles: Consoles, settings: ConsoleSettings
) -> APIRouter:
    router = APIRouter()
    checks = _PasswordChecks(door, settings)
    web_phones = Pace(settings.web_phones_per_minute_address)

    @router.get("/api/welcome")
    async def welcome(request: Request) -> Response:
        virtual = not phones.sip_url()
        told: dict[str, object] = {
            "company": settings.company,
            "embed_origins": list(settings.embed_origins),
            "demo": settings.demo,
            "demo_users": [dict(user) for user in settings.demo_users if settings.demo],
            "web_phone": settings.web_phone and not virtual,
            "web_phone_caller": settings.web_phone_caller,
            "virtual": virtual,
        }
        # Without "me" it is not known who asks; the page itself is shown all the same.
        with suppress(TryAgain):
            user = await door.user(request)
            told["me"] = as_me(user) if user else None
        return as_json(told)

    @router.post("/api/login")
    async def log_in(request: Request, given: LogIn) -> Response:
        user = await checks.log_in(request, given)
        before = door.token(request)
        # Always a new id: one that was planted in this browser beforehand opens nothing.
        token = await door.accounts.new_session(user.user_id)
        if before:
            await door.accounts.end_session(before)
            consoles.end_session(before)
        answer = as_json(as_me(user))
        door.keep(request, answer, SESSION, token, settings.session_s)
        return answer

    @router.post("/api/logout")
    async def log_out(request: Request) -> Response:
        if token := door.token(request):
            consoles.end_session(token)
            await door.accounts.end_session(token)
        answer = as_json(None)
        door.forget(request, answer, SESSION)
        door.forget(request, answer, AGENT_PHONE)
        return answer

    @router.get("/api/me")
    async def me(user: TheUser) -> Response:
        return as_json(as_me(user))

    @router.post("/api/phone")
    async def phone(request: Request, user: TheUser) -> Response:
        if not user.agent_id:
            raise Refusal("takes-no-calls", "This user takes no calls.", 403)
        access = await phones.agent_access(user.agent_id)
        answer = as_json(access)
        ticket = door.write_ticket(AGENT_PHONE, user.agent_id, access["user"])
        door.keep(request, answer, AGENT_PHONE, ticket, settings.ticket_s)
        return answer

    @router.post("/api/webphone")
    async def web_phone(request: Request) -> Response:
        if not settings.web_phone:
            raise Refusal("web-phone-off", "The web phone is switched off here.", 404)
        bucket = web_phones.of(address(request))
        if not bucket.take():
            raise TooOften("Too many calls from here. Wait a little.", bucket.wait_s)
        known = door.read_ticket(request, VISITOR_PHONE)
        visitor = known.who if known else secrets.token_hex(8)
        access = await phones.caller_access(visitor)
        answer = as_json(access)
        ticket = door.write_ticket(VISITOR_PHONE, visitor, access["user"])
        door.keep(request, answer, VISITOR_PHONE, ticket, settings.ticket_s)
        return answer

    return router


def history_routes(history: History) -> APIRouter:
    router = APIRouter()

    @router.get("/api/calls")
    async def calls(
        since: Moment, until: Moment, limit: Annotated[int, Query(ge=1, le=1000)] = 200
    ) -> Response:
        _check_span(since, until)
        return as_json({"calls": await history.calls(since=since, until=until, limit=limit)})

    @router.get("/api/calls/{call_id}")
    async def call(call_id: str) -> Response:
        _check_id(call_id)
        return as_json(_found(await history.call(call_id)))

    @router.get("/api/reports/intervals")
    async def intervals(
        since: Moment, until: Moment, minutes: Minutes = 30, queue: QueueId = ""
    ) -> Response:
        _check_span(since, until)
        rows = await history.intervals(since=since, until=until, minutes=minutes, queue=queue)
        return as_json({"rows": rows})

    @router.get("/api/reports/intervals.csv")
    async def intervals_csv(
        since: Moment, until: Moment, minutes: Minutes = 30, queue: QueueId = ""
    ) -> Response:
        _check_span(since, until)
        text = await history.intervals_csv(since=since, until=until, minutes=minutes, queue=queue)
        return as_csv(text, "intervals.csv")

    return router


def customer_routes(customers: Customers) -> APIRouter:
    router = APIRouter()

    @router.get("/api/customers")
    async def search(
        q: Annotated[str, Query(min_length=1, max_length=200)],
        limit: Annotated[int, Query(ge=1, le=100)] = 8,
    ) -> Response:
        return as_json({"customers": await customers.search(q, limit)})

    @router.get("/api/customers.csv")
    async def export() -> Response:
        return as_csv(await customers.export_csv(), "customers.csv")

    @router.post("/api/customers.csv")
    async def import_csv(request: Request) -> Response:
        data = await request.body()
        if not data:
            raise Refusal("empty", "The file is empty.", 422)
        return as_json(await customers.import_csv(data))

    @router.get("/api/customers/{customer_id}")
    async def customer(customer_id: str) -> Response:
        _check_id(customer_id)
        return as_json(_found(await customers.get(customer_id)))

    @router.post("/api/customers/{customer_id}/notes")
    async def add_note(customer_id: str, note: Note, user: TheUser) -> Response:
        _check_id(customer_id)
        _found(await customers.get(customer_id))
        return as_json(await customers.add_note(customer_id, user.name, note.text))

    return router


def machine_routes(
    metrics: Callable[[], bytes],
    health: Callable[[], Mapping[str, object]],
    settings: ConsoleSettings,
) -> APIRouter:
    """For monitoring. `health()["ready"]` says whether calls can be served."""
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> Response:
        return as_json({"ok": True})

    @router.get("/readyz")
    async def readyz() -> Response:
        state = health()
        return as_json(state, 200 if state.get("ready") else 503)

    @router.get("/metrics")
    async def read_metrics(request: Request) -> Response:
        if not _may_read_metrics(request, settings.metrics_token):
            raise Refusal("forbidden", "Only from this machine, or with the token.", 403)
        return Response(metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def page_routes(settings: ConsoleSettings) -> APIRouter:
    router = APIRouter()

    @router.get("/{path:path}", include_in_schema=False)
    async def page(request: Request, path: str) -> Response:
        asked_by_hand = "text/html" in request.headers.get("accept", "")
        return page_or_asset(settings.static, path, for_reader=asked_by_hand)

    return router


def _may_read_metrics(request: Request, token: str) -> bool:
    if token:
        given = request.headers.get("authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    # Behind a proxy on this machine everybody would seem to be here.
    here = request.client is not None and request.client.host in _LOOPBACK
    return here and not any(name in request.headers for name in _PASSED_ON)


def _check_span(since: float, until: float) -> None:
    if not 0 <= until - since <= _LONGEST_SPAN_S:
        raise Refusal("bad-request", "until: must be after since, by at most 400 days", 422)


def _check_id(given: str) -> None:
    # No such id was ever given out; a database need not be asked about it.
    if not (0 < len(given) <= 200 and given.isprintable()):
        raise Refusal("not-found", "There is no such thing.", 404)


def _found(thing: _Thing | None) -> _Thing:
    if thing is None:
        raise Refusal("not-found", "There is no such thing.", 404)
    return thing
