"""Events delivered to other programs over HTTP: signed, in order, at least once.

Each subscription has its own place in the stream of events and its own task: one receiver that
is slow or gone keeps nobody else waiting. The place is kept in the database, so that after a
kill -9 the last second's events at most are sent again, and none is left out. What a receiver
does not take is tried again with growing pauses until the event is `give_up_s` old; then it
goes to the dead letters, and the next one's turn comes.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import structlog

from agent_console.api.vocabulary import Wanted
from agent_console.ports import Refusal
from callcenter import signing, zammad
from callcenter.eventfeed import EventFeed
from callcenter.posting import AddressRefused, Poster, PostFailed
from callcenter.publicevents import PublicEvent
from storage.webhooks import DeadLetter, TooManyWebhooks, UnknownWebhook, Webhook
from storage.webhooks import Webhooks as Store

log = structlog.get_logger("callcenter.webhooks")

AGENT = {"User-Agent": "callcenter-webhooks/1"}
GONE = 410


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is tried, and how often a place is kept."""

    first_pause_s: float = 1.0
    longest_pause_s: float = 300.0
    give_up_s: float = 24 * 3600.0
    tries_least: int = 3
    # Zammad refuses what is about a call that it does not know; waiting does not change that.
    zammad_refusals: int = 3
    save_every_s: float = 1.0
    alarm_after_s: float = 300.0
    look_every_s: float = 15.0


