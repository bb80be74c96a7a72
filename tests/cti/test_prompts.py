"""Prompts as sound files: real espeak-ng and sox, and a slow or broken synthesiser."""

from __future__ import annotations

import asyncio
import os
import struct
import wave
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cti.calls import Prompt
from cti.debian import Progress
from cti.prompts import MAX_TEXT, PromptFailed, PromptStore, speakable
from cti.speech import EspeakSynthesiser, SpeechFailed, SpeechTools, obtain_speech_tools, run_tool


@pytest.fixture(scope="module")
def tools() -> SpeechTools:
    """This machine's espeak-ng and sox, or those of the cache."""
    try:
        return asyncio.run(obtain_speech_tools())
    except SpeechFailed as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no espeak-ng and sox: {error}")


@dataclass
class _Tone:
    """A synthesiser that takes its time and counts."""

    tools: SpeechTools
    key: str = "tone"
    spoken: list[str] = field(default_factory=list)
    running: int = 0
    most: int = 0
    fails: bool = False

    async def speak(self, text: str, language: str, target: Path) -> None:
        self.spoken.append(text)
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0.02)
        self.running -= 1
        if self.fails:
            raise SpeechFailed("the synthesiser is broken")
        command = (*self.tools.sox, "-n", str(target), "synth", "0.2", "sine", "440")
        await run_tool(command, environment=self.tools.environment)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("sounds", "recordings"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def store(folder: Path, tools: SpeechTools) -> PromptStore:
    return PromptStore(folder / "sounds", EspeakSynthesiser(tools), tools, folder / "recordings")


def _slow_store(folder: Path, tools: SpeechTools) -> tuple[PromptStore, _Tone]:
    tone = _Tone(tools)
    return PromptStore(folder / "sounds", tone, tools, folder / "recordings"), tone


def _sound(path: Path) -> tuple[tuple[int, int, int], float, float, float]:
    """Format, seconds, peak and root mean square (of full scale) of a sound file."""
    with wave.open(f"{path}.wav") as file:
        shape = (file.getframerate(), file.getsampwidth(), file.getnchannels())
        raw = file.readframes(file.getnframes())
    samples = struct.unpack(f"<{len(raw) // 2}h", raw)
    peak = max(abs(one) for one in samples) / 32768
    level = (sum(one * one for one in samples) / len(samples)) ** 0.5 / 32768
    return shape, len(samples) / shape[0], peak, level


@pytest.mark.parametrize(
    ("text", "language", "shortest_s", "longest_s"),
    [
        ("Welcome. For billing, press one. For support, press two.", "en", 3, 8),
        ("Welcome. For billing, press one. For support, press two.", "en-GB", 3, 8),
        ("欢迎致电示例公司。账单请按一,技术支持请按二。", "zh", 5, 13),
        ("您是第3位,请稍候。", "zh-CN", 2, 6),
    ],
)
async def test_speech_is_audible_and_fits_a_telephone(
    store: PromptStore, text: str, language: str, shortest_s: float, longest_s: float
) -> None:
    """A voice that is missing gives silence or spelled letters, which only the sound shows."""
    shape, seconds, peak, level = _sound(await store.path(Prompt(text, language)))
    assert shape == (8000, 2, 1)
    assert shortest_s < seconds < longest_s
    assert 0.4 < peak < 0.95  # loud enough, and nothing clipped
    assert 0.02 < level < 0.3


async def test_chinese_is_not_english(store: PromptStore) -> None:
    """The same text in two languages is two sounds: the language belongs to the key."""
    chinese = await store.path(Prompt("3", "zh"))
    english = await store.path(Prompt("3", "en"))
    assert Path(f"{chinese}.wav").read_bytes() != Path(f"{english}.wav").read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        "$(touch {0}) `touch {0}` ; touch {0} | x && y > {0}",
        "-w {0} --stdin -f /etc/passwd",
        "--phonout={0}",
        '"; touch {0}; "',
        "one\ntwo\r\n\0three\x1b[2J",
        "[[h@'l@U]] <audio src='{0}'/> &lt;",
    ],
)
async def test_hostile_text_is_only_spoken(store: PromptStore, text: str, tmp_path: Path) -> None:
    """A caller's name may be in a greeting: it must never reach a shell or an option."""
    trap = tmp_path / "trap"
    path = await store.path(Prompt(text.format(trap)))
    assert _sound(path)[1] > 0.3
    assert not trap.exists()


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(""),
        Prompt(" \n\t\x00"),
        Prompt("x" * (MAX_TEXT + 1)),
        Prompt("hello", "../../etc"),
        Prompt("hello", "-w"),
        Prompt("hello", "en\n"),
        Prompt("hello", "xx"),
        Prompt("hello", recording="../secret"),
        Prompt("hello", recording="/etc/passwd"),
        Prompt("", recording="none"),
    ],
)
async def test_what_cannot_be_spoken_is_refused(store: PromptStore, prompt: Prompt) -> None:
    """The call goes on without the prompt, so the failure must be one known exception."""
    with pytest.raises(PromptFailed):
        await store.path(prompt)


async def test_a_text_is_rendered_once(folder: Path, tools: SpeechTools) -> None:
    """A hundred callers who enter one queue at once must not start a hundred synthesisers."""
    store, tone = _slow_store(folder, tools)
    paths = await asyncio.gather(*(store.path(Prompt("Please wait.")) for _ in range(100)))
    assert len(set(paths)) == 1
    await store.path(Prompt(" Please   wait."))
    assert tone.spoken == ["Please wait."]
    again, second = _slow_store(folder, tools)
    assert await again.path(Prompt("Please wait.")) == paths[0]
    assert second.spoken == []
    second.key = "another voice"
    assert await again.path(Prompt("Please wait.")) != paths[0]


