"""What Asterisk's words for a failed dial mean to us. Found out on Asterisk 22, not assumed."""

from __future__ import annotations

from cti.calls import OfferFailure

# Q.850 causes, as Asterisk derives them from SIP answers.
_BUSY = 17  # 486 Busy Here, 600 Busy Everywhere
_REJECTED = 21  # 603 Decline, 403 Forbidden


# How an Originate went that was answered, when it still came to nothing.
ANSWERED = "answered"  # and hung up before it was connected
UNCONFIRMED = "unconfirmed"  # nobody pressed the digit: a voice mailbox, perhaps


def offer_failure(status: str, cause: str) -> OfferFailure:
    """Why an agent's phone did not take the call: from DIALSTATUS and HANGUPCAUSE."""
    if status == "NOANSWER":
        return OfferFailure.NO_ANSWER
    if status == "BUSY" or _number(cause) in (_BUSY, _REJECTED):
        return OfferFailure.REFUSED
    return OfferFailure.UNREACHABLE


def callback_failure(status: str, cause: str) -> str:
    """Why the customer was not reached: "busy", "no answer" or "unreachable"."""
    if status == "NOANSWER":
        return "no answer"
    if status == "BUSY" or _number(cause) in (_BUSY, _REJECTED):
        return "busy"
    return "unreachable"


def originate_failure(reason: str, cause: str) -> OfferFailure:
    """Why a phone that we rang did not take the call: from OriginateResponse and Hangup.

    The reasons are Asterisk's control frames: 3 ringing (time was over), 5 busy,
    8 congestion, 0 and 1 failure and hang-up.
    """
    if reason == UNCONFIRMED:
        return OfferFailure.NO_ANSWER
    if reason in ("5", ANSWERED) or _number(cause) in (_BUSY, _REJECTED):
        return OfferFailure.REFUSED
    if reason == "3":
        return OfferFailure.NO_ANSWER
    return OfferFailure.UNREACHABLE


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else 0
