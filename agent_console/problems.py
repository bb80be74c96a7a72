"""Every refusal over HTTP, as application/problem+json (RFC 9457) with a stable `code`.

401 not-logged-in, bad-credentials       403 forbidden, foreign-origin
404 not-found                            405 method-not-allowed
409 and others: what the floor refuses   413 too-large
415 not-json                             422 bad-request
429 too-many-attempts                    500 internal
503 try-again
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from agent_console.ports import Refusal

log = structlog.get_logger(__name__)

CODES = {
    400: "bad-request",
    401: "not-logged-in",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    415: "not-json",
    422: "bad-request",
}


class TooOften(Refusal):
    """Asked too often; `wait_s` says when to ask again."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__("too-many-attempts", message, 429)
        self.wait_s = wait_s


class TryAgain(Refusal):
    """Something that this needs is away for the moment."""

    def __init__(self, message: str = "This cannot be done at the moment. Try again.") -> None:
        super().__init__("try-again", message, 503)


def problem(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None, **more: object
) -> Response:
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": message,
        # The same name as in the websocket's refusals.
        "message": message,
        **more,
    }
    return Response(
        msgspec.json.encode(body),
        status,
        headers=dict(headers or {}),
        media_type="application/problem+json",
    )


def refusal(why: Refusal) -> Response:
    headers = {}
    if isinstance(why, TooOften):
        headers["Retry-After"] = str(max(1, round(why.wait_s)))
    return problem(why.status, why.code, why.message, headers)


def install(app: FastAPI) -> None:
    """Every exception that a route raises on purpose becomes a problem."""

    @app.exception_handler(Refusal)
    async def refused(request: Request, why: Refusal) -> Response:
        return refusal(why)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, wrong: RequestValidationError) -> Response:
        # Where and why, but never what was sent: it may be a password.
        errors = [
            {"where": ".".join(str(part)[:50] for part in error["loc"]), "why": error["msg"]}
            for error in wrong.errors()[:20]
        ]
        first = errors[0] if errors else {"where": "", "why": "invalid"}
        message = f"{first['where']}: {first['why']}"
        return problem(422, "bad-request", message, errors=errors)

    @app.exception_handler(HTTPException)
    async def http(request: Request, wrong: HTTPException) -> Response:
        code = CODES.get(wrong.status_code, f"http-{wrong.status_code}")
        return problem(wrong.status_code, code, str(wrong.detail), wrong.headers)


def broken(path: str, wrong: Exception) -> Response:
    """The answer to what nobody foresaw: the log has all of it, the answer only its number."""
    incident = secrets.token_hex(4)
    log.error("request-failed", incident=incident, path=path, exc_info=wrong)
    message = f"This failed; the log has it as incident {incident}."
    return problem(500, "internal", message, incident=incident)
