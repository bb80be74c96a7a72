"""What every module that carries out orders needs: to send actions, and checks before it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import re
from collections.abc import Callable, Mapping, Sequence

from cti import commands as c
from cti import events as e
from cti.asterisk.ami import AmiError, Done, OutcomeUnknown, Reply
from cti.asterisk.live import Live, LiveCalls
from cti.asterisk.phones import endpoint_kind, is_agent_id
from cti.calls import Phone, PhoneKind
from cti.dialing import Dialing

log = logging.getLogger(__name__)

_TOKEN = re.compile(r"[A-Za-z0-9_.:@+-]{1,40}")
_DIGITS = re.compile(r"[0-9*#]{0,12}")
_ON_THE_WAY = "channel not up"  # and of one that it moves just now, or that hangs up
_GONE = "No such channel"  # what Asterisk says of a channel that has hung up already

# Asterisk may lose a channel that is moved again while it is still on its way.
BETWEEN_MOVES_S = 0.1
# One that is moved within 0.1 s of its answer may be sent no sound any more.
AFTER_ANSWER_S = 0.3
_MOVES_MAX = 5

Headers = Mapping[str, str | Sequence[str]]
Handler = Callable[..., None]
"""Carries out one order; raises `OrderError`, `AmiError` or `DialRefusedError`."""


class OrderError(Exception):
    """The order cannot be carried out; nothing was sent."""


class Actions:
    """Sends actions to Asterisk on behalf of orders; shared by all that carry out orders.

    `ask` sends one action (raises `AmiError`), `report` tells a fact now, and
    `report_soon` a moment later: nothing is reported from inside `execute`.
    """

    def __init__(
        self,
        calls: LiveCalls,
        ask: Callable[[Headers, Done], object],
        report: Callable[[e.Fact], None],
        report_soon: Callable[[e.Fact], None],
        dialing: Dialing,
        trunk: str,
    ) -> None:
        self.calls = calls
        self.report = report
        self.report_soon = report_soon
        self.trunk = trunk
        self._ask = ask
        self._dialing = dialing
        self._free_at: dict[str, float] = {}  # channels that were moved a moment ago

    def call(self, order: c.Order) -> Live:
        """The live call that the order is about."""
        call = self.calls.get(order.call_id)
        if call is None:
            raise OrderError("no such call on this switch")
        return call

    def send(
        self,
        headers: Mapping[str, str | list[str]],
        order: c.Order | None = None,
        done: Callable[[Reply], None] | None = None,
        failed: Callable[[c.Order], None] | None = None,
        refused: Callable[[], None] | None = None,
        again: Callable[[], None] | None = None,
    ) -> None:
        """Send one action; what comes of it belongs to `order` (None: nobody waits).

        `done` is called when Asterisk has taken it, `failed` when it certainly has not.
        `refused` is called instead of reporting `OrderFailed` (another fact says it), and
        `again` when the channel is just being moved by an order before.
        """

        def settled(outcome: Reply | AmiError) -> None:
            if isinstance(outcome, Reply) and outcome.ok:
                if done is not None:
                    done(outcome)
                return
            unknown = isinstance(outcome, OutcomeUnknown)
            why = outcome.message if isinstance(outcome, Reply) else str(outcome)
            if again is not None and _ON_THE_WAY in why:
                again()
                return
            if refused is not None and not unknown:
                refused()
                return
            if order is None:
                level = logging.DEBUG if why == _GONE else logging.WARNING
                log.log(level, "%s: %s", headers["Action"], why)
                return
            if failed is not None and not unknown:
                failed(order)
            self.order_failed(order, why, unknown)

        self._ask(headers, settled)

    def redirect(
        self,
        order: c.Order | None,
        channel: str,
        context: str,
        exten: str,
        priority: str = "1",
        *,
        extra: tuple[str, str, str] | None = None,
        done: Callable[[Reply], None] | None = None,
        failed: Callable[[c.Order], None] | None = None,
    ) -> None:
        """Take a channel to another place of the dialplan.

        `extra` (channel, context, extension) goes there in the same moment. A channel that
        was moved a moment ago is given the time to arrive first.
        """
        headers: dict[str, str | list[str]] = {
            "Action": "Redirect",
            "Channel": channel,
            "Context": context,
            "Exten": exten,
            "Priority": priority,
        }
        channels = [channel]
        if extra is not None:
            headers["ExtraChannel"], headers["ExtraContext"], headers["ExtraExten"] = extra
            headers["ExtraPriority"] = "1"
            channels.append(extra[0])
        tries = itertools.count(1)

        def move() -> None:
            retry = again if next(tries) < _MOVES_MAX else None
            self.send(headers, order, done, failed, again=retry)

        def again() -> None:
            asyncio.get_running_loop().call_later(self._wait_for(channels), move_later)

        def move_later() -> None:
            try:
                move()
            except AmiError as error:
                if order is not None:
                    if failed is not None:
                        failed(order)
                    self.order_failed(order, str(error))

        wait_s = self._wait_for(channels)
        if wait_s <= 0.0:
            move()
        else:
            asyncio.get_running_loop().call_later(wait_s, move_later)

    def joined(self, *channels: str) -> None:
        """Asterisk is connecting these now, so they are not moved for a moment."""
        self._wait_for([channel for channel in channels if channel], AFTER_ANSWER_S)

    def _wait_for(self, channels: list[str], then_s: float = BETWEEN_MOVES_S) -> float:
        """How long until these may be moved, which they then are."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        at = max([now, *(self._free_at.get(channel, now) for channel in channels)])
        free_at = at + then_s
        for channel in channels:
            self._free_at[channel] = free_at
        loop.call_at(free_at, self._arrived, channels, free_at)
        return at - now

    def _arrived(self, channels: list[str], free_at: float) -> None:
        for channel in channels:
            if self._free_at.get(channel) == free_at:
                del self._free_at[channel]

    def set(self, channel: str, name: str, value: str) -> None:
        """Set a variable of a channel; nobody waits for it."""
        self.send({"Action": "Setvar", "Channel": channel, "Variable": name, "Value": value})

    def name_agent(self, call: Live) -> None:
        """Who has the call is another one of several who were rung than the offer names."""
        for name, value in (("CC_OFFER", call.offer_id), ("CC_AGENT", call.agent_id)):
            try:
                self.set(call.channel, name, value)
            except AmiError as error:  # known again from the channel that talks
                log.warning("call %s: %s", call.call_id, error)

    def caller_leads(self, call: Live) -> None:
        """From now on the customer's channel carries a callback, as in every other call."""
        agent = call.channel
        customer = call.peer
        for name, value in (
            ("CC_CALL", call.call_id),
            ("CC_OFFER", call.offer_id),
            ("CC_AGENT", call.agent_id),
            ("CC_TRUNK", f"trunk-{self.trunk}"),
            ("CC_MUSIC", "default"),
        ):
            self.set(customer, name, value)
        self.set(agent, "CC_CALL", "")
        agent_uniqueid = call.uniqueid
        self.calls.move(call, customer, call.peer_uniqueid)
        call.peer, call.peer_uniqueid = agent, agent_uniqueid
        call.callback = False

    def end_channel(self, channel: str) -> None:
        """Hang up a channel that nobody else would end; nobody waits for the outcome."""
        try:
            self.send({"Action": "Hangup", "Channel": channel, "Cause": "16"})
        except AmiError as error:
            log.warning("cannot hang up %s: %s", channel, error)

    def bring_back(self, call: Live) -> None:
        """The caller waits again; nobody waits for the outcome."""
        try:
            self.redirect(None, call.channel, "cc-wait", "s", "back")
        except AmiError as error:
            log.warning("cannot bring back call %s: %s", call.call_id, error)

    def order_failed(self, order: c.Order, why: str, unknown: bool = False) -> None:
        self.report_soon(e.OrderFailed(*c.named(order), why, unknown, c.leg_of(order)))

    def outside(self, number: str) -> str:
        """A number that may be dialled now; it counts. Raises `DialRefusedError`."""
        if not self.trunk:
            raise OrderError("there is no trunk to dial over")
        return self._dialing.check(number, asyncio.get_running_loop().time())

    def endpoint(self, phone: Phone, agent_id: str) -> str:
        """What to dial for a phone, without the technology."""
        if phone.kind is PhoneKind.OUTSIDE:
            return f"{self.outside(phone.address)}@trunk-{self.trunk}"
        name = f"{endpoint_kind(phone.kind)}-{agent(agent_id)}"
        return f"{name}@peer-{peer(phone.via)}" if phone.via else name


