"""Orders carried out: who acts is found, the floor does it, the journal names the key."""

from __future__ import annotations

from typing import Any, cast

from pydantic import BaseModel, ValidationError

from agent_console.acting import acting_by
from agent_console.api.guard import Denied
from agent_console.api.orders import ACTOR_NAMED, AGENTS, ITEMS, Order
from agent_console.api.ports import ApiPorts, Key
from agent_console.api.routes import Asked, Handler
from agent_console.ports import Refusal


def by(key: Key) -> str:
    """How the journal names a key."""
    return f"key:{key.name}"


def handler(order: Order) -> Handler:
    """The route of one verb."""

    async def carry_out(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
        given = asked.body.model_dump()
        who = _who(order, ports, asked, given.pop("agent", "") if order.names_actor else "")
        args = _args(order, asked.path, given)
        with acting_by(by(asked.key)):
            result = await order.known.deed(cast("Any", ports.floor), who, args)
        if order.scope in (AGENTS, ITEMS) and order.known.as_agent:
            # About a call the floor itself writes down who did it.
            ports.note(by(asked.key), who, order.verb)
        return 200, {"done": True, "result": result if isinstance(result, str) else None}

    return carry_out


def _args(order: Order, path: dict[str, str], given: dict[str, Any]) -> BaseModel:
    model = order.known.args
    ids = {name: path[name] for name in order.in_path if name in model.model_fields}
    try:
        return model.model_validate({**ids, **given})
    except ValidationError:
        # The body was checked before: an id that was never given out.
        raise Refusal("not-found", "There is no such thing.", 404) from None


def _who(order: Order, ports: ApiPorts, asked: Asked, named: str) -> str:
    """The acting agent, or for a supervisor's verb the key."""
    bound = asked.key.agent
    if not order.known.as_agent:
        return by(asked.key)
    who = asked.path.get("agent") or named or bound
    if not who and "item_id" in asked.path:
        item = ports.items.one(asked.path["item_id"])
        who = "" if item is None else str(item["agent"])
        if not who:
            raise Refusal("not-your-item", "Nobody has this work item.", 404)
    if not who and order.verb not in ACTOR_NAMED:
        call = ports.calls.one(asked.path["call_id"])
        if call is None:
            raise Refusal("not-found", "There is no such live call.", 404)
        who = str(call["agent"])
    if not who:
        raise Denied("actor-needed")
    if bound and who != bound:
        raise Denied("not-your-agent")
    return who
