"""What other programs leave in the database: keys, answered orders, webhooks."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from storage import apikeys
from storage.apikeys import ApiAnswers, ApiKeys, KeyExists, TooManyAnswers, UnknownKey
from storage.database import opened
from storage.tables import api_keys
from storage.webhooks import UnknownWebhook, Webhooks


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


async def keys_are_kept(engine: AsyncEngine) -> None:
    clock = Clock()
    keys = ApiKeys(engine, clock=clock, cache_s=10.0)
    made, text = await keys.create("crm", ["calls:read", "calls:control"], agent="anna")
    assert len(text.split("_", 2)[2]) >= 43  # 256 bits
    assert await keys.verify(text) == made
    clock.now += 100
    other = ApiKeys(engine, clock=clock)
    seen = await other.verify(text)
    assert seen is not None
    assert (seen.scopes, seen.agent) == (made.scopes, "anna")
    assert (await other.list_keys())[0].last_used == clock.now
    for wrong in ("", "cck", "cck__", f"cck_{made.key_id}_", text + "x", text[:-1], "é" * 50):
        assert await keys.verify(wrong) is None
    with pytest.raises(KeyExists):
        await keys.create("crm", ["calls:read"])
    for name, scopes in (("", ["a:b"]), ("x y", ["a:b"]), ("ok", []), ("ok", ["all"])):
        with pytest.raises(ValueError, match="key"):
            await keys.create(name, scopes)
    await keys.revoke("crm")
    gone = await keys.verify(text)
    assert gone is not None
    assert gone.revoked == clock.now
    assert (await keys.revoke(made.key_id)).name == "crm"
    with pytest.raises(UnknownKey):
        await keys.revoke("nobody")


async def answers_are_kept(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    await ApiKeys(engine).create("k", ["calls:read"])
    async with engine.connect() as connection:
        key = str(await connection.scalar(sa.select(api_keys.c.id).where(api_keys.c.name == "k")))
    answers = ApiAnswers(engine, clock=clock)
    assert await answers.begin(key, "once", "f1") is None
    begun = await answers.begin(key, "once", "f2")
    assert begun is not None
    assert (begun.fingerprint, begun.status) == ("f1", 0)
    await answers.finish(key, "once", 200, b"{}")
    done = await answers.begin(key, "once", "f1")
    assert done is not None
    assert (done.status, done.body) == (200, b"{}")
    assert await answers.begin(key, "tried", "f") is None
    await answers.forget(key, "tried")
    assert await answers.begin(key, "tried", "f") is None
    clock.now += apikeys.ANSWERS_FOR_S + 1
    assert await answers.begin(key, "once", "f3") is None  # a day later it is another order
    monkeypatch.setattr(apikeys, "ANSWERS_PER_KEY", 1)
    with pytest.raises(TooManyAnswers):
        await answers.begin(key, "more", "f")
    monkeypatch.undo()
    both = await asyncio.gather(*(answers.begin(key, "race", "f") for _ in range(5)))
    assert [one is None for one in both].count(True) == 1


async def webhooks_are_kept(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Webhooks(engine, clock=Clock())
    made = await store.create(
        name="n",
        url="https://x",
        format="events",
        types=["call.*"],
        queues=[],
        secret="whsec_secret",
        created_by="key:k",
        cursor=5,
    )
    assert await store.all() == [made] == [await store.get(made.webhook_id)]
    assert "whsec_secret" not in repr(made)  # a log shows what is printed
    assert (await store.change(made.webhook_id, types=["agent.*"])).types == ("agent.*",)
    await store.delivered(made.webhook_id, 9, 7.0, "")
    await store.delivered(made.webhook_id, 10, None, "away")
    now = await store.get(made.webhook_id)
    assert (now.cursor, now.last_success, now.last_error) == (10, 7.0, "away")
    monkeypatch.setattr("storage.webhooks.DEAD_LETTERS_MAX", 2)
    for number in (11, 12, 13):
        await store.bury(made.webhook_id, number, b"{}", "no", 3)
    letters = await store.letters(made.webhook_id)
    assert [letter.sequence for letter in letters] == [12, 13]
    assert (await store.get(made.webhook_id)).cursor == 13
    assert (await store.letters(made.webhook_id, letters[0].letter_id))[0].sequence == 13
    assert await store.forget_letters(letters[0].at) == 0
    await store.drop_letter(made.webhook_id, letters[0].letter_id)
    with pytest.raises(UnknownWebhook):
        await store.letter(made.webhook_id, letters[0].letter_id)
    assert await store.forget_letters(letters[0].at + 1) == 1
    await store.delete(made.webhook_id)
    await store.bury(made.webhook_id, 14, b"{}", "no", 3)  # ended meanwhile: harmless
    assert await store.letters(made.webhook_id) == []
    for ident in (made.webhook_id, "a\0b", "", "wh_" + "x" * 5000):
        for lost in (
            store.get(ident),
            store.delete(ident),
            store.change(ident, name="m"),
            store.drop_letter(ident, 1),
        ):
            with pytest.raises(UnknownWebhook):
                await lost


async def test_keys(engine: AsyncEngine) -> None:
    """Only the hash is kept; what is revoked or wrong opens nothing."""
    await keys_are_kept(engine)


async def test_answers(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order is begun once, for a day, and within a bound."""
    await answers_are_kept(engine, monkeypatch)


async def test_webhooks(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Places and dead letters survive, within a bound; they go with their webhook."""
    await webhooks_are_kept(engine, monkeypatch)


async def test_all_of_it_on_postgresql(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on the database of a larger installation."""
    async with opened(postgres_url) as engine:
        await keys_are_kept(engine)
        await answers_are_kept(engine, monkeypatch)
        await webhooks_are_kept(engine, monkeypatch)
