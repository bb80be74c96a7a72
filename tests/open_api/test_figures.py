"""Figures and alerts for other programs: live and past, over REST, the stream and the metrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reporting.definitions import ALL, FIGURES

ALERTS = """
alerts:
  crowd: {figure: waiting, queue: sales, above: 0, clear: 0, for_s: 0, clear_for_s: 0}
  hidden: {figure: waiting, team: nobody, above: 0}
"""


def add_alerts(center: Any, text: str) -> None:
    site = Path(center.system.settings.site_folder) / "site.yaml"
    site.write_text(site.read_text("utf-8") + text, "utf-8")


async def figures(center: Any, **query: Any) -> Any:
    status, told, _ = await center.ask("GET", "/figures", params=query)
    assert status == 200, told
    return told


def fits(document: Any, path: str, told: Any) -> None:
    answer = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    schema = {**answer["schema"], "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(told)


async def test_figures_are_told_with_their_definitions_live_and_past(center: Any) -> None:
    """The day as it is told live is the day of the records, for each scope."""
    document = (await center.ask("GET", "/openapi.json", key=None))[1]
    call = await center.talking()
    await center.done(f"/calls/{call}/hang-up")
    state = center.system.router.engine.agent_view
    await center.until(lambda: state("anna").state == "wrap-up")
    await center.done(f"/calls/{call}/wrap-up", disposition="solved", note="", then="ready")
    await center.done("/agents/anna/sign-out")
    calendar, now = center.system.calendar, center.system.clock.now()
    for scope in ("queue", "agent", "site"):
        live = await figures(center, scope=scope, window="day")
        past = await figures(center, scope=scope, since=calendar.midnight(now))
        fits(document, "/figures", live)
        fits(document, "/figures", past)
        assert [d["id"] for d in live["definitions"]] == list(ALL)
        assert [row["id"] for row in live["figures"]] == [row["id"] for row in past["figures"]]
        for one, other in zip(live["figures"], past["figures"], strict=True):
            assert one["since"] == calendar.midnight(now)
            wanted = {name for name in FIGURES if scope in FIGURES[name].scopes}
            assert set(other["values"]) == wanted
            for name in wanted - {"containment", "true_containment", "first_contact_resolution"}:
                assert one["values"][name] == pytest.approx(other["values"][name], abs=1e-3), name
    rows = {row["id"]: row for row in (await figures(center, scope="queue"))["figures"]}
    assert rows["sales"]["values"]["answered"] == rows["sales"]["counts"]["answered"] == 1
    assert rows["sales"]["name"] == "Sales"
    assert rows["sales"]["values"]["waiting"] == rows["support"]["values"]["answered"] == 0
    one = await figures(center, scope="agent", id="anna", window="15")
    (anna,) = one["figures"]
    assert (anna["values"]["answered"], anna["window"]) == (1, "15")
    assert anna["values"]["occupancy"] > 0


async def test_what_is_asked_wrongly_is_told(center: Any) -> None:
    """An unknown queue, window or span is refused, and an agent's own key sees nobody's figures."""
    for query, status, code in (
        ({"id": "nobody"}, 404, "not-found"),
        ({"scope": "team", "id": "nobody"}, 404, "not-found"),
        ({"window": "20"}, 422, "bad-request"),
        ({"since": 100.0, "until": 50.0}, 422, "bad-request"),
        ({"since": 0.0, "until": 1e9}, 422, "bad-request"),
    ):
        found, told, _ = await center.ask("GET", "/figures", params=query)
        assert (found, told["code"]) == (status, code), query
    bound = await center.new_key("annas", agent="anna")
    for path in ("/figures", "/alerts"):
        found, told, _ = await center.ask("GET", path, key=bound)
        assert (found, told["code"]) == (403, "supervisors-only")


async def test_an_alert_is_an_event_seen_by_programs_and_over_after_a_restart(
    start_center: Any,
) -> None:
    """Raised on the stream, listed, seen, in the metrics; a restart neither adds nor ends one."""
    center = await start_center()
    add_alerts(center, ALERTS.replace("  hidden: {figure: waiting, team: nobody, above: 0}\n", ""))
    assert await center.system.reload()
    center.key = await center.new_key("everything")
    async with center.stream("?types=alert.*&queues=sales") as stream:
        call = await center.calls(patience_s=600.0)
        names: list[str] = []
        while "alert.raised" not in names:
            event = json.loads(await stream.recv())
            names.append(event["type"])
        assert event["data"]["alert"] == "crowd"
        assert (event["data"]["queue"], event["data"]["value"]) == ("sales", 1)
        await center.done("/alerts/crowd/acknowledge")
        told = await center.ask("GET", "/alerts")
        document = (await center.ask("GET", "/openapi.json", key=None))[1]
        fits(document, "/alerts", told[1])
        (alert,) = told[1]["alerts"]
        assert (alert["alert"], alert["by"], alert["cleared"]) == ("crowd", "key:everything", None)
        assert alert["text"]["en"] == "Sales: waiting now 1 (limit 0)"
    assert b'callcenter_alerts{rule="crowd"} 1.0' in center.system.metrics.text()
    await center.system.stop()
    again = await start_center()
    again.key = center.key
    (kept,) = (await again.ask("GET", "/alerts"))[1]["alerts"]
    assert {**kept, "cleared": None} == {**alert, "cleared": None}
    link: Any = again.system.switches.up["virtual"].link
    assert call not in link.live  # a virtual switch does not outlive us
    over = again.system.records.alerts.over
    await again.until(lambda: over)
    assert over[0].raised.alert == "crowd"
    status, told, _ = await again.ask("POST", "/alerts/crowd/acknowledge", json={})
    assert (status, told["code"]) == (409, "alert-over")


async def test_an_alert_about_nothing_is_refused_and_the_old_rules_stay(start_center: Any) -> None:
    """A reload with a mistake in the alerts changes nothing."""
    center = await start_center()
    add_alerts(center, ALERTS)
    assert not await center.system.reload()
    assert "crowd" not in center.system.site.alert_rules()