class Webhooks:
    """All subscriptions; `agent_console.api.ports.Webhooks`. `name_of(kind, id)` gives labels."""

    def __init__(
        self,
        store: Store,
        feed: EventFeed,
        poster: Poster,
        *,
        name_of: Callable[[str, str], str],
        clock: Callable[[], float] = time.time,
        patience: Patience | None = None,
        alarm: Callable[[str, dict[str, str] | None], None] = lambda code, text: None,
    ) -> None:
        """`alarm(code, text)` is told of a receiver that is gone for long; None: it is back."""
        self.store = store
        self.feed = feed
        self.poster = poster
        self.name_of = name_of
        self.clock = clock
        self.patience = patience or Patience()
        self.alarm = alarm
        self._deliveries: dict[str, _Delivery] = {}
        self._changing = asyncio.Lock()

    async def start(self) -> None:
        """Go on where each subscription was."""
        for webhook in await self.store.all():
            self._begin(webhook)

    async def stop(self) -> None:
        """Stop delivering, and keep each place."""
        stopping = [delivery.stop() for delivery in self._deliveries.values()]
        self._deliveries.clear()
        await asyncio.gather(*stopping)
        await self.poster.close()

    def _begin(self, webhook: Webhook) -> None:
        if webhook.enabled:
            delivery = _Delivery(self, webhook)
            self._deliveries[webhook.webhook_id] = delivery
            delivery.start()

    @asynccontextmanager
    async def _halted(self, webhook_id: str) -> AsyncIterator[None]:
        """Nothing is delivered meanwhile; when the change comes to nothing, it goes on."""
        async with self._changing:
            delivery = self._deliveries.pop(webhook_id, None)
            if delivery is not None:
                await delivery.stop()  # its place is kept before it goes on
            try:
                yield
            except UnknownWebhook:
                raise _unknown() from None
            except Exception:
                if delivery is not None:
                    self._begin(delivery.as_left())
                raise

    # The API --------------------------------------------------------------------------------

    async def all(self) -> Sequence[dict[str, Any]]:
        return [self._shown(webhook) for webhook in await self.store.all()]

    async def get(self, webhook_id: str) -> dict[str, Any]:
        return self._shown(await self._known(webhook_id))

    async def create(self, given: Mapping[str, Any], by: str) -> dict[str, Any]:
        """A new subscription; the only answer that tells the secret, beside `rotate`."""
        await self._check(given["url"])
        try:
            webhook = await self.store.create(
                name=given["name"],
                url=given["url"],
                format=given["format"],
                types=given["types"],
                queues=given["queues"],
                secret=signing.new_secret(),
                created_by=by,
                cursor=self.feed.last,
            )
        except TooManyWebhooks as error:
            raise Refusal("too-many-webhooks", f"{error}.", 409) from None
        self._begin(webhook)
        log.info("webhook made", webhook=webhook.webhook_id, by=by, format=webhook.format)
        return {**self._shown(webhook), "secret": webhook.secret}

    async def change(self, webhook_id: str, given: Mapping[str, Any]) -> dict[str, Any]:
        if "url" in given:
            await self._check(given["url"])
        return self._shown(await self._changed(webhook_id, dict(given)))

    async def rotate(self, webhook_id: str) -> dict[str, Any]:
        known = await self._known(webhook_id)
        secret = signing.new_secret()
        values = {"secret": secret, "old_secret": known.secret}
        return {**self._shown(await self._changed(webhook_id, values)), "secret": secret}

    async def drop_old_secret(self, webhook_id: str) -> dict[str, Any]:
        return self._shown(await self._changed(webhook_id, {"old_secret": ""}))

    async def delete(self, webhook_id: str) -> None:
        async with self._halted(webhook_id):
            await self.store.delete(webhook_id)

    async def ping(self, webhook_id: str) -> dict[str, Any]:
        """A test: what the receiver makes of it, now."""
        webhook = await self._known(webhook_id)
        ident = f"ping_{secrets.token_hex(6)}"
        if webhook.format == "zammad":
            body = {"event": "ping"}
        else:
            now, last = self.clock(), self.feed.last
            data = {"webhook": webhook_id}
            body = {"id": ident, "type": "webhook.ping", "at": now, "sequence": last, "data": data}  # type: ignore[dict-item]
        told = await self._tried(webhook, ident, msgspec.json.encode(body))
        if webhook.format == "zammad" and told["status"] == 422:
            # It knows the token, and says that this is no call: it is there and listens.
            told = {**told, "ok": True, "error": ""}
        return told

    async def letters(self, webhook_id: str, after: int, limit: int) -> Sequence[dict[str, Any]]:
        await self._known(webhook_id)
        return [_letter(letter) for letter in await self.store.letters(webhook_id, after, limit)]

    async def resend(self, webhook_id: str, letter_id: int) -> dict[str, Any]:
        """Try a dead letter once more; it is off the list when it was taken."""
        webhook = await self._known(webhook_id)
        try:
            letter = await self.store.letter(webhook_id, letter_id)
        except UnknownWebhook:
            raise _unknown("dead letter") from None
        event = _event_of(letter)
        body = self.body(webhook, event)
        if body is None:
            raise _unknown("dead letter")
        told = await self._tried(webhook, f"ev_{letter.sequence}", body)
        if told["ok"]:
            await self.drop_letter(webhook_id, letter_id)
        return told

    async def drop_letter(self, webhook_id: str, letter_id: int) -> None:
        try:
            await self.store.drop_letter(webhook_id, letter_id)
        except UnknownWebhook:
            raise _unknown("dead letter") from None

    # Behind it ------------------------------------------------------------------------------

    async def _known(self, webhook_id: str) -> Webhook:
        try:
            return await self.store.get(webhook_id)
        except UnknownWebhook:
            raise _unknown() from None

    async def _check(self, url: str) -> None:
        try:
            await self.poster.look(url)
        except AddressRefused as why:
            raise Refusal("address-refused", f"url: {why}.", 422) from None

    async def _changed(self, webhook_id: str, values: dict[str, Any]) -> Webhook:
        async with self._halted(webhook_id):
            webhook = await self.store.change(webhook_id, **values)
            self._begin(webhook)
            return webhook

    def _shown(self, webhook: Webhook) -> dict[str, Any]:
        running = self._deliveries.get(webhook.webhook_id)
        cursor = webhook.cursor if running is None else running.cursor
        return {
            "id": webhook.webhook_id,
            "name": webhook.name,
            "url": webhook.url,
            "format": webhook.format,
            "types": list(webhook.types),
            "queues": list(webhook.queues),
            "enabled": webhook.enabled,
            "created": webhook.created,
            "created_by": webhook.created_by,
            "cursor": cursor,
            "behind": max(0, self.feed.last - cursor),
            "last_success": webhook.last_success if running is None else running.last_success,
            "last_error": webhook.last_error if running is None else running.last_error,
            "two_secrets": bool(webhook.old_secret),
            "secret": None,
        }

    def body(self, webhook: Webhook, event: PublicEvent) -> bytes | None:
        """What is sent of an event; None for nothing."""
        if webhook.format == "zammad":
            try:
                told = zammad.payload(event, self.name_of)
            except (LookupError, TypeError):
                # An event of an older version, say: it must not hold up the next ones for ever.
                log.exception("event cannot be told", sequence=event.sequence)
                return None
            return None if told is None else msgspec.json.encode(told)
        return event.body

    async def send(self, webhook: Webhook, ident: str, body: bytes) -> int:
        """One try. Raises `AddressRefused` or `PostFailed`."""
        keys = [secret for secret in (webhook.secret, webhook.old_secret) if secret]
        signed = signing.headers(keys, ident, int(self.clock()), body)
        return await self.poster.post(webhook.url, body, {**AGENT, **signed})

    async def _tried(self, webhook: Webhook, ident: str, body: bytes) -> dict[str, Any]:
        began = time.monotonic()
        status: int | None = None
        error = ""
        try:
            status = await self.send(webhook, ident, body)
        except (AddressRefused, PostFailed) as why:
            status, error = getattr(why, "status", None), str(why)
        took_ms = round((time.monotonic() - began) * 1000, 1)
        return {"ok": not error, "status": status, "error": error, "took_ms": took_ms}


