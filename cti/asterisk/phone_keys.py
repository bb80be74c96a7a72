"""The keys of an agent's phone: mute, and digits for the menus of others."""

from __future__ import annotations

import logging
import re
from collections import deque

from cti import commands as c
from cti import events as e
from cti.asterisk.actions import Actions, Handler, OrderError
from cti.asterisk.ami import AmiError, Frame, Reply
from cti.asterisk.live import Live

log = logging.getLogger(__name__)

_DIGITS = re.compile(r"[0-9*#A-Da-dw,]{1,32}")
_SILENT, _AS_IT_IS = "-32768", "0"  # every sample divided by this; not touched
_PAUSES = "w,"  # half a second and a second
_WAITING_MAX = 32


class PhoneKeys:
    """Carries out `MuteAgent` and `SendDigits`.

    Digits are played by the dialplan, on a channel made for it, so that nothing else waits
    for them; those of one call one after the other. They are kept nowhere but there.
    """

    def __init__(self, actions: Actions) -> None:
        self._do = actions
        self._playing: dict[str, c.SendDigits] = {}  # by the uniqueid of the channel that plays
        self._waiting: dict[str, deque[c.SendDigits]] = {}  # by call id, while one is playing
        self._count = 0
        self.orders: dict[type, Handler] = {
            c.MuteAgent: self._mute,
            c.SendDigits: self._send_digits,
        }
        self.events = {
            "UserEvent/DigitsSent": self._on_sent,
            "OriginateResponse": self._on_originate,
            "Hangup": self._on_hangup,
        }

    def _mute(self, order: c.MuteAgent) -> None:
        call = self._talking(order)
        # Not MuteAudio: it needs rights over the system, and sends the caller no packets at
        # all, which some lines take for the end of the call.
        headers = {
            "Action": "Setvar",
            "Channel": call.agent_channel,
            "Variable": "VOLUME(RX)",
            "Value": _SILENT if order.on else _AS_IT_IS,
        }

        def muted(_: Reply) -> None:
            self._do.report(e.AgentMuted(order.call_id, order.on))

        self._do.send(headers, order, muted)

    def _send_digits(self, order: c.SendDigits) -> None:
        self._talking(order)
        if not _DIGITS.fullmatch(order.digits) or not order.digits.strip(_PAUSES):
            raise OrderError("not digits")  # never which
        waiting = self._waiting.setdefault(order.call_id, deque())
        if len(waiting) >= _WAITING_MAX:
            raise OrderError("too many digits at once")
        waiting.append(order)
        if all(playing.call_id != order.call_id for playing in self._playing.values()):
            self._next(order.call_id)

    def _next(self, call_id: str) -> None:
        waiting = self._waiting.get(call_id)
        if not waiting:
            self._waiting.pop(call_id, None)
            return
        order = waiting.popleft()
        call = self._do.calls.get(call_id)
        if call is None:
            del self._waiting[call_id]
            return
        self._count += 1
        uniqueid = f"{call_id}~keys{self._count}"
        variables = {
            "CC_KEYS": order.digits.replace(",", "W"),
            "CC_KEYS_TO": call.caller_channel,
            "CC_KEYS_OF": uniqueid,
        }
        self._playing[uniqueid] = order
        headers: dict[str, str | list[str]] = {
            "Action": "Originate",
            "Channel": "Local/stand-by@cc-keys/n",
            "Context": "cc-keys",
            "Exten": "play",
            "Priority": "1",
            "ChannelId": uniqueid,
            "OtherChannelId": f"{uniqueid}-2",
            "Async": "true",
            "Variable": [f"{name}={value}" for name, value in variables.items()],
        }
        try:
            self._do.send(headers, order, failed=lambda _: self._forget(uniqueid))
        except AmiError:
            self._over(uniqueid)
            raise

    def _forget(self, uniqueid: str) -> None:
        self._over(uniqueid)

    def _over(self, uniqueid: str) -> c.SendDigits | None:
        order = self._playing.pop(uniqueid, None)
        if order is not None:
            try:
                self._next(order.call_id)
            except AmiError as error:
                self._do.order_failed(order, str(error))
        return order

    def _on_sent(self, event: Frame) -> None:
        order = self._playing.get(event.get("Keys"))
        if order is not None:
            count = sum(1 for digit in order.digits if digit not in _PAUSES)
            self._do.report(e.DigitsSent(order.call_id, count))
            self._over(event.get("Keys"))

    def _on_originate(self, event: Frame) -> None:
        """Without a channel nothing hangs up that would tell."""
        if event.get("Response") == "Failure":
            self._on_hangup(event)

    def _on_hangup(self, event: Frame) -> None:
        """Before the digits were told as sent: the caller's side is gone."""
        order = self._over(event.get("Uniqueid"))
        if order is not None:
            self._do.order_failed(order, "the digits were not sent")

    def _talking(self, order: c.MuteAgent | c.SendDigits) -> Live:
        call = self._do.call(order)
        if not call.connected or not call.agent_channel or not call.caller_channel:
            raise OrderError("the call is not talking")
        return call

    def take_up(self) -> None:
        """The connection is back: what became of digits on their way is not known."""
        lost, self._playing, self._waiting = list(self._playing.values()), {}, {}
        for order in lost:
            self._do.order_failed(order, "the connection was lost", unknown=True)
