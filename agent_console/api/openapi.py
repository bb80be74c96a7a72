"""The description of the API (OpenAPI 3.1), drawn from the table of routes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from agent_console.api.answers import CODES, PROBLEM
from agent_console.api.events import Close
from agent_console.api.routes import Route
from agent_console.api.scopes import SCOPES
from agent_console.api.shapes import Problem
from agent_console.api.vocabulary import EVENTS, VERSION

_REF = "#/components/schemas/{model}"
_ALWAYS = ("no-key", "unknown-key", "expired-key", "revoked-key", "too-many-requests", "internal")
_WITH_BODY = ("too-late", "too-large", "not-json", "bad-request")
_IDEMPOTENT = (
    "bad-idempotency-key",
    "idempotency-key-reused",
    "outcome-unknown",
    "too-many-idempotency-keys",
)
_IN_PATH = {
    "alert": "An alert's `alert`",
    "call_id": "The call's id",
    "agent": "The agent's id",
    "offer_id": "The offer's id, from call.offered",
    "leg_id": "The leg's id, from `live.legs` or the consultation's answer",
    "item_id": "The work item's id",
    "queue": "The queue's id",
    "callback": "The callback's id",
    "recording": "The message's id, which is that of its recording",
    "customer_id": "The customer's id",
    "webhook_id": "The webhook's id",
    "recording_id": "The recording's id",
    "letter_id": "The dead letter's id",
}
_ABOUT = """Look at a call center and control it from other programs.

Errors are `application/problem+json` (RFC 9457) with a stable `code`. Moments are UTC epoch
seconds, durations end in `_s`. Programs must bear fields that they do not know. Every order
takes an `Idempotency-Key`. How often a key may ask is told by the `RateLimit-…` headers."""


def describe(routes: Iterable[Route], version: str) -> dict[str, Any]:
    """The whole document."""
    routes = tuple(routes)
    models = {model for route in routes for model in _models(route)} | {Problem}
    wanted = [(model, "validation") for model in sorted(models, key=lambda m: m.__name__)]
    _, schemas = models_json_schema(wanted, ref_template=_REF)  # type: ignore[arg-type]
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    paths["/events"] = {"get": _stream()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Call center", "version": version, "description": _ABOUT},
        "servers": [{"url": "/api/v1"}],
        "security": [{"key": []}],
        "tags": [{"name": name} for name in dict.fromkeys(route.tag for route in routes)],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`callcenter key new NAME --scopes …`. Scopes: "
                    + "; ".join(f"`{name}`: {about}" for name, about in SCOPES.items()),
                }
            },
        },
        "x-scopes": SCOPES,
        "x-events": {"version": VERSION, "types": EVENTS},
        "x-codes": {code: {"status": s, "detail": d} for code, (s, d) in CODES.items()},
    }


def _models(route: Route) -> Iterable[type[BaseModel]]:
    if route.answer is not None:
        yield route.answer
    if route.body is not None:
        yield route.body


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _operation(route: Route) -> dict[str, Any]:
    scope = f"Needs the scope `{route.scope}`." if route.scope else "Every key may."
    unbound = "Not for keys that are bound to an agent." if route.unbound_only else ""
    found: dict[str, Any] = {
        "operationId": route.operation,
        "tags": [route.tag],
        "summary": route.summary,
        "description": " ".join(filter(None, (route.description, scope, unbound))),
        "x-scope": route.scope,
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": _responses(route),
    }
    if route.method not in ("GET", "HEAD"):
        found["parameters"].append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The same key with the same body within 24 hours is answered the "
                "same, without doing it again.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 64},
            }
        )
    if route.body is not None:
        content: dict[str, Any] = {"schema": _ref(route.body)}
        if route.example is not None:
            content["example"] = route.example
        required = any(one.is_required() for one in route.body.model_fields.values())
        found["requestBody"] = {"required": required, "content": {"application/json": content}}
    return found


def _path_parameters(route: Route) -> Iterable[dict[str, Any]]:
    for part in route.path.split("/"):
        if part.startswith("{"):
            name = part.strip("{}")
            yield {
                "name": name,
                "in": "path",
                "required": True,
                "description": _IN_PATH[name],
                "schema": {"type": "string", "maxLength": 200},
            }


def _query_parameters(route: Route) -> Iterable[dict[str, Any]]:
    schema = route.query.model_json_schema()
    for name, one in schema.get("properties", {}).items():
        about = one.pop("description", "")
        yield {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": about,
            "schema": one,
        }


def _responses(route: Route) -> dict[str, Any]:
    result = route.order.result if route.order is not None else ""
    about = f"Done. `result` is {result}." if result else "Done."
    content: dict[str, Any] = {"audio/wav": {}}
    if route.answer is not None:
        content = {"application/json": {"schema": _ref(route.answer)}}
    found: dict[str, Any] = {str(route.status): {"description": about, "content": content}}
    codes = [*_ALWAYS, "bad-request"]
    codes += ["scope-missing"] if route.scope else []
    codes += ["supervisors-only"] if route.unbound_only else []
    if route.method != "GET":
        codes += [*_WITH_BODY, *_IDEMPOTENT]
    if route.order is not None and not route.unbound_only:
        codes += ["not-your-agent", "actor-needed", "not-found"]
    for code in (*dict.fromkeys(codes), *route.refusals):
        status = str(CODES[code][0]) if code in CODES else "4XX"
        about = CODES[code][1] if code in CODES else "Refused by the floor; nothing has changed."
        one = found.setdefault(
            status,
            {
                "description": "",
                "content": {PROBLEM: {"schema": _ref(Problem), "examples": {}}},
            },
        )
        one["description"] += f"{'; ' if one['description'] else ''}`{code}`: {about}"
        number = CODES[code][0] if code in CODES else 409
        one["content"][PROBLEM]["examples"][code] = {
            "value": {
                "type": f"urn:callcenter:problem:{code}",
                "title": about,
                "status": number,
                "detail": about,
                "code": code,
                "instance": "urn:uuid:5f0c2f9e-8a53-4f0e-9d5c-3a1b6f1e7c11",
            }
        }
    return found


def _stream() -> dict[str, Any]:
    about = (
        "A websocket. Events come in order; after a lost connection, resume with `after`. "
        "Close codes: " + ", ".join(f"{c.value} {c.name.lower()}" for c in Close)
    )
    names = {
        "after": "The sequence of the last event that you have; left out: from now on",
        "types": "Such as call.*,agent.state; left out: all",
        "queues": "Only what is about these queues' calls",
    }
    return {
        "operationId": "events",
        "tags": ["events"],
        "summary": "The stream of events",
        "description": f"{about}. Needs the scope `events:read`.",
        "x-scope": "events:read",
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": text,
                "schema": {"type": "integer" if name == "after" else "string"},
            }
            for name, text in names.items()
        ],
        "responses": {
            "101": {"description": "Switching protocols: the stream begins."},
            "default": {
                "description": "Refused.",
                "content": {PROBLEM: {"schema": _ref(Problem)}},
            },
        },
    }
