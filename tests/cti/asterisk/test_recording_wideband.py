"""Recording callers whose sound is finer than a telephone's: browsers speak Opus at 48 kHz."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from callcenter.recordingfiles import RecordingFiles
from cti import commands as c
from cti import events as e
from cti.asterisk.install import AsteriskInstall
from cti.calls import Phone, PhoneKind
from cti.speech import obtain_speech_tools
from tests.cti.asterisk import conftest as labs
from tests.cti.asterisk.conftest import CALLER_TONE_HZ, PHONE_TONE_HZ
from tools.lab.sound import share_of

pytestmark = pytest.mark.asterisk


@pytest.fixture(scope="module")
def lab(
    asterisk_install: AsteriskInstall, asterisk_folder: Callable[[], Path]
) -> Iterator[labs.Lab]:
    """As everywhere, but calls from outside are Opus."""
    if not asterisk_install.has_module("codec_opus_open_source"):
        pytest.skip("this Asterisk has no Opus")
    made = labs._lab(asterisk_install, asterisk_folder(), asterisk_folder(), "127.0.0.1", (), {})
    for server, ulaw in ((made.office, "allow=ulaw,alaw"), (made.network, "allow=ulaw")):
        files = dict(server._files)
        assert ulaw in files["pjsip.conf"]
        files["pjsip.conf"] = files["pjsip.conf"].replace(ulaw, "allow=opus,ulaw", 1)
        server._files = files
    asyncio.run(labs._begin(made))
    yield made
    labs.stop_lab(made)


async def test_a_browsers_sound_is_kept_at_its_own_pace_and_pitch(desk, lab, tmp_path):
    """As many seconds as were spoken, and the tones that were heard, each on its side."""
    tools = await obtain_speech_tools()
    record = await desk.call()
    call_id = (await desk.facts.wait(e.CallArrived)).call_id
    desk.link.execute(c.StartWaiting(call_id, "sales", 1.0))
    await desk.facts.wait(e.CallWaiting, call_id=call_id)
    desk.link.execute(c.OfferCall(call_id, "o1", "anna", Phone(PhoneKind.DESK, "anna"), 8.0))
    await desk.facts.wait(e.OfferAnswered, call_id=call_id)
    assert "opus" in await lab.office.console("core show channels verbose") or "opus" in (
        await lab.office.console("pjsip show channelstats")
    )
    desk.link.execute(c.StartRecording(call_id, "rec-1"))
    await desk.facts.wait(e.RecordingStarted)
    clock = asyncio.get_running_loop()
    began = clock.time()
    await asyncio.sleep(2.0)
    await desk.caller_hangs_up(record)
    stopped = await desk.facts.wait(e.RecordingStopped)
    spoken_s = clock.time() - began
    source = Path(stopped.address.removeprefix("file://"))
    kept = await RecordingFiles(tmp_path, lambda: tools).keep(source, "rec-1", 0.0)
    assert kept.length_s == pytest.approx(spoken_s, abs=0.4)
    sound = labs.samples_of(tmp_path / kept.file)
    mono = source.rename(source.with_name(source.name.replace(".stereo.", ".mono.")))
    mixed = await RecordingFiles(tmp_path, lambda: tools).keep(mono, "rec-2", 0.0)
    assert (mixed.channels, mixed.length_s) == (1, pytest.approx(kept.length_s, abs=0.1))
    both = labs.samples_of(tmp_path / mixed.file)[4000:12000]
    assert min(share_of(both, CALLER_TONE_HZ), share_of(both, PHONE_TONE_HZ)) > 0.3
    for side, hertz in ((sound[0::2], CALLER_TONE_HZ), (sound[1::2], PHONE_TONE_HZ)):
        assert share_of(side[4000:12000], hertz) > 0.8
