"""Why a call went where it went, and why one still waits, in words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import acd.reasons
from acd import decisions as d
from acd import facts as f
from acd.decisions import Reason
from acd.engine import Engine
from acd.reasons import SENTENCES, sentence
from acd.site import Agent, Queue, Site, SkillNeed

SENTENCE_ROWS = [
    (
        Reason("longest-idle", {"needs": "billing>=3", "agents": 3, "idle_s": 74.2, "waiting": 5}),
        "longest idle of 3 agents with billing 3+, idle 74 s; first of 5 waiting",
        "3 名具备 billing 3+ 的坐席中空闲最久，已空闲 74 秒；5 个等待来电中的第一个",
    ),
    (
        Reason(
            "only-free",
            {"waiting": 3, "order": 2, "priority": 20, "sharing": "target", "waited_s": 9.7},
        ),
        "the only free agent, idle 0 s; first of 3 waiting (queue number 2 of the agent, "
        "priority 20, by the queues' targets, waited 10 s)",
        "唯一空闲的坐席，已空闲 0 秒；3 个等待来电中的第一个"
        "（该坐席的第 2 队列，优先级 20，按队列目标，已等待 10 秒）",
    ),
    (
        Reason("only-free", {"needs": "", "agents": 1, "idle_s": 0.0, "waiting": 1}),
        "the only free agent, idle 0 s; the only caller waiting",
        "唯一空闲的坐席，已空闲 0 秒；唯一等待的来电",
    ),
    (
        Reason(
            "all-busy",
            {
                "needs": "billing>=3",
                "agents": 4,
                "talking": 3,
                "wrap_up": 1,
                "wrap_up_until": 1_764_153_067.0,
            },
        ),
        "skill billing 3+: 4 agents, 3 talking, 1 in wrap-up until 10:31:07",
        "技能 billing 3+：4 名坐席、3 人通话中、1 人话后处理至 10:31:07",
    ),
    (
        Reason("nobody-signed-in", {"needs": "billing>=3", "agents": 2}),
        "nobody with billing 3+ is signed in (2 agents could serve)",
        "没有具备 billing 3+ 的坐席签入（共 2 名可服务）",
    ),
    (
        Reason("overflow", {"after_s": 20.0, "to": "other"}),
        "waited 20 s, moved on to other with the original arrival",
        "已等待 20 秒，保留原到达时间转往 other",
    ),
    (
        Reason("left-alone", {"after_s": 30.0, "kind": "voicemail", "to": ""}),
        "nobody had been there for 30 s, sent on to the voicemail",
        "已有 30 秒无人值守，转往语音信箱",
    ),
    (
        Reason("turned-wait", {"low_s": 84.2, "high_s": 301.0, "limit_s": 60.0}),
        "the wait would be 84 to 301 s, at most 60 s is accepted",
        "预计等待 84 至 301 秒，上限为 60 秒",
    ),
    (
        Reason("queue-closed", {"why": "holiday", "by": "zoe"}),
        "the queue was closed by zoe (holiday)",
        "由 zoe 调整：队列已关闭（holiday）",
    ),
    (
        Reason(
            "position-worse",
            {"position": 4, "before": 2, "priority": 1, "kept": 1, "low_s": 20.0, "high_s": 90.0}
            | {"agents": 3},
        ),
        "position 4, before it was 2; in front came 1 of higher priority, 1 back at a kept place; "
        "expected wait 20 to 90 s, with 3 agents at work",
        "第 4 位，之前为第 2 位；插到前面的有 1 个优先级更高、1 个恢复原位；"
        "预计等待 20 至 90 秒，3 名坐席在岗",
    ),
]


@pytest.mark.parametrize(("reason", "english", "chinese"), SENTENCE_ROWS)
def test_sentences(reason: Reason, english: str, chinese: str) -> None:
    """People read these; a change of words is made on purpose."""
    assert sentence(reason, "en") == english
    assert sentence(reason, "zh") == chinese
    assert sentence(reason, "zh-CN") == chinese


def test_both_languages_know_every_code() -> None:
    """A reason without a sentence would show its code to a person."""
    assert set(SENTENCES["en"]) == set(SENTENCES["zh"])


def test_every_code_in_the_engine_has_a_sentence() -> None:
    """A new reason comes with its words."""
    source = Path(acd.reasons.__file__).parent
    text = "\n".join(path.read_text() for path in source.glob("*.py"))
    codes = set(re.findall(r'\bReason\(\s*"([a-z-]+)"', text))
    assert codes >= {"answered", "caller-gone", "overflow", "not-waiting"}
    assert codes <= set(SENTENCES["en"])


@pytest.mark.parametrize("language", ["en", "zh", "xx", ""])
@pytest.mark.parametrize("code", [*SENTENCES["en"], "unheard-of"])
def test_a_sentence_never_fails(code: str, language: str) -> None:
    """Stored reasons of older versions, with less data or other codes, are still shown."""
    assert sentence(Reason(code), language)
    assert sentence(Reason(code, {"until": "soon", "agents": None, "needs": 3}), language)


def test_clock_of_the_site_is_used() -> None:
    """A moment is shown in the site's own time of day."""
    reason = Reason("callback-retry", {"until": 5.0})
    assert sentence(reason, "en", lambda moment: f"<{moment}>").endswith("<5.0>")


