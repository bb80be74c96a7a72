"""Messages that callers leave: whose they are, and which of them nobody has dealt with yet.

    RecordMessage ──▶ MessageAsked ──▶ (switch records) ──▶ RecordingStopped ──▶ VoicemailLeft
                                                                                    │ people
                                                                                    └▶ VoicemailDone

The sound goes the way of every recording (`callcenter.recordings`). What is open is folded from
the journal, so that a restart loses no message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

import msgspec

from callcenter import happenings as h
from cti import events as e
from ivr.flow import Fallback, Flow, HangUp, Say, Speech, Step, Voicemail

MOST_OPEN = 2_000  # beyond that the oldest are listed no more; their sound stays
LEAST_S = 1.0  # shorter is no message
_PREFIX = "vm-"
_FLOW = "voicemail."

_LEAVE = {
    "en": "Please leave a message after the tone. Press the pound key when you are done.",
    "zh": "请在提示音后留言，完成后请按井号键。",
}
_THANKS = {
    "en": "Thank you. We will see to your message. Goodbye.",
    "zh": "谢谢您的留言，我们会尽快处理。再见。",
}


def new_message(call_id: str, at: float) -> str:
    """The id of a recording that will be a caller's message; the same for the same moment."""
    return f"{_PREFIX}{sha256(f'{call_id} {at!r}'.encode()).hexdigest()[:16]}"


def is_message(recording_id: str) -> bool:
    """Whether a recording is a caller's message."""
    return recording_id.startswith(_PREFIX)


def flow_of(flow_id: str, languages: tuple[str, ...], fallback: str) -> Flow | None:
    """The built-in flow of a voicemail box ("voicemail.sales"); None for another flow's id."""
    if not flow_id.startswith(_FLOW):
        return None
    box = flow_id.removeprefix(_FLOW)
    leave = Voicemail("leave", 0, _speech(_LEAVE, languages), box, "thanks")
    thanks = Say("thanks", 0, _speech(_THANKS, languages), "bye", interrupt=False)
    steps: dict[str, Step] = {"leave": leave, "thanks": thanks, "bye": HangUp("bye", 0)}
    return Flow(flow_id, flow_id, "entry", "leave", languages, steps, Fallback(fallback))


def _speech(texts: Mapping[str, str], languages: tuple[str, ...]) -> Speech:
    """Languages that we have no words in get English ones."""
    return Speech({one: texts.get(one.partition("-")[0], texts["en"]) for one in languages})


@dataclass(frozen=True, slots=True)
class Message:
    """A message that nobody has dealt with yet; `box` is a queue's id, or another name."""

    recording_id: str
    call_id: str
    box: str
    ani: str
    customer_id: str
    customer_name: str
    at: float
    length_s: float


class Voicemails:
    """The open messages by recording id, oldest first, and those being left."""

    def __init__(self) -> None:
        self.open: dict[str, Message] = {}
        self._asked: dict[str, h.MessageAsked] = {}

    def apply(self, entry: object, at: float) -> None:
        """Take one journal entry."""
        match entry:
            case h.MessageAsked():
                self._asked[entry.recording_id] = entry
                if len(self._asked) > MOST_OPEN:
                    del self._asked[next(iter(self._asked))]
            case h.VoicemailLeft():
                self._asked.pop(entry.recording_id, None)
                self.open[entry.recording_id] = Message(
                    entry.recording_id,
                    entry.call_id,
                    entry.box,
                    entry.ani,
                    entry.customer_id,
                    entry.customer_name,
                    at,
                    entry.length_s,
                )
                if len(self.open) > MOST_OPEN:
                    del self.open[next(iter(self.open))]
            case h.VoicemailDone():
                self.open.pop(entry.recording_id, None)

    def left(self, fact: e.RecordingStopped) -> h.VoicemailLeft | None:
        """What a recording that is complete is as a message; None for anything else."""
        asked = self._asked.get(fact.recording_id)
        if asked is None or fact.length_s < LEAST_S:
            return None
        return h.VoicemailLeft(
            asked.call_id,
            asked.recording_id,
            asked.box,
            asked.ani,
            asked.customer_id,
            asked.customer_name,
            round(fact.length_s, 1),
        )

    def waiting(self, box: str) -> int:
        """How many messages of a box nobody has dealt with."""
        return sum(1 for one in self.open.values() if one.box == box)

    def snapshot(self) -> dict[str, Any]:
        """All of it, ready to be encoded."""
        return {
            "open": [asdict(one) for one in self.open.values()],
            "asked": [asdict(one) for one in self._asked.values()],
        }

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Become what a decoded `snapshot` says."""
        messages = msgspec.convert(kept.get("open", []), list[Message])
        asked = msgspec.convert(kept.get("asked", []), list[h.MessageAsked])
        self.open = {one.recording_id: one for one in messages}
        self._asked = {one.recording_id: one for one in asked}
