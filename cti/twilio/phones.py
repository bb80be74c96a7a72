"""Which phones and numbers may be rung over Twilio, and where they are dialled."""

from __future__ import annotations

import asyncio

from cti.calls import Phone, PhoneKind
from cti.dialing import Dialing
from cti.twilio.book import OrderError
from cti.twilio.settings import TwilioSettings


class Phones:
    """Raises `OrderError` or `DialRefusedError` for what may not be rung."""

    def __init__(self, settings: TwilioSettings, dialing: Dialing) -> None:
        self._settings = settings
        self._dialing = dialing

    def address(self, phone: Phone) -> str:
        """Where the phone is dialled; an outside number counts as dialled now."""
        if phone.kind is PhoneKind.OUTSIDE:
            return self.outside(phone.address)
        address = self._settings.address(phone)
        if not address:
            raise OrderError(f"there is no {phone.kind.value} phone to ring over Twilio")
        return address

    def outside(self, number: str) -> str:
        return self._dialing.check(number, asyncio.get_running_loop().time())

    def confirms(self, phone: Phone) -> bool:
        """Whether an agent at this phone must press a key: it may be voice mail."""
        return phone.kind is PhoneKind.OUTSIDE and self._settings.confirm_outside