class _Delivery:
    """One subscription at work."""

    def __init__(self, all_: Webhooks, webhook: Webhook) -> None:
        self._all = all_
        self._webhook = webhook
        self._wanted = Wanted(frozenset(webhook.types), frozenset(webhook.queues))
        self.cursor = webhook.cursor
        self.last_success = webhook.last_success
        self.last_error = webhook.last_error
        self._saved = (self.cursor, self.last_error)
        self._saved_at = 0.0
        self._failing_since: float | None = None  # monotonic
        self._alarmed = False
        self._at_database = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=self._webhook.webhook_id)

    def as_left(self) -> Webhook:
        """The subscription with the place that was reached."""
        return replace(
            self._webhook,
            cursor=self.cursor,
            last_success=self.last_success,
            last_error=self.last_error,
        )

    async def stop(self) -> None:
        if self._task is not None:
            async with self._at_database:  # never in the middle of a statement
                self._task.cancel()
            await asyncio.wait({self._task}, timeout=5.0)
        self._alarm_over()
        try:
            await self._save(at_once=True)
        except Exception as error:
            # What was delivered since is delivered again: at least once.
            log.warning("webhook's place not kept", webhook=self._webhook.webhook_id, error=error)

    async def _run(self) -> None:
        pause_s = 1.0
        while True:
            try:
                await self._deliver_all()
                return
            except Exception:
                log.exception("webhook stopped; trying again", webhook=self._webhook.webhook_id)
                await asyncio.sleep(pause_s)
                pause_s = min(60.0, 2 * pause_s)

    async def _deliver_all(self) -> None:
        patience = self._all.patience
        # A place beyond the end is of another database: from now on, then.
        reader = self._all.feed.reader(min(self.cursor, self._all.feed.last))
        while True:
            async with self._at_database:
                events = await reader.next(50)
            for event in events:
                if self._wanted.takes(event):
                    body = self._all.body(self._webhook, event)
                    if body is not None and not await self._deliver(event, body):
                        return
                self.cursor = event.sequence
                await self._save()
            if self.cursor < reader.position:
                self.cursor = reader.position
            elif not await reader.wait(patience.look_every_s):
                await self._save(at_once=True)

    async def _deliver(self, event: PublicEvent, body: bytes) -> bool:
        """Until it is delivered or buried; False when the receiver wants nothing any more."""
        patience, webhook = self._all.patience, self._webhook
        pause_s, tries, refusals = patience.first_pause_s, 0, 0
        while True:
            tries += 1
            try:
                await self._all.send(webhook, f"ev_{event.sequence}", body)
            except (AddressRefused, PostFailed) as error:
                why, status = str(error), getattr(error, "status", None)
            else:
                self.last_success, self.last_error = self._all.clock(), ""
                self._alarm_over()
                return True
            self.last_error = why
            self._alarm_when_long(why)
            if status == GONE:
                log.warning("webhook ended by its receiver", webhook=webhook.webhook_id)
                async with self._at_database:
                    await self._all.store.change(webhook.webhook_id, enabled=False)
                return False
            refusals += status is not None and webhook.format == "zammad"
            too_old = self._all.clock() - event.at > patience.give_up_s
            if (too_old and tries >= patience.tries_least) or (
                refusals >= patience.zammad_refusals
            ):
                await self._bury(event, why, tries)
                return True
            await self._save()
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, patience.longest_pause_s)

    def _alarm_when_long(self, why: str) -> None:
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        if not self._alarmed and now - self._failing_since >= self._all.patience.alarm_after_s:
            self._alarmed = True
            name = self._webhook.name
            self._all.alarm(
                f"webhook-{self._webhook.webhook_id}",
                {
                    "en": f"Webhook “{name}” cannot be delivered; it is tried again. {why}",
                    "zh": f"Webhook“{name}”无法送达，系统会继续重试。{why}",
                },
            )

    def _alarm_over(self) -> None:
        self._failing_since = None
        if self._alarmed:
            self._alarmed = False
            self._all.alarm(f"webhook-{self._webhook.webhook_id}", None)

    async def _bury(self, event: PublicEvent, why: str, tries: int) -> None:
        ident = self._webhook.webhook_id
        log.warning("event not delivered", webhook=ident, sequence=event.sequence, why=why)
        async with self._at_database:
            await self._all.store.bury(ident, event.sequence, event.body, why, tries)

    async def _save(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        due = at_once or now - self._saved_at >= self._all.patience.save_every_s
        if not due or (self.cursor, self.last_error) == self._saved:
            return
        saving = (self.cursor, self.last_error)
        async with self._at_database:
            await self._all.store.delivered(
                self._webhook.webhook_id, self.cursor, self.last_success, self.last_error
            )
        self._saved, self._saved_at = saving, now


def _unknown(what: str = "webhook") -> Refusal:
    return Refusal("not-found", f"There is no such {what}.", 404)


def _letter(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.letter_id,
        "sequence": letter.sequence,
        "at": letter.at,
        "why": letter.why,
        "attempts": letter.attempts,
        "event": msgspec.json.decode(letter.event),
    }


def _event_of(letter: DeadLetter) -> PublicEvent:
    told = msgspec.json.decode(letter.event)
    data = told["data"]
    call = data.get("call") or {}
    return PublicEvent(
        letter.sequence,
        told["type"],
        call.get("id", ""),
        call.get("queue", ""),
        (),  # a letter goes to its webhook whomever it is about
        told["at"],
        data,
        letter.event,
    )
