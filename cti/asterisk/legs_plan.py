"""The part of the dialplan where further parties of a call come in.

Every further leg is dialled by us and has a channel of its own, which runs `cc-leg` once it
has answered. It then joins itself to the agent (a consultation) or enters the call's room (a
conference). Nobody needs us for what follows: an agent who hangs up in the middle of a
consultation leaves the caller with the party, one whose party hangs up hears silence again, a
caller who hangs up takes everybody along, and nobody stays alone in a room.

The agent's channel waits in a bridge of its own whenever it talks with nobody, so that it can
be moved into a conversation. Rooms are named after the caller's channel.
"""

from __future__ import annotations

# What a leg's channel carries, asked for when we take up calls again.
LEG_VARIABLES = ("CC_LEG", "CC_LEG_CALL", "CC_LEG_AGENT", "CC_LEG_NUMBER", "CC_LEG_MODE")

CONFERENCE_PROFILES = """
[cc-room]
type=bridge
max_members=20

[cc-caller]
type=user
quiet=yes
announce_only_user=no
dsp_drop_silence=no
marked=yes

[cc-member]
type=user
quiet=yes
announce_only_user=no
dsp_drop_silence=no
end_marked=yes
"""

# Joins this channel with the one that the variable OTHER names, once that one waits in a bridge
# of its own: a channel that is pulled out of anything else may be lost. While Asterisk moves a
# channel it has another name for a moment, so one that is missing is looked for again. Goes on at
# "gone" when the other one is no more, or does not come.
JOIN = r"""
 same => n,Set(CC_TRY=0)
 same => n(look),GotoIf($[${{CHANNEL_EXISTS(${{OTHER}})}}]?there)
 same => n,Set(CC_TRY=$[${{CC_TRY}} + 15])
 same => n,Goto(wait)
 same => n(there),GotoIf($["${{SHARED(CC_HERE,${{OTHER}})}}" = "1"]?join)
 same => n,Set(CC_TRY=$[${{CC_TRY}} + 1])
 same => n(wait),GotoIf($[${{CC_TRY}} > 60]?gone)
 same => n,Wait(0.05)
 same => n,Goto(look)
 same => n(join),Wait(0.05)
 same => n,Set(SHARED(CC_HERE,${{OTHER}})=)
 same => n,Bridge(${{OTHER}})
 same => n,ExecIf($["${{BRIDGERESULT}}" = "SUCCESS"]?Set(CC_TRY=0))
 same => n,Goto(look)
""".strip("\n")

# Asterisk compares what it records with the sequence numbers it had before, and drops whatever has
# an older one: with another party that is half of all. It forgets them when nothing was recorded
# for a moment, so the caller's recorder is taken off before the two are joined. A paused one is
# left alone, for a new one would not be paused: CC_REC_STALE says that it is to be renewed.
RECORD_OFF = r"""
 same => n,GotoIf($[${{LEN(${{CC_REC_FILE}})}} = 0]?off)
 same => n,GotoIf($[${{LEN(${{CC_REC_MIX}})}} = 0]?off)
 same => n,GotoIf($["${{CC_REC_STALE}}" = "1"]?off)
 same => n,GotoIf($["${{CC_REC_PAUSED}}" = "1"]?stale)
 same => n,Set(CC_REC_OFF=1)
 same => n,StopMixMonitor()
 same => n,Goto(off)
 same => n(stale),Set(CC_REC_STALE=1)
 same => n(off),NoOp()
""".strip("\n")

# Puts it on again, also when the caller was moved in between. Nothing is recorded before the
# channel goes on, so one that was paused meanwhile is off again before it has anything.
RECORD_ON = r"""
 same => n,GotoIf($["${{CC_REC_OFF}}" = ""]?on)
 same => n,Set(CC_REC_OFF=)
 same => n,GotoIf($[${{LEN(${{CC_REC_MIX}})}} = 0]?on)
 same => n,Set(CC_REC_SIDES=r(${{CC_REC}}.in.sln)t(${{CC_REC}}.out.sln))
 same => n,MixMonitor(${{CC_REC_FILE}},a${{CC_REC_SIDES}}Si(CC_REC_MIX))
 same => n,GotoIf($["${{CC_REC_PAUSED}}" = ""]?on)
 same => n,Set(CC_REC_STALE=1)
 same => n,StopMixMonitor()
 same => n(on),NoOp()
""".strip("\n")

