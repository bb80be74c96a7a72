"""One contract, every switch: the same rows of text played on each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from cti.asterisk.install import AsteriskInstall
from tests.contract.driver import Driver
from tests.contract.notation import read
from tests.contract.on_asterisk import OnAsterisk
from tests.contract.on_twilio import OnTwilio
from tests.contract.on_virtual import OnVirtual
from tests.contract.stage import Theatre

SCENARIOS = {one.title: one for one in read(Path(__file__).with_name("scenarios.txt"))}
Results = tuple[Driver, dict[str, str]]  # why each scenario failed, by its title


def _play(request: pytest.FixtureRequest, driver: Driver) -> Results:
    """Plays what this test run has chosen of this switch's scenarios, all at once."""
    chosen = []
    for item in request.session.items:
        call = getattr(item, "callspec", None)
        if call is not None and call.params.get("switch") == driver.name:
            chosen.append(SCENARIOS[call.params["title"]])
    return driver, asyncio.run(Theatre(driver).play(chosen))


@pytest.fixture(scope="module")
def on_virtual(request: pytest.FixtureRequest) -> Results:
    return _play(request, OnVirtual())


@pytest.fixture(scope="module")
def on_asterisk(
    request: pytest.FixtureRequest,
    asterisk_install: AsteriskInstall,
    asterisk_folder: Callable[[], Path],
) -> Results:
    return _play(request, OnAsterisk(asterisk_install, asterisk_folder))


@pytest.fixture(scope="module")
def on_twilio(request: pytest.FixtureRequest) -> Results:
    return _play(request, OnTwilio())


@pytest.mark.parametrize("title", SCENARIOS)
@pytest.mark.parametrize(
    "switch", ["virtual", pytest.param("asterisk", marks=pytest.mark.asterisk), "twilio"]
)
def test_the_contract(switch: str, title: str, request: pytest.FixtureRequest) -> None:
    """The switch does what every switch does, or its driver says what it cannot do and why."""
    driver, failed = request.getfixturevalue(f"on_{switch}")
    unlike = driver.unlike.get(title)
    if unlike is not None:
        assert failed[title], f"it is like the others now: {unlike}"
        pytest.xfail(unlike)
    assert not failed[title], failed[title]


def test_every_difference_is_about_a_scenario() -> None:
    """A scenario that was renamed must not leave an excuse behind."""
    for driver in (OnVirtual, OnAsterisk, OnTwilio):
        assert set(driver.unlike) <= set(SCENARIOS)
