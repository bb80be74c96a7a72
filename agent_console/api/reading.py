"""What programs may look at: calls, agents, queues, customers, and their own key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from agent_console import recordings
from agent_console.api import shapes
from agent_console.api.guard import Denied
from agent_console.api.ports import ApiPorts
from agent_console.api.routes import Asked, Route
from agent_console.live import EVERYONE, SUPERVISOR
from agent_console.ports import Refusal

_DAY_S = 86400.0
_LONGEST_SPAN_S = 400 * _DAY_S
_LONGEST_FIGURES_S = 31 * _DAY_S
_AGENT = tuple(shapes.Agent.model_fields)
_QUEUE = tuple(shapes.Queue.model_fields)


def _not_found(what: str) -> Refusal:
    return Refusal("not-found", f"There is no such {what}.", 404)


def _sound(ident: str, what: str) -> str:
    # No such id was ever given out; a database need not be asked about it.
    if not (0 < len(ident) <= 200 and ident.isprintable()):
        raise _not_found(what)
    return ident


# Calls --------------------------------------------------------------------------------------------


def past(row: Mapping[str, Any]) -> dict[str, Any]:
    """A call of the records, in the API's shape."""
    inbound = row["direction"] == "inbound"
    return {
        "id": row["call_id"],
        "direction": row["direction"],
        "from": row["ani"] if inbound else "",
        "from_name": row["caller_name"] if inbound else "",
        "to": row["dnis"] if inbound else row["ani"],
        "queue": row["queue"],
        "agent": "",
        "agent_name": row["agent"],
        "customer_id": "",
        "customer_name": row["customer"],
        "arrived": row["arrived"],
        "ended": row["ended"],
        "waited_s": row["waited_s"],
        "talk_s": row["talk_s"],
        "outcome": row["outcome"],
        "live": None,
    }