async def test_at_most_two_render_and_the_line_is_bounded(folder: Path, tools: SpeechTools) -> None:
    """A flood of different texts must not take the machine from the calls."""
    store, tone = _slow_store(folder, tools)
    results = await asyncio.gather(
        *(store.path(Prompt(f"text {number}")) for number in range(210)), return_exceptions=True
    )
    assert tone.most == 2
    assert sum(isinstance(one, PromptFailed) for one in results) == 10


async def test_one_caller_hanging_up_does_not_stop_the_others(
    folder: Path, tools: SpeechTools
) -> None:
    """The first caller's hang-up cancels his wait, not the rendering that others wait for."""
    store, tone = _slow_store(folder, tools)
    first = asyncio.ensure_future(store.path(Prompt("Hello.")))
    second = asyncio.ensure_future(store.path(Prompt("Hello.")))
    await asyncio.sleep(0.005)
    first.cancel()
    assert _sound(await second)[1] > 0.1
    assert tone.spoken == ["Hello."]


async def test_a_failure_is_not_kept(folder: Path, tools: SpeechTools) -> None:
    """After the synthesiser is repaired the prompt must be heard without a restart."""
    store, tone = _slow_store(folder, tools)
    tone.fails = True
    both = await asyncio.gather(
        *(store.path(Prompt("Hello.")) for _ in "ab"), return_exceptions=True
    )
    assert all(isinstance(one, PromptFailed) for one in both)
    assert not list((folder / "sounds").glob(".render-*"))
    tone.fails = False
    assert _sound(await store.path(Prompt("Hello.")))[1] > 0.1


async def test_the_sites_recordings_win(folder: Path, tools: SpeechTools) -> None:
    """A company's own voice is taken in any format, per language, and when it changes."""
    store, tone = _slow_store(folder, tools)
    recordings = folder / "recordings"

    async def record(name: str, seconds: str) -> None:
        target = recordings / name
        target.parent.mkdir(exist_ok=True)
        command = (*tools.sox, "-n", "-r", "44100", "-c", "2", str(target), "synth", seconds)
        await run_tool((*command, "sine", "300"), environment=tools.environment)

    await record("welcome.wav", "1")
    await record("zh/welcome.flac", "2")
    english = _sound(await store.path(Prompt("Hello.", "en", "welcome")))
    chinese = _sound(await store.path(Prompt("你好", "zh", "welcome")))
    assert english[0] == chinese[0] == (8000, 2, 1)
    assert 0.9 < english[1] < 1.5
    assert 1.9 < chinese[1] < 2.5
    assert tone.spoken == []
    await record("welcome.wav", "3")
    assert _sound(await store.path(Prompt("Hello.", "en", "welcome")))[1] > 2.9
    await store.path(Prompt("Hello.", "en", "not-recorded-yet"))
    assert tone.spoken == ["Hello."]
    (recordings / "broken.wav").write_bytes(b"RIFF nonsense")
    with pytest.raises(PromptFailed):
        await store.path(Prompt("Hello.", "en", "broken"))


async def test_prerendering_shows_progress_and_names_failures(
    folder: Path, tools: SpeechTools
) -> None:
    """The start renders a flow's prompts; one bad prompt must be reported, not stop the rest."""
    store, tone = _slow_store(folder, tools)
    seen: list[Progress] = []
    failed = await store.prerender(
        [Prompt("One."), Prompt("x" * 2000), Prompt("Two."), Prompt("One.")], seen.append
    )
    assert [prompt.text[0] for prompt, _ in failed] == ["x"]
    assert tone.spoken == ["One.", "Two."]
    assert [(one.done, one.total) for one in seen] == [(0, 3), (1, 3), (2, 3), (3, 3)]


async def test_old_prompts_are_dropped(folder: Path, tools: SpeechTools) -> None:
    """Texts with names and numbers in them would fill the disk in time."""
    tone = _Tone(tools)
    store = PromptStore(folder / "sounds", tone, tools, folder / "recordings", keep_files=2)
    paths = [await store.path(Prompt(f"text {number}")) for number in range(4)]
    for age, path in enumerate(paths):
        os.utime(f"{path}.wav", (1000 + age, 1000 + age))
    await store.path(Prompt("text 0"))  # used again: young
    store.prune()
    assert [Path(f"{path}.wav").exists() for path in paths] == [True, False, False, True]


async def test_pruning_leaves_alone_what_is_being_rendered(
    folder: Path, tools: SpeechTools
) -> None:
    """Two prompts at once: the one that tidies up must not stumble over the other's folder."""
    sounds = folder / "sounds"
    store = PromptStore(
        sounds, EspeakSynthesiser(tools), tools, folder / "recordings", keep_files=0
    )
    work = sounds / ".render-other" / "ab"
    work.mkdir(parents=True)
    (work / "spoken.wav").write_bytes(b"x")
    store.prune()
    assert (work / "spoken.wav").exists()


async def test_a_missing_program_is_named(folder: Path) -> None:
    """An operator must learn which program to install."""
    nothing = SpeechTools(("/nowhere/espeak-ng",), ("/nowhere/sox",))
    store = PromptStore(
        folder / "sounds", EspeakSynthesiser(nothing), nothing, folder / "recordings"
    )
    with pytest.raises(PromptFailed, match="/nowhere/espeak-ng cannot be started"):
        await store.path(Prompt("Hello."))


def test_speakable_keeps_words_of_every_script() -> None:
    """Cleaning must not eat Chinese, accents or digits."""
    assert speakable("  José\n\u200b你好 3% ") == "José 你好 3%"