def agent(agent_id: str) -> str:
    """An agent's id, as it stands in names of endpoints and extensions."""
    if not is_agent_id(agent_id):
        raise OrderError("not an agent's id")
    return agent_id


def peer(name: str) -> str:
    """The name of another of our switches, as it stands in names of endpoints."""
    if not is_agent_id(name):
        raise OrderError("not a switch's name")
    return name


def token(text: str, what: str, most: int = 40) -> str:
    """Text that may stand in a variable or an extension as it is."""
    if len(text) > most or not _TOKEN.fullmatch(text[:40]) or not _TOKEN.fullmatch(text[-40:]):
        raise OrderError(f"{what}: {text[:40]!r} cannot be kept on a channel")
    return text


def digits(text: str) -> str:
    """Keys of a telephone that may stand in a variable, or none."""
    if not _DIGITS.fullmatch(text):
        raise OrderError("not digits")
    return text


def dialable(number: str) -> bool:
    """Whether this is a number and nothing else. Says nothing of whether it may be dialled."""
    return re.fullmatch(r"\+?[0-9]{2,18}", number) is not None


def whole_seconds(seconds: float, most: int = 600) -> int:
    """A bounded number of whole seconds, at least one."""
    return max(1, min(most, math.ceil(seconds if math.isfinite(seconds) else most)))