async def calls(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    query: shapes.CallsQuery = asked.query
    agent = asked.key.agent or query.agent
    if query.live or asked.key.agent:
        found = [
            call
            for call in ports.calls.live()
            if (not query.queue or call["queue"] == query.queue)
            and (not agent or call["agent"] == agent)
        ]
        return 200, {"calls": found[: query.limit], "next": None}
    until = ports.clock() + 1.0 if query.until is None else query.until
    since = until - _DAY_S if query.since is None else query.since
    if not 0 <= until - since <= _LONGEST_SPAN_S:
        detail = "until: must be after since, by at most 400 days"
        raise Refusal("bad-request", detail, 422)
    rows = await ports.history.calls(since=since, until=until, limit=query.limit)
    more = rows[-1]["arrived"] if len(rows) == query.limit else None
    found = [past(row) for row in rows if not query.queue or row["queue"] == query.queue]
    return 200, {"calls": found, "next": more}


async def call(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    call_id = _sound(asked.path["call_id"], "call")
    live = ports.calls.one(call_id)
    if asked.key.agent and (live is None or live["agent"] != asked.key.agent):
        raise _not_found("call")
    detail = await ports.history.call(call_id)
    if detail is None:
        if live is None:
            raise _not_found("call")
        return 200, {"call": live, "timeline": [], "disposition": "", "note": ""}
    shown = {
        "call": live or past(detail["call"]),
        "timeline": detail["timeline"],
        "disposition": detail["disposition"],
        "note": detail["note"],
    }
    return 200, shown


async def callbacks(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    return 200, {"callbacks": ports.calls.callbacks()}


async def voicemails(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    box = asked.query.box
    found = [one for one in ports.calls.voicemails() if box in ("", one["box"])]
    return 200, {"voicemails": found}


async def why(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    """Why now, and every reason that the call's timeline has."""
    query: shapes.WhyQuery = asked.query
    call_id = _sound(asked.path["call_id"], "call")
    live = ports.calls.one(call_id)
    if asked.key.agent and (live is None or live["agent"] != asked.key.agent):
        raise _not_found("call")
    detail = await ports.history.call(call_id)
    if detail is None and live is None:
        raise _not_found("call")
    language = query.language.partition("-")[0]

    def said(reason: Mapping[str, Any]) -> dict[str, Any]:
        text = reason["text"]
        known = {"code": reason["code"], "data": reason["data"]}
        return {**known, "text": text.get(language) or text.get("en", reason["code"])}

    now = ports.calls.why(call_id)
    before = [
        {"at": entry["at"], "kind": entry["kind"], **said(entry["why"])}
        for entry in (detail["timeline"] if detail is not None else ())
        if entry.get("why")
    ]
    return 200, {"call_id": call_id, "now": None if now is None else said(now), "before": before}


async def record(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    call_id = _sound(asked.path["call_id"], "call")
    live = ports.calls.one(call_id)
    if asked.key.agent and (live is None or live["agent"] != asked.key.agent):
        raise _not_found("live call")
    found = ports.calls.record(call_id)
    if found is None:
        raise _not_found("live call")
    return 200, found


# Agents and queues: what supervisors' consoles show, by field -------------------------------------


def _entities(ports: ApiPorts, room: str, prefix: str) -> list[Mapping[str, Any]]:
    keys = sorted(key for key in ports.live.keys(room) if key.startswith(prefix))
    return [ports.live.get(room, key) for key in keys]


def _fields(entity: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: entity[name] for name in names}


async def agents(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    found = [_fields(one, _AGENT) for one in _entities(ports, SUPERVISOR, "agent:")]
    own = asked.key.agent
    return 200, {"agents": [one for one in found if not own or one["id"] == own]}


async def agent(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    if asked.key.agent and asked.key.agent != asked.path["agent"]:
        raise Denied("not-your-agent")
    found = ports.live.get(SUPERVISOR, f"agent:{_sound(asked.path['agent'], 'agent')}")
    if found is None:
        raise _not_found("agent")
    return 200, _fields(found, _AGENT)


async def items(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    query: shapes.ItemsQuery = asked.query
    own = asked.key.agent
    if own and query.agent not in ("", own):
        raise Denied("not-your-agent")
    return 200, {"items": ports.items.all(query.queue, own or query.agent, query.limit)}


async def item(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    found = ports.items.one(_sound(asked.path["item_id"], "open work item"))
    own = asked.key.agent
    if found is None or (own and found["agent"] != own):
        raise _not_found("open work item")
    return 200, found


async def queues(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    found = [_fields(one, _QUEUE) for one in _entities(ports, EVERYONE, "queue:")]
    return 200, {"queues": found}


async def queue(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    found = ports.live.get(EVERYONE, f"queue:{_sound(asked.path['queue'], 'queue')}")
    if found is None:
        raise _not_found("queue")
    return 200, _fields(found, _QUEUE)


# Figures and alerts -------------------------------------------------------------------------------


async def figures(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    query: shapes.FiguresQuery = asked.query
    if query.since is None:
        found = await ports.figures.now(query.scope, query.id, query.window)
    else:
        until = ports.clock() if query.until is None else query.until
        if not 0 < until - query.since <= _LONGEST_FIGURES_S:
            raise Refusal("bad-request", "until: must be after since, by at most 31 days", 422)
        found = await ports.figures.past(query.scope, query.id, query.since, until)
    if query.id and not found:
        raise _not_found(query.scope)
    return 200, {"definitions": ports.figures.definitions(), "figures": found}


async def alerts(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    return 200, {"alerts": ports.figures.alerts()}


# Customers and the key ----------------------------------------------------------------------------


async def customers(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    found = await ports.customers.search(asked.query.q, asked.query.limit)
    return 200, {"customers": found}


async def recording(ports: ApiPorts, asked: Asked) -> Response:
    found = await recordings.find(ports.recordings, asked.path["recording_id"])
    if found is None or ports.recordings is None:
        raise _not_found("recording")
    own = asked.key.agent
    if own and (found.agent != own or not ports.recordings.agents_hear_own):
        raise _not_found("recording")
    by = f"key:{asked.key.name}"
    return await recordings.handed_out(ports.recordings, found, asked.range, by)


async def customer(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    found = await ports.customers.get(_sound(asked.path["customer_id"], "customer"))
    if found is None:
        raise _not_found("customer")
    return 200, found


async def own_key(ports: ApiPorts, asked: Asked) -> tuple[int, Any]:
    key = asked.key
    return 200, {
        "id": key.key_id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "agent": key.agent,
        "expires": key.expires,
        "requests_per_minute": ports.settings.requests_per_minute,
    }


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/key",
        scope="",
        tag="key",
        summary="The key that asks",
        handler=own_key,
        answer=shapes.KeyInfo,
    ),
    Route(
        method="GET",
        path="/calls",
        scope="calls:read",
        tag="calls",
        summary="Calls, live or of a span of time",
        description="The latest first. A key that is bound to an agent sees that agent's live "
        "calls only.",
        handler=calls,
        answer=shapes.Calls,
        query=shapes.CallsQuery,
    ),
    Route(
        method="GET",
        path="/calls/{call_id}",
        scope="calls:read",
        tag="calls",
        summary="One call with its timeline",
        description="Every decision with its reason, and who did what.",
        handler=call,
        answer=shapes.CallDetail,
        refusals=("not-found",),
    ),
    Route(
        method="GET",
        path="/callbacks",
        scope="calls:read",
        tag="calls",
        summary="Who is to be called back",
        handler=callbacks,
        answer=shapes.Callbacks,
        unbound_only=True,
    ),
    Route(
        method="GET",
        path="/voicemails",
        scope="calls:read",
        tag="calls",
        summary="Callers' messages that nobody has dealt with yet",
        handler=voicemails,
        answer=shapes.Voicemails,
        query=shapes.VoicemailsQuery,
        unbound_only=True,
    ),
    Route(
        method="GET",
        path="/calls/{call_id}/why",
        scope="calls:read",
        tag="calls",
        summary="Why a call waits, rings or talks where it does",
        description="The reason of this moment, and those before: of every offer, of the wait as "
        "it changed, of being turned away or sent on.",
        handler=why,
        answer=shapes.Whys,
        query=shapes.WhyQuery,
        refusals=("not-found",),
    ),
    Route(
        method="GET",
        path="/calls/{call_id}/record",
        scope="calls:read",
        tag="calls",
        summary="The customer record that a live call shows",
        handler=record,
        answer=shapes.Record,
        refusals=("not-found",),
    ),
    Route(
        method="GET",
        path="/recordings/{recording_id}",
        scope="recordings:read",
        tag="calls",
        summary="Hear a recording",
        description="WAV; a Range is understood. The id comes with the event call.recorded and "
        "in the call's timeline.",
        handler=recording,
        answer=None,
        refusals=("not-found",),
    ),
    Route(
        method="GET",
        path="/agents",
        scope="agents:read",
        tag="agents",
        summary="All agents and their states",
        handler=agents,
        answer=shapes.Agents,
    ),
    Route(
        method="GET",
        path="/agents/{agent}",
        scope="agents:read",
        tag="agents",
        summary="One agent",
        handler=agent,
        answer=shapes.Agent,
        refusals=("not-found", "not-your-agent"),
    ),
    Route(
        method="GET",
        path="/items",
        scope="items:read",
        tag="items",
        summary="Work items that are open",
        description="The oldest first. A key that is bound to an agent sees that agent's only.",
        handler=items,
        answer=shapes.Items,
        query=shapes.ItemsQuery,
        refusals=("not-your-agent",),
    ),
    Route(
        method="GET",
        path="/items/{item_id}",
        scope="items:read",
        tag="items",
        summary="One open work item",
        handler=item,
        answer=shapes.Item,
        refusals=("not-found",),
    ),
    Route(
        method="GET",
        path="/queues",
        scope="queues:read",
        tag="queues",
        summary="All queues with their live figures",
        description="At most a second old.",
        handler=queues,
        answer=shapes.Queues,
    ),
    Route(
        method="GET",
        path="/queues/{queue}",
        scope="queues:read",
        tag="queues",
        summary="One queue with its live figures",
        handler=queue,
        answer=shapes.Queue,
        refusals=("not-found",),
    ),
    Route(
        method="GET",
        path="/figures",
        scope="figures:read",
        tag="figures",
        summary="Figures of queues, teams, agents or the site, with their definitions",
        description="Live: of a rolling window, the running interval or the day. With `since`: of "
        "a past span, from the records. Both are counted by the same rules.",
        handler=figures,
        answer=shapes.Figures,
        query=shapes.FiguresQuery,
        refusals=("not-found",),
        unbound_only=True,
    ),
    Route(
        method="GET",
        path="/alerts",
        scope="figures:read",
        tag="alerts",
        summary="Alerts that stand, then those that were over today",
        handler=alerts,
        answer=shapes.Alerts,
        unbound_only=True,
    ),
    Route(
        method="GET",
        path="/customers",
        scope="customers:read",
        tag="customers",
        summary="Find customers",
        handler=customers,
        answer=shapes.Matches,
        query=shapes.CustomersQuery,
    ),
    Route(
        method="GET",
        path="/customers/{customer_id}",
        scope="customers:read",
        tag="customers",
        summary="One customer's record",
        handler=customer,
        answer=shapes.Customer,
        refusals=("not-found",),
    ),
)
