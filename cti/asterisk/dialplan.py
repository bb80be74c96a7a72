"""The dialplan, as text: thin, generated, fail-safe.

Asterisk keeps the call, we keep the decision. Every context below leaves the caller
with music and a way back when our process is away:

- `cc-entry` takes a call from outside, `cc-in` opens the voice session and tries again
  while we are away, then `cc-fallback`;
- `cc-wait` is music and digits; `cc-visit` a voice session in the middle of it;
- `cc-connect` reads an offer out of the extension (one Redirect carries all of it),
  `cc-ring` rings the phone and brings the caller back when nobody took the call;
- `cc-outside` rings an agent's outside phone, where a digit has to be pressed (`cc-confirm`);
- `cc-callback` runs on an agent's phone that answered and dials the customer;
- `cc-hold`, `cc-hold-agent` and `cc-retrieve` part and join the two parties;
- `cc-transfer` sends the caller to an outside number;
- `cc-agent` is where agents' phones dial: nowhere;
- `cc-peer` is where our other switches dial: agents' phones of this one.

Text from outside (caller's name and number, the dialled number) is never evaluated:
it only ever stands alone as a value, never inside `$[…]`, and is cleaned of control
characters before anything else sees it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cti.asterisk.legs_plan import CONTEXTS, JOIN, LEG_VARIABLES, RECORD_OFF, RECORD_ON

# Events that the link reads; everything else may be filtered at the switch.
EVENTS_USED = (
    "UserEvent",
    "DialBegin",
    "DialEnd",
    "Hangup",
    "Hold",
    "Unhold",
    "OriginateResponse",
    "ContactStatus",
    "FullyBooted",
    "Shutdown",
)
# The rights that the link's AMI user needs.
MANAGER_READ = ("call", "user", "system")
MANAGER_WRITE = ("call", "reporting", "originate")

# Asked of every live channel when we take up calls again.
ADOPTED_VARIABLES = (
    "CC_CALL",
    "CC_DNIS",
    "CC_TRUNK",
    "CC_QUEUE",
    "CC_ENTERED",
    "CC_OFFER",
    "CC_AGENT",
    "CC_ROUND",
    "CC_FLOW",
    "CC_PEER",
    "CC_CALLBACK",
    *LEG_VARIABLES,
    "CC_REC",
    "CC_REC_KIND",
    "CC_REC_PAUSED",
    "CC_REC_MIX",
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_FALLBACK = re.compile(r"PJSIP/[A-Za-z0-9_.+@-]{1,80}")
_SOUND = re.compile(r"[A-Za-z0-9_./-]{1,200}")


@dataclass(frozen=True, slots=True)
class Dialplan:
    """What the dialplan depends on. Times in seconds.

    `link` is the name of the link (the first part of every call id). `trunk` is the
    trunk for outside numbers ("" when there is none). `away_s` is how long callers
    in the menu wait for us, `waiting_away_s` those in the queue, before `fallback`
    (such as "PJSIP/desk-reception") rings for `fallback_ring_s`; without a fallback,
    or when nobody answers it, `sorry` is played and the call ends.
    """

    link: str
    agi_port: int
    agi_host: str = "127.0.0.1"
    trunk: str = ""
    fallback: str = ""
    fallback_ring_s: int = 60
    sorry: str = "please-try-call-later"
    music: str = "default"
    away_s: int = 30
    waiting_away_s: int = 600

    def __post_init__(self) -> None:
        for what, value, rule in (
            ("link", self.link, _NAME),
            ("music", self.music, _NAME),
            ("sorry", self.sorry, _SOUND),
            ("trunk", self.trunk or "x", _NAME),
            ("fallback", self.fallback or "PJSIP/x", _FALLBACK),
            ("agi_host", self.agi_host, re.compile(r"[A-Za-z0-9.-]{1,100}")),
        ):
            if not rule.fullmatch(value):
                raise ValueError(f"{what}: {value[:60]!r} cannot stand in a dialplan")

    def text(self) -> str:
        """The whole extensions.conf."""
        return (_TEXT + CONTEXTS).format(
            link=self.link,
            agi=f"agi://{self.agi_host}:{self.agi_port}",
            trunk=f"trunk-{self.trunk}",
            music=self.music,
            tries=max(1, self.away_s),
            visits=max(1, self.waiting_away_s // 10),
            fallback=self._fallback(),
            sorry=self.sorry,
        )

    def _fallback(self) -> str:
        if not self.fallback:
            return "NoOp(no fallback is set)"
        return f"Dial({self.fallback},{self.fallback_ring_s},m({self.music}))"


# A call ends for the caller when the agent hangs up: Dial and Bridge come back only
# then (the caller's own hang-up ends the channel on the spot), so what stands after
# them may say who it was.
_TEXT = (
    r"""; Generated; changes here are overwritten.
