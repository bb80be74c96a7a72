"""The one table of all routes: what each needs, takes and gives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

from agent_console.api import shapes
from agent_console.api.orders import LEADS_ONLY, ORDERS, Order
from agent_console.api.ports import ApiPorts, Key


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was let through: its key, and its checked parts."""

    key: Key
    path: dict[str, str]
    query: Any
    body: Any
    range: str = ""  # the Range header


# Gives (status, plain data), or a whole answer; raises `agent_console.ports.Refusal`.
Handler = Callable[[ApiPorts, Asked], Awaitable[tuple[int, Any] | Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path. `scope` "" is for every key; `public` is for everybody."""

    method: str
    path: str
    scope: str
    tag: str
    summary: str
    handler: Handler
    answer: type[BaseModel] | None  # None: sound
    description: str = ""
    query: type[BaseModel] = shapes.NoQuery
    body: type[BaseModel] | None = None
    example: Any = None
    refusals: tuple[str, ...] = ()
    status: int = 200
    order: Order | None = None
    # A key that is bound to an agent may not use it.
    unbound_only: bool = False

    @property
    def operation(self) -> str:
        """The operation's id."""
        if self.order is not None:
            return self.order.verb
        words = [w.strip("{}") for w in self.path.split("/") if w]
        return "_".join([self.method.lower(), *words]).replace("-", "_")


def all_routes() -> tuple[Route, ...]:
    """Every route there is, but for the stream's websocket and this description itself."""
    from agent_console.api import carrying_out, hooks, reading

    orders = tuple(
        Route(
            method=order.method,
            path=order.path,
            scope=order.scope,
            tag=order.scope.partition(":")[0],
            summary=order.summary,
            description=order.description,
            handler=carrying_out.handler(order),
            answer=shapes.Done,
            body=order.body,
            example=dict(order.example),
            refusals=order.refusals,
            order=order,
            unbound_only=order.verb in LEADS_ONLY,
        )
        for order in ORDERS
    )
    return (*reading.ROUTES, *orders, *hooks.ROUTES)
