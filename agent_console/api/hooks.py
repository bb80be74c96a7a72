"""Webhooks over the API: subscriptions, a test ping, secrets, and the dead letters."""

from __future__ import annotations

from typing import Any

from agent_console.api import shapes
from agent_console.api.carrying_out import by
from agent_console.api.ports import ApiPorts
from agent_console.api.routes import Asked, Route
from agent_console.api.vocabulary import is_pattern
from agent_console.ports import Refusal

SCOPE = "webhooks:manage"


def _check(types: list[str] | None) -> None:
    for one in types or ():
        if not is_pattern(one):
            raise Refusal("bad-request", "types: name events of the vocabulary, or a group.*", 422)


def _letter(asked: Asked) -> int:
    text = asked.path["letter_id"]
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Refusal("not-found", "There is no such dead letter.", 404)
    return int(text)


async def listed(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    return 200, {"webhooks": await ports.webhooks.all()}


async def made(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    _check(asked.body.types)
    return 201, await ports.webhooks.create(asked.body.model_dump(), by(asked.key))


async def one(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    return 200, await ports.webhooks.get(asked.path["webhook_id"])


async def changed(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    _check(asked.body.types)
    given = {k: v for k, v in asked.body.model_dump().items() if v is not None}
    return 200, await ports.webhooks.change(asked.path["webhook_id"], given)


async def deleted(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    await ports.webhooks.delete(asked.path["webhook_id"])
    return 200, {}


async def pinged(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    return 200, await ports.webhooks.ping(asked.path["webhook_id"])


async def rotated(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    return 200, await ports.webhooks.rotate(asked.path["webhook_id"])


async def old_dropped(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    return 200, await ports.webhooks.drop_old_secret(asked.path["webhook_id"])


async def letters(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    query: shapes.LettersQuery = asked.query
    found = await ports.webhooks.letters(asked.path["webhook_id"], query.after, query.limit)
    return 200, {"letters": found}


async def resent(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    return 200, await ports.webhooks.resend(asked.path["webhook_id"], _letter(asked))


async def letter_dropped(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    await ports.webhooks.drop_letter(asked.path["webhook_id"], _letter(asked))
    return 200, {}


def _route(method: str, path: str, summary: str, handler: Any, answer: Any, **more: Any) -> Route:
    if "{" in path:
        more.setdefault("refusals", ("not-found",))
    return Route(
        method=method,
        path=f"/webhooks{path}",
        scope=SCOPE,
        tag="webhooks",
        summary=summary,
        handler=handler,
        answer=answer,
        unbound_only=True,
        **more,
    )


_EXAMPLE = {"name": "CRM", "url": "https://crm.example.com/hooks/calls", "types": ["call.*"]}

ROUTES: tuple[Route, ...] = (
    _route("GET", "", "All webhooks", listed, shapes.WebhookList),
    _route(
        "POST",
        "",
        "Make a webhook",
        made,
        shapes.Webhook,
        description="The answer tells the signing secret, once. Events that come from now on are "
        "delivered at least once, in order.",
        body=shapes.NewWebhook,
        example=_EXAMPLE,
        status=201,
        refusals=("address-refused", "too-many-webhooks"),
    ),
    _route("GET", "/{webhook_id}", "One webhook", one, shapes.Webhook),
    _route(
        "PATCH",
        "/{webhook_id}",
        "Change a webhook",
        changed,
        shapes.Webhook,
        body=shapes.ChangedWebhook,
        example={"enabled": False},
        refusals=("not-found", "address-refused"),
    ),
    _route("DELETE", "/{webhook_id}", "End a webhook", deleted, shapes.Nothing),
    _route(
        "POST",
        "/{webhook_id}/ping",
        "Send a test event and tell what came of it",
        pinged,
        shapes.Ping,
        body=shapes.Given,
    ),
    _route(
        "POST",
        "/{webhook_id}/rotate",
        "A new secret; the earlier one signs too until it is dropped",
        rotated,
        shapes.Webhook,
        body=shapes.Given,
    ),
    _route(
        "POST",
        "/{webhook_id}/drop-old-secret",
        "From now on only the newest secret signs",
        old_dropped,
        shapes.Webhook,
        body=shapes.Given,
    ),
    _route(
        "GET",
        "/{webhook_id}/dead-letters",
        "Events that could not be delivered",
        letters,
        shapes.Letters,
        query=shapes.LettersQuery,
    ),
    _route(
        "POST",
        "/{webhook_id}/dead-letters/{letter_id}/resend",
        "Send a dead letter again; off the list when it is taken",
        resent,
        shapes.Ping,
        body=shapes.Given,
    ),
    _route(
        "DELETE",
        "/{webhook_id}/dead-letters/{letter_id}",
        "Take a dead letter off the list",
        letter_dropped,
        shapes.Nothing,
    ),
)