[general]
static=yes
writeprotect=yes
clearglobalvars=no

[cc-entry]
; The pattern below would match the special extensions too: they are named first.
exten => h,1,NoOp()
exten => i,1,Hangup(1)
exten => t,1,Hangup(102)
exten => _[0-9a-zA-Z+*#_.]!,1,Set(CC_DNIS=${{FILTER(0-9a-zA-Z+*#_.,${{EXTEN}})}})
 same => n,Goto(cc-in,s,1)

[cc-in]
exten => s,1,Set(CALLERID(name)=${{FILTER(\x20-\x7e\x80-\xff,${{CALLERID(name):0:200}})}})
 same => n,Set(CALLERID(num)=${{FILTER(0-9a-zA-Z+*#_.,${{CALLERID(num):0:80}})}})
 same => n,Set(CC_CALL={link}-${{UNIQUEID}})
 same => n,Set(CC_TRUNK=${{CHANNEL(endpoint)}})
 same => n,Set(CC_MUSIC={music})
 same => n,Set(CC_NEXT=)
 same => n,Set(CC_TRIES=0)
 same => n,Set(AGIEXITONHANGUP=yes)
 same => n,Answer()
 same => n(visit),AGI({agi}/entry,${{CC_CALL}},${{CC_TRUNK}},${{CC_DNIS}},${{CC_TRIES}})
 same => n(broken),GotoIf($["${{CC_NEXT}}" = "wait"]?cc-wait,s,1)
 same => n,Set(CC_TRIES=$[${{CC_TRIES}} + 1])
 same => n,GotoIf($[${{CC_TRIES}} > {tries}]?cc-fallback,s,1)
 same => n,StartMusicOnHold(${{CC_MUSIC}})
 same => n,Wait(1)
 same => n,Goto(visit)

[cc-fallback]
exten => s,1,StopMusicOnHold()
 same => n,{fallback}
 same => n,Playback({sorry})
 same => n,Hangup()

[cc-wait]
exten => s,1,Set(CC_NEXT=)
 same => n,Set(CC_AWAY=0)
 same => n,Set(CC_DUE=$[${{EPOCH}} + ${{IF($[0${{CC_VISIT}} > 0]?${{CC_VISIT}}:30)}}])
 same => n(back),Set(CC_AGENT=)
 same => n,Set(CC_OFFER=)
 same => n,UserEvent(CallWaiting,Call: ${{CC_CALL}})
 same => n(music),Set(CC_LEFT=$[${{CC_DUE}} - ${{EPOCH}}])
 same => n,WaitExten(${{IF($[${{CC_LEFT}} > 1]?${{CC_LEFT}}:1)}},m(${{CC_MUSIC}}))
exten => t,1,Set(CC_DIGIT=)
 same => n,Goto(cc-visit,s,1)
exten => i,1,Goto(s,music)
exten => _[0-9*#],1,Set(CC_DIGIT=${{EXTEN}})
 same => n,GotoIf($["${{FILTER(${{CC_DIGITS}},${{CC_DIGIT}})}}" = "${{CC_DIGIT}}"]?cc-visit,s,1)
 same => n,Goto(s,music)

[cc-visit]
exten => s,1,StartMusicOnHold(${{CC_MUSIC}})
 same => n,AGI({agi}/wait,${{CC_CALL}},${{CC_DIGIT}})
 same => n(broken),GotoIf($["${{CC_NEXT}}" = "wait"]?cc-wait,s,1)
 same => n,Set(CC_AWAY=$[0${{CC_AWAY}} + 1])
 same => n,GotoIf($[${{CC_AWAY}} > {visits}]?cc-fallback,s,1)
 same => n,Set(CC_DUE=$[${{EPOCH}} + 10])
 same => n,Goto(cc-wait,s,back)

[cc-connect]
; The extension is an offer: <seconds>~<endpoint>~<agent>~<offer>, and ~<peer> when the phone
; is registered with another of our switches. The endpoint "out" is an outside number, "ask" one
; where whoever answers has to press a digit first.
exten => h,1,NoOp()
exten => _[0-9]!,1,Set(CC_RING=${{CUT(EXTEN,~,1)}})
 same => n,Set(CC_ENDPOINT=${{CUT(EXTEN,~,2)}})
 same => n,Set(CC_AGENT=${{CUT(EXTEN,~,3)}})
 same => n,Set(CC_OFFER=${{CUT(EXTEN,~,4)}})
 same => n,Set(CC_VIA=${{CUT(EXTEN,~,5)}})
 same => n,Goto(cc-ring,s,1)

[cc-ring]
exten => s,1,Set(CC_MORE=)
 same => n,GotoIf($["${{CUT(CC_ALSO,~,1)}}" != "${{CC_OFFER}}"]?one)
; Several phones ring: the others are in CC_ALSO, which the offer's name begins.
 same => n,Set(CC_MORE=${{CUT(CC_ALSO,~,2-)}})
 same => n,Set(__CC_ASKS=${{CHANNEL}})
 same => n(one),GotoIf($["${{CC_ENDPOINT}}" = "out"]?out)
 same => n,Set(SHARED(CC_SAID)=)
 same => n,GotoIf($["${{CC_ENDPOINT}}" = "ask"]?ask)
 same => n,Set(CC_PHONE=${{CC_ENDPOINT}}-${{CC_AGENT}})
 same => n,ExecIf($["${{CC_VIA}}" != ""]?Set(CC_PHONE=${{CC_PHONE}}@peer-${{CC_VIA}}))
 same => n,Dial(PJSIP/${{CC_PHONE}}${{CC_MORE}},${{CC_RING}},gIm(${{CC_MUSIC}}))
 same => n,Goto(over)
 same => n(out),Set(CC_PHONE=${{FILTER(0-9+,${{CC_NUMBER}})}}@{trunk})
 same => n,Dial(PJSIP/${{CC_PHONE}}${{CC_MORE}},${{CC_RING}},gIm(${{CC_MUSIC}}))
 same => n,Goto(over)
 same => n(ask),Set(CC_TO=${{CC_RING}}~${{FILTER(0-9+,${{CC_NUMBER}})}})
 same => n,Set(__CC_ASKS=${{CHANNEL}})
 same => n,Dial(Local/${{CC_TO}}@cc-outside/n${{CC_MORE}},$[${{CC_RING}} + 40],gIm(${{CC_MUSIC}}))
 same => n(over),GotoIf($["${{DIALSTATUS}}" = "ANSWER"]?cc-bye,s,1)
 same => n,Set(CC_SAID=${{SHARED(CC_SAID)}})
 same => n,ExecIf($["${{CC_SAID}}" = ""]?Set(CC_SAID=${{DIALSTATUS}}))
 same => n,Set(CC_SAYS=Status: ${{CC_SAID}},Cause: ${{HANGUPCAUSE}})
 same => n,UserEvent(OfferEnded,${{CC_SAYS}},Offer: ${{CC_OFFER}},Call: ${{CC_CALL}})
 same => n,Goto(cc-wait,s,back)

[cc-bye]
; The one whom the call was connected to hung up.
exten => s,1,UserEvent(PeerHungUp,Call: ${{CC_CALL}})
 same => n,Hangup(16)

[cc-callback]
exten => confirm,1,Gosub(cc-confirm,s,1)
 same => n,GotoIf($["${{CC_KEY}}" = "1"]?s,1)
 same => n,UserEvent(CallbackUnconfirmed,Call: ${{CC_CALL}})
 same => n,Hangup(16)
exten => s,1,UserEvent(CallbackAgent,Call: ${{CC_CALL}})
 same => n,Set(CALLERID(all)=${{FILTER(0-9+,${{CC_CALLER_ID}})}})
 same => n,Dial(PJSIP/${{FILTER(0-9+,${{CC_NUMBER}})}}@{trunk},${{CC_DIAL}},g)
 same => n,GotoIf($["${{DIALSTATUS}}" = "ANSWER"]?cc-bye,s,1)
 same => n,Set(CC_SAYS=Status: ${{DIALSTATUS}},Cause: ${{HANGUPCAUSE}})
 same => n,UserEvent(CallbackEnded,${{CC_SAYS}},Call: ${{CC_CALL}})
 same => n,Hangup(16)

[cc-hold]
; The extension is the other party's channel. Without it nobody would come back.
exten => h,1,NoOp()
exten => _[A-Z]!,1,Set(CC_PEER=${{EXTEN}})
"""
    + RECORD_ON
    + r"""
 same => n,Goto(cc-held,s,1)

[cc-held]
; Who hangs up here takes the other one along, whose end may be heard of first.
exten => s,1,StartMusicOnHold(${{CC_MUSIC}})
 same => n(more),Wait(5)
 same => n,GotoIf($[${{CHANNEL_EXISTS(${{CC_PEER}})}}]?more)
 same => n,Goto(cc-bye,s,1)
exten => h,1,UserEvent(CallerHungUp,Call: ${{CC_CALL}})
 same => n,SoftHangup(${{CC_PEER}})

[cc-hold-agent]
exten => h,1,NoOp()
exten => _[A-Z]!,1,Set(CC_PEER=${{EXTEN}})
 same => n,Set(SHARED(CC_HERE)=)
 same => n,Goto(cc-held-agent,s,1)

[cc-held-agent]
; A bridge of its own, so that the agent can be moved out of it into a conversation; after
; which the agent is here again, one step later, until somebody ends the agent's leg.
; CC_HERE says that the agent may be taken.
exten => s,1,Set(SHARED(CC_HERE)=1)
 same => n,BridgeWait(hold-${{UNIQUEID}},participant,e(s)S(60))
 same => n,GotoIf($[${{CHANNEL_EXISTS(${{CC_PEER}})}}]?s,1:over,1)
 same => n,Goto(s,1)
 same => n,Goto(s,1)
exten => over,1,Hangup(16)

[cc-retrieve]
; With a party that waits for the agent (CC_PARKED) an agent who hangs up leaves the caller to
; that party.
exten => s,1,StopMusicOnHold()
"""
    + JOIN.replace("OTHER", "CC_PEER").replace(
        " same => n(join),Wait(0.05)",
        f" same => n(join),NoOp()\n{RECORD_OFF}\n same => n,Wait(0.06)\n{RECORD_ON}",
    )
    + r"""
 same => n(gone),GotoIf($["${{CC_PARKED}}" = ""]?cc-bye,s,1)
 same => n,GotoIf($[${{CHANNEL_EXISTS(${{CC_PARKED}})}}]?cc-handed-over,${{CC_PARKED}},1)
 same => n,Goto(cc-bye,s,1)
exten => h,1,SoftHangup(${{CC_PEER}})

[cc-transfer]
exten => h,1,NoOp()
exten => _[0-9+]!,1,Set(CC_NUMBER=${{FILTER(0-9+,${{EXTEN}})}})
 same => n,Set(CC_CALL=)
 same => n,Dial(PJSIP/${{CC_NUMBER}}@{trunk},60,m(${{CC_MUSIC}}))
 same => n,Playback({sorry})
 same => n,Hangup()

[cc-agent]
exten => _[0-9a-zA-Z+*#_.]!,1,Hangup(21)
exten => h,1,NoOp()

[cc-supervise]
; A supervisor has answered. CC_WITH is the agent's channel, CC_HOW how to be in its conversation.
exten => s,1,UserEvent(SupervisorIn,Leg: ${{CC_LEG}},Call: ${{CC_LEG_CALL}})
 same => n(in),ChanSpy(${{CC_WITH}},quES${{CC_HOW}})
; A key of the phone ends ChanSpy too, while the agent is still there.
 same => n,GotoIf($[${{CHANNEL_EXISTS(${{CC_WITH}})}} = 0]?gone)
 same => n,Wait(0.2)
 same => n,Goto(in)
 same => n(gone),Hangup(16)
exten => h,1,NoOp()

[cc-keys]
; Digits for the other side of a call, played on behalf of its agent; "stand-by" is the
; other end of the channel that plays them.
exten => stand-by,1,Answer()
 same => n,Wait(60)
exten => play,1,SendDTMF(${{CC_KEYS}},120,120,${{CC_KEYS_TO}})
 same => n,UserEvent(DigitsSent,Keys: ${{CC_KEYS_OF}})
 same => n,Hangup(16)
exten => h,1,NoOp()

[cc-peer]
; Another of our switches rings an agent's phone here, by its endpoint's name; nothing else.
exten => h,1,NoOp()
exten => _[ad]!,1,Set(CC_PHONE=${{FILTER(a-z0-9\-,${{EXTEN}})}})
 same => n,Set(CC_KIND=${{CUT(CC_PHONE,-,1)}})
 same => n,GotoIf($["${{CC_KIND}}" = "agent"]?ring)
 same => n,GotoIf($["${{CC_KIND}}" = "desk"]?ring)
 same => n,Hangup(1)
 same => n(ring),Set(CALLERID(name)=${{FILTER(\x20-\x7e\x80-\xff,${{CALLERID(name):0:200}})}})
 same => n,Set(CALLERID(num)=${{FILTER(0-9a-zA-Z+*#_.,${{CALLERID(num):0:80}})}})
 same => n,Dial(PJSIP/${{CC_PHONE}},600,I)
 same => n,GotoIf($["${{DIALSTATUS}}" = "BUSY"]?busy)
 same => n,GotoIf($["${{HANGUPCAUSE}}" = "21"]?declined)
 same => n,Hangup(34)
 same => n(busy),Hangup(17)
 same => n(declined),Hangup(21)
"""
)