CONTEXTS = (
    r"""
[cc-leg]
; A further party has answered. CC_WITH is the agent's channel, CC_CALLER the caller's, which
; names in CC_HEIR the leg that may take it over.
exten => s,1,UserEvent(LegAnswered,Leg: ${{CC_LEG}},Call: ${{CC_LEG_CALL}})
 same => n,Goto(talk,1)
exten => room,1,UserEvent(LegAnswered,Leg: ${{CC_LEG}},Call: ${{CC_LEG_CALL}})
 same => n,Goto(cc-conference,${{CC_CALLER}},1)
exten => talk,1,NoOp()
"""
    + JOIN.replace("OTHER", "CC_WITH")
    + r"""
 same => n(gone),GotoIf($["${{IMPORT(${{CC_CALLER}},CC_HEIR)}}" = "${{CC_LEG}}"]?take)
 same => n,Hangup(16)
 same => n(take),Set(CC_PEER=${{CC_CALLER}})
 same => n,ChannelRedirect(${{CC_CALLER}},cc-handed-over,${{CHANNEL}},1)
 same => n,Goto(cc-held-agent,s,1)
; Whoever answers may be a voice mailbox: only a digit says that it is the agent.
exten => confirm,1,Gosub(cc-confirm,s,1)
 same => n,GotoIf($["${{CC_KEY}}" = "1"]?${{CC_LEG_TO}},1)
 same => n,UserEvent(LegUnconfirmed,Leg: ${{CC_LEG}},Call: ${{CC_LEG_CALL}})
 same => n,Hangup(16)

[cc-leg-parked]
; The party hears music while the agent talks with the caller.
exten => s,1,Set(SHARED(CC_HERE)=1)
 same => n,BridgeWait(hold-${{UNIQUEID}},participant,m(${{CC_MUSIC}})e(m)S(60))
 same => n,GotoIf($[${{CHANNEL_EXISTS(${{CC_CALLER}})}}]?s,1:over,1)
 same => n,Goto(s,1)
 same => n,Goto(s,1)
exten => over,1,Hangup(16)

[cc-hold-ring]
; As cc-hold-agent, but the agent hears ringing: a further party is being dialled.
exten => h,1,NoOp()
exten => _[A-Z]!,1,Set(CC_PEER=${{EXTEN}})
 same => n,Set(SHARED(CC_HERE)=)
 same => n,Goto(cc-ringing-agent,s,1)

[cc-ringing-agent]
exten => s,1,Set(SHARED(CC_HERE)=1)
 same => n,BridgeWait(hold-${{UNIQUEID}},participant,e(r)S(${{CC_RING}}))
 same => n,Goto(cc-held-agent,s,1)
 same => n,Goto(cc-held-agent,s,1)

[cc-handed-over]
; The extension is the channel of the party that the caller talks with from now on.
exten => h,1,NoOp()
exten => _[A-Z]!,1,Set(CC_PEER=${{EXTEN}})
 same => n,Set(CC_PARKED=)
 same => n,Set(CC_AGENT=${{IMPORT(${{CC_PEER}},CC_LEG_AGENT)}})
 same => n,UserEvent(HandedOver,Leg: ${{IMPORT(${{CC_PEER}},CC_LEG)}},Call: ${{CC_CALL}})
 same => n,Goto(cc-retrieve,s,1)

[cc-conference]
; The extension is the room: the caller's channel. When the caller (who is marked) leaves, it is
; over for all; when everybody else has left (and is not about to come in), for the caller,
; unless the caller is being taken elsewhere (CC_LEAVES). The caller's hang-up is told at once:
; the others' ends, which follow from it, may be heard of first. The caller may not be in yet.
exten => h,1,GotoIf($[${{LEN(${{CC_CALL}})}} > 0]?caller)
 same => n,Set(CC_LEFT=${{CONFBRIDGE_INFO(parties,${{CC_ROOM}})}})
 same => n,Set(CC_LEFT=${{CC_LEFT}}-${{CONFBRIDGE_INFO(marked,${{CC_ROOM}})}})
 same => n,GotoIf($["${{CC_LEFT}}" != "1-1"]?end)
 same => n,GotoIf($["${{IMPORT(${{CC_ROOM}},CC_LEAVES)}}" = "1"]?end)
 same => n,Set(CC_OTHER=${{IMPORT(${{CC_ROOM}},CC_PEER)}})
 same => n,ExecIf($["${{CC_OTHER}}" = "${{CHANNEL}}"]?Set(CC_OTHER=))
 same => n,GotoIf($[${{CHANNEL_EXISTS(${{CC_OTHER}})}}]?end)
 same => n,Set(CC_OTHER=${{IMPORT(${{CC_ROOM}},CC_CALL)}}~${{IMPORT(${{CC_ROOM}},CC_HEIR)}})
 same => n,ExecIf($["${{CC_OTHER}}" = "${{UNIQUEID}}"]?Set(CC_OTHER=))
 same => n,GotoIf($[${{CHANNEL_EXISTS(${{CC_OTHER}})}}]?end)
 same => n,SoftHangup(${{CC_ROOM}})
 same => n,Goto(end)
 same => n(caller),UserEvent(CallerHungUp,Call: ${{CC_CALL}})
 same => n,ConfKick(${{CHANNEL}},all)
 same => n(end),NoOp()
exten => _[A-Z]!,1,Set(CC_ROOM=${{EXTEN}})
 same => n,Set(CC_LEAVES=)
 same => n,Set(SHARED(CC_HERE)=)
 same => n,Set(CC_PARKED=)
"""
    + RECORD_ON
    + r"""
 same => n,StopMusicOnHold()
 same => n,Set(CC_ROLE=${{IF($["${{CHANNEL}}" = "${{CC_ROOM}}"]?cc-caller:cc-member)}})
 same => n,GotoIf($[${{CHANNEL_EXISTS(${{CC_ROOM}})}}]?in:over)
 same => n(in),ConfBridge(${{CC_ROOM}},cc-room,${{CC_ROLE}})
 same => n(over),Hangup(16)

[cc-outside]
; The extension is <seconds>~<number>. The caller (CC_ASKS) hears music until the agent there has
; pressed the digit, and is told here why it did not come. Both of us go on in cc-asked then.
exten => h,1,NoOp()
exten => _[0-9]!,1,Set(CC_NUMBER=${{FILTER(0-9+,${{CUT(EXTEN,~,2)}})}})
 same => n,Set(__CC_ASKER=${{CHANNEL}})
 same => n,Dial(PJSIP/${{CC_NUMBER}}@{trunk},${{CUT(EXTEN,~,1)}},IG(cc-asked^s^1))
 same => n,Set(SHARED(CC_SAID,${{CC_ASKS}})=${{DIALSTATUS}})
 same => n,Hangup(${{IF($[0${{HANGUPCAUSE}} > 0]?${{HANGUPCAUSE}}:16)}})

[cc-asked]
exten => s,1,Goto(asker,1)
 same => n,Goto(asked,1)
exten => asker,1,Set(SHARED(CC_SAID,${{CC_ASKS}})=BUSY)
 same => n,Set(CC_TRY=0)
 same => n(wait),Wait(0.1)
 same => n,GotoIf($["${{SHARED(CC_KEY)}}" = "1"]?taken)
 same => n,Set(CC_TRY=$[${{CC_TRY}} + 1])
 same => n,GotoIf($[${{CC_TRY}} > 400]?over)
 same => n,GotoIf($["${{SHARED(CC_ASKED)}}" = ""]?wait)
 same => n,GotoIf($[${{CHANNEL_EXISTS(${{SHARED(CC_ASKED)}})}}]?wait:over)
 same => n(taken),Set(SHARED(CC_SAID,${{CC_ASKS}})=)
 same => n,Bridge(${{SHARED(CC_ASKED)}},x)
 same => n(over),Hangup(21)
exten => h,1,ExecIf($["${{CC_ASKER}}" = "${{CHANNEL}}"]?SoftHangup(${{SHARED(CC_ASKED)}}))
exten => asked,1,Set(SHARED(CC_ASKED,${{CC_ASKER}})=${{CHANNEL}})
 same => n,Gosub(cc-confirm,s,1)
 same => n,Set(SHARED(CC_KEY,${{CC_ASKER}})=${{CC_KEY}})
 same => n,GotoIf($["${{CC_KEY}}" = "1"]?taken)
 same => n,Set(SHARED(CC_SAID,${{CC_ASKS}})=NOANSWER)
 same => n,Hangup(16)
 same => n(taken),BridgeWait(hold-${{UNIQUEID}},participant,e(s)S(10))
 same => n,Hangup(16)

[cc-confirm]
; Sets CC_KEY to what was pressed. The second time with Asterisk's own sound: the prompt may be
; missing.
exten => s,1,Wait(0.5)
 same => n,Set(CC_KEY=)
 same => n,ExecIf($["${{GLOBAL(CC_CONFIRM)}}" != ""]?Read(CC_KEY,${{GLOBAL(CC_CONFIRM)}},1,,1,4))
 same => n,ExecIf($["${{CC_KEY}}" != "1"]?Read(CC_KEY,vm-press&digits/1,1,,1,4))
 same => n,Return()
"""
)