def _engine() -> Engine:
    return Engine(
        Site(
            (Queue("q", wrap_up_s=30.0), Queue("empty")),
            (
                Agent("anna", queues=("q",), skills={"billing": 5}),
                Agent("bob", queues=("q",), skills={"billing": 1}),
            ),
        )
    )


def _why(engine: Engine, call: str, now: float) -> str:
    return sentence(engine.why_waiting(call, now), "en")


def test_why_a_call_waits_follows_the_floor() -> None:
    """The reason is of this moment and of this call's own skills."""
    engine = _engine()
    expert = (SkillNeed("billing", 3),)
    engine.handle(f.CallQueued("c0", "empty"), 0.0)
    engine.handle(f.CallQueued("c1", "q", expert), 0.0)
    engine.handle(f.CallQueued("c2", "q", expert), 0.0)
    engine.handle(f.CallQueued("c3", "q", (SkillNeed("german", 1),)), 0.0)
    assert _why(engine, "c0", 1.0) == "no agent serves this queue"
    assert _why(engine, "c1", 1.0) == "nobody with billing 3+ is signed in (1 agent could serve)"
    assert _why(engine, "c3", 1.0) == "no agent of this queue has german 1+"
    engine.handle(f.AgentSignedIn("anna"), 1.0)
    assert _why(engine, "c1", 1.0) == "skill billing 3+: 1 agent, 1 not ready"
    engine.handle(f.AgentReady("anna"), 2.0)
    assert _why(engine, "c1", 2.0) == "the phone of anna rings"
    assert _why(engine, "c2", 2.0) == "skill billing 3+: 1 agent, 1 being rung"
    engine.handle(f.OfferAccepted("o1"), 3.0)
    assert engine.why_waiting("c1", 3.0).code == "not-waiting"
    assert _why(engine, "c2", 3.0) == "skill billing 3+: 1 agent, 1 talking"
    engine.handle(f.CallHeld("c1"), 4.0)
    assert _why(engine, "c2", 4.0) == "skill billing 3+: 1 agent, 1 with a caller on hold"
    engine.handle(f.CallEnded("c1"), 5.0)
    assert _why(engine, "c2", 5.0) == "skill billing 3+: 1 agent, 1 in wrap-up until 00:00:35"
    assert engine.why_waiting("c2", 9.0).data["waited_s"] == 9.0
    assert engine.why_waiting("nobody", 9.0).code == "not-waiting"


def test_an_offer_says_why_this_agent_and_this_call() -> None:
    """The reason is stored with the offer and has to be true."""
    engine = _engine()
    for agent, at in (("anna", 0.0), ("bob", 6.0)):
        engine.handle(f.AgentSignedIn(agent), at)
        engine.handle(f.AgentReady(agent), at)
    offer = engine.handle(f.CallQueued("c1", "q"), 10.0)[-1]
    assert isinstance(offer, d.Offer)
    assert sentence(offer.reason, "en") == (
        "longest idle of 2 agents, idle 10 s; the only caller waiting"
    )
    engine.handle(f.OfferAccepted(offer.offer), 10.0)
    engine.handle(f.AgentSignedOut("bob"), 11.0)
    for number in range(2, 7):
        engine.handle(f.CallQueued(f"c{number}", "q"), 10.0 + number)
    engine.handle(f.CallEnded("c1"), 20.0)
    offer = engine.handle(f.WrapUpDone("anna"), 21.0)[-1]
    assert isinstance(offer, d.Offer)
    assert offer.call == "c2"
    assert sentence(offer.reason, "en") == (
        "the only free agent, idle 0 s; first of 5 waiting (waited 9 s)"
    )


def test_positions_and_the_line_agree() -> None:
    """What the caller hears, what the console shows and who is served next are one order."""
    engine = _engine()
    engine.handle(f.CallQueued("c1", "q"), 0.0)
    engine.handle(f.CallQueued("c2", "q", (SkillNeed("billing", 3),), 5), 1.0)
    engine.handle(f.CallQueued("c3", "q", (SkillNeed("billing", 3),)), 2.0)
    line = engine.waiting("q")
    assert [(w.position, w.call) for w in line] == [(1, "c2"), (2, "c1"), (3, "c3")]
    assert all(engine.position(w.call) == w.position for w in line)
    assert line[0].priority == 5
    assert line[0].needs == "billing>=3"
    assert engine.position("unknown") is None
    assert engine.waiting("unknown") == []
    assert engine.agents_by_state("q") == {"offline": 2}
