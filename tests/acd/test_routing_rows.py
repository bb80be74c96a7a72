"""Routing scenarios as rows of text: the usual day. The language is in `tests.acd.rows`."""

from __future__ import annotations

import pytest

from tests.acd.rows import play

SCENARIOS = {
    "a caller who finds two idle agents gets the one who is idle for longer": """
        queue q
        agent anna q
        agent bob q
        0  | ready bob      | bob not ready; bob ready
        1  | ready anna     | anna not ready; anna ready
        5  | call c1 q      | ring bob c1
        6  | call c2 q      | ring anna c2
        7  | call c3 q      | -
    """,
    "the nine steps: ring, answer, talk, wrap up, ready, next caller": """
        queue q wrap=30
        agent anna q
        0  | ready anna     | anna not ready; anna ready
        1  | call c1 q      | ring anna c1
        2  | rang anna      | -
        4  | answer anna    | out c1 answered 3; anna talking
        9  | call c2 q      | -
        10 | hold c1        | anna held
        14 | retrieve c1    | anna talking
        20 | end c1 caller  | talked c1 12+4; anna wrap-up
        25 | wrapped anna   | wrapped anna 5; anna ready; ring anna c2
    """,
    "a wrap-up ends by itself when its time is over, and can be made longer": """
        queue q wrap=30
        agent anna q
        0  | ready anna     | anna not ready; anna ready
        1  | call c1 q      | ring anna c1
        2  | answer anna    | out c1 answered 1; anna talking
        10 | end c1 agent   | talked c1 8+0; anna wrap-up
        35 | extend anna 20 | anna wrap-up
        59 | tick           | -
        61 | tick           | wrapped anna 50 forced; anna ready
    """,
    "a wrap-up can be made longer up to the queue's bound, each one anew": """
        queue q wrap=30 extend=30
        agent anna q
        0  | ready anna     | anna not ready; anna ready
        1  | call c1 q      | ring anna c1
        2  | answer anna    | out c1 answered 1; anna talking
        10 | end c1 agent   | talked c1 8+0; anna wrap-up
        35 | extend anna 20 | anna wrap-up
        36 | extend anna 20 | refused extension-over
        37 | extend anna 10 | anna wrap-up
        69 | tick           | -
        70 | tick           | wrapped anna 60 forced; anna ready
        71 | call c2 q      | ring anna c2
        72 | answer anna    | out c2 answered 1; anna talking
        80 | end c2 agent   | talked c2 8+0; anna wrap-up
        85 | extend anna 30 | anna wrap-up
    """,
    "a wrap-up without a forced end waits for the agent": """
        queue q wrap=none
        agent anna q
        0  | ready anna     | anna not ready; anna ready
        1  | call c1 q      | ring anna c1
        2  | answer anna    | out c1 answered 1; anna talking
        10 | end c1 agent   | talked c1 8+0; anna wrap-up
        11 | extend anna 20 | refused no-deadline
        9999 | tick         | -
        9999 | wrapped anna | wrapped anna 9989; anna ready
    """,
    "a queue without wrap-up frees the agent at once": """
        queue q wrap=0
        agent anna q
        0  | ready anna     | anna not ready; anna ready
        1  | call c1 q      | ring anna c1
        2  | answer anna    | out c1 answered 1; anna talking
        10 | end c1 caller  | talked c1 8+0; wrapped anna 0; anna ready
    """,
    "RONA: the agent is not ready, the caller keeps the place and gets the next agent": """
        queue q
        agent anna q
        agent bob q
        0  | ready anna     | anna not ready; anna ready
        1  | ready bob      | bob not ready; bob ready
        2  | call c1 q      | ring anna c1
        17 | no answer anna | anna not ready (no answer); ring bob c1
        18 | call c2 q      | -
        32 | no answer bob  | bob not ready (no answer)
        33 | ready bob      | bob ready; ring bob c1
    """,
    "RONA before the limit: stays ready, and is asked again only when nobody else is idle": """
        queue q rona=3:not_ready
        agent anna q
        agent bob q
        0  | ready anna     | anna not ready; anna ready
        1  | ready bob      | bob not ready; bob ready
        2  | call c1 q      | ring anna c1
        17 | no answer anna | ring bob c1; anna ready
        32 | no answer bob  | ring anna c1; bob ready
        47 | no answer anna | ring bob c1; anna ready
        62 | answer bob     | out c1 answered 60; bob talking
        63 | call c2 q      | ring anna c2
        78 | no answer anna | anna not ready (no answer)
        79 | ready anna     | anna ready; ring anna c2
        94 | no answer anna | anna ready; ring anna c2
        95 | answer anna    | out c2 answered 32; anna talking
    """,
    "RONA before the limit: who is idle alone is asked again, an answer begins anew": """
        queue q rona=2:not_ready wrap=0
        agent anna q
        0  | ready anna     | anna not ready; anna ready
        2  | call c1 q      | ring anna c1
        17 | no answer anna | anna ready; ring anna c1
        20 | answer anna    | out c1 answered 18; anna talking
        30 | end c1 caller  | talked c1 10+0; wrapped anna 0; anna ready
        31 | call c2 q      | ring anna c2
        46 | no answer anna | anna ready; ring anna c2
        61 | no answer anna | anna not ready (no answer)
    """,
    "RONA with a pause: ready, but nothing is offered before it is over": """
        queue q rona=1:pause:30
        agent anna q
        agent bob q
        0  | ready anna     | anna not ready; anna ready
        2  | call c1 q      | ring anna c1
        17 | no answer anna | anna ready (no answer)
        46 | tick           | -
        47 | tick           | anna ready; ring anna c1
        62 | no answer anna | anna ready (no answer)
        70 | ready anna     | anna ready; ring anna c1
        85 | no answer anna | anna ready (no answer)
        86 | break anna tea | anna not ready (tea)
        87 | ready anna     | anna ready; ring anna c1
    """,
    "RONA with a pause: afterwards the agent is the one who became idle last": """
        queue q rona=1:pause:30
        agent anna q
        agent bob q
        0  | ready anna     | anna not ready; anna ready
        2  | call c1 q      | ring anna c1
        17 | no answer anna | anna ready (no answer)
        18 | gone c1        | out c1 abandoned 16
        40 | ready bob      | bob not ready; bob ready
        47 | tick           | anna ready
        50 | call c2 q      | ring bob c2
    """,
    "RONA with a pause: an agent may pick a call up in it": """
        queue q rona=1:pause:30
        agent anna q
        0  | ready anna     | anna not ready; anna ready
        2  | call c1 q      | ring anna c1
        17 | no answer anna | anna ready (no answer)
        20 | pick c1 anna   | ring anna c1
        22 | gone c1        | stop anna; out c1 abandoned 20; anna ready (no answer)
        23 | call c2 q      | -
        47 | tick           | anna ready; ring anna c2
    """,
    "RONA that signs out": """
        queue q rona=2:sign_out
        agent anna q
        0  | ready anna     | anna not ready; anna ready
        2  | call c1 q      | ring anna c1
        17 | no answer anna | anna ready; ring anna c1
        32 | no answer anna | anna offline (no answer)
    """,
    "a switch that says nothing is overruled a little after the ring time": """
        queue q ring=15
        agent anna q
        0  | ready anna     | anna not ready; anna ready
        1  | call c1 q      | ring anna c1
        20 | tick           | -
        21 | tick           | stop anna; anna not ready (no answer)
        22 | answer anna    | refused offer-over
    """,
    "a refusal is not a no-answer": """
        queue q
        agent anna q
        0  | ready anna     | anna not ready; anna ready
        1  | call c1 q      | ring anna c1
        2  | decline anna   | anna not ready (declined)
    """,
    "an unreachable phone is a fault till the phone is healthy; the caller goes first": """
        queue q
        agent anna q
        agent bob q
        0  | ready anna     | anna not ready; anna ready
        1  | call c1 q      | ring anna c1
        2  | call c2 q      | -
        3  | unreachable anna | anna fault (unreachable)
        4  | ready bob      | bob not ready; bob ready; ring bob c1
        9  | phone up anna  | anna ready; ring anna c2
    """,
    "an agent may leave a fault by pressing Ready, unless the phone is known to be down": """
        queue q
        agent anna q
        0  | ready anna     | anna not ready; anna ready
        1  | call c1 q      | ring anna c1
        2  | unreachable anna | anna fault (unreachable)
        3  | ready anna     | anna ready; ring anna c1
        4  | phone down anna | stop anna; anna fault (phone)
        5  | ready anna     | refused phone-down
        6  | break anna tea | anna not ready (tea)
        7  | ready anna     | anna fault (phone)
        8  | phone up anna  | anna ready; ring anna c1
    """,
    "a caller who hangs up while the phone rings costs the agent nothing": """
        queue q
        agent anna q
        agent bob q
        0  | ready anna     | anna not ready; anna ready
        1  | ready bob      | bob not ready; bob ready
        5  | call c1 q      | ring anna c1
        9  | gone c1        | stop anna; out c1 abandoned 4; anna ready
        10 | call c2 q      | ring anna c2
    """,
    "the answer and the hang-up in one instant, answer first: one outcome": """
        queue q wrap=0
        agent anna q
        0  | ready anna     | anna not ready; anna ready
        5  | call c1 q      | ring anna c1
        6  | answer anna    | out c1 answered 1; anna talking
        6  | gone c1        | talked c1 0+0; wrapped anna 0; anna ready
        6  | end c1 caller  | refused call-over
    """,
    "the answer and the hang-up in one instant, hang-up first: one outcome": """
        queue q
        agent anna q
        0  | ready anna     | anna not ready; anna ready
        5  | call c1 q      | ring anna c1
        6  | gone c1        | stop anna; out c1 abandoned 1; anna ready
        6  | answer anna    | refused offer-over
        6  | call c1 q      | refused call-over
    """,
    "priority goes before arrival, arrival before the order of news": """
        queue q
        queue vip priority=5
        agent anna q,vip
        0  | call c1 q            | -
        1  | call c2 q prio=2     | -
        2  | call c3 vip          | -
        3  | call c4 q entered=-9 | -
        4  | ready anna           | anna not ready; anna ready; ring anna c3
        5  | answer anna          | out c3 answered 3; anna talking
        6  | end c3 caller        | talked c3 1+0; anna wrap-up
        7  | wrapped anna         | wrapped anna 1; anna ready; ring anna c2
        8  | gone c2              | stop anna; out c2 abandoned 7; anna ready; ring anna c4
        9  | gone c4              | stop anna; out c4 abandoned 18; anna ready; ring anna c1
    """,
    "skills: a call waits for its skill though others are idle": """
        queue q needs=billing:1
        agent anna q billing:3
        agent bob q billing:1
        0  | ready bob             | bob not ready; bob ready
        1  | call c1 q needs=billing:3 | -
        2  | call c2 q             | ring bob c2
        3  | ready anna            | anna not ready; anna ready; ring anna c1
    """,
    "a break during a call is taken after it": """
        queue q wrap=0
        agent anna q
        0  | ready anna     | anna not ready; anna ready
        1  | call c1 q      | ring anna c1
        2  | answer anna    | out c1 answered 1; anna talking
        3  | break anna lunch | anna talking
        3  | break anna lunch | refused no-change
        4  | end c1 caller  | talked c1 2+0; wrapped anna 0; anna not ready (lunch)
    """,
    "signing out during a call and coming back before its end": """
        queue q wrap=0
        agent anna q
        0  | ready anna     | anna not ready; anna ready
        1  | call c1 q      | ring anna c1
        2  | answer anna    | out c1 answered 1; anna talking
        3  | sign out anna  | anna talking
        4  | sign in anna   | anna talking
        4  | sign in anna   | refused already-signed-in
        5  | sign out anna  | anna talking
        6  | end c1 caller  | talked c1 4+0; wrapped anna 0; anna offline
    """,
    "signing out or a break while the phone rings passes the caller on": """
        queue q
        agent anna q
        agent bob q
        0  | ready anna     | anna not ready; anna ready
        1  | ready bob      | bob not ready; bob ready
        2  | call c1 q      | ring anna c1
        3  | sign out anna  | stop anna; anna offline; ring bob c1
        4  | break bob tea  | stop bob; bob not ready (tea)
    """,
    "a console that is back within the grace changes nothing": """
        queue q
        agent anna q
        0  | ready anna      | anna not ready; anna ready
        1  | console lost anna | -
        2  | console lost anna | refused no-change
        9  | console back anna | -
        60 | tick            | -
    """,
    "a console lost for longer stops the offers, and never ends the call": """
        queue q wrap=0
        agent anna q
        agent bob q
        0  | ready anna      | anna not ready; anna ready
        1  | call c1 q       | ring anna c1
        2  | console lost anna | -
        3  | answer anna     | out c1 answered 2; anna talking
        30 | end c1 caller   | talked c1 27+0; wrapped anna 0; anna not ready (connection lost)
        31 | ready anna      | refused connection-lost
        32 | console back anna | -
        33 | ready anna      | anna ready
        40 | console lost anna | -
        50 | tick            | anna not ready (connection lost)
    """,
    "overflow: another queue after a wait, at the place of the original arrival": """
        queue q overflow=20:other
        queue other
        agent anna other
        0  | call c1 q       | -
        5  | call c2 other   | -
        20 | tick            | out c1 overflowed 20
        30 | ready anna      | anna not ready; anna ready; ring anna c1
        31 | answer anna     | out c1 answered 11; anna talking
    """,
    "nobody overflows in a circle": """
        queue q overflow=20:other
        queue other overflow=20:q
        0  | call c1 q       | -
        20 | tick            | out c1 overflowed 20
        9999 | tick          | -
        9999 | gone c1       | out c1 abandoned 9979
    """,
    "an overflow that becomes due while the phone rings waits for the end of the ringing": """
        queue q overflow=20:other ring=60
        queue other
        agent anna q
        0  | ready anna      | anna not ready; anna ready
        1  | call c1 q       | ring anna c1
        30 | tick            | -
        40 | decline anna    | anna not ready (declined)
        40 | tick            | out c1 overflowed 39
    """,
    "a callback keeps the caller's place and is dialled when the caller has hung up": """
        queue q wrap=0
        agent anna q
        0  | call c1 q       | -
        1  | call c2 q       | -
        2  | callback k1 c1  | k1 queued
        3  | ready anna      | anna not ready; anna ready; ring anna c2
        4  | gone c1         | out c1 callback 4
        5  | gone c2         | stop anna; out c2 abandoned 4; anna ready; dial anna k1
        6  | call c3 q       | -
        8  | answer anna     | anna reserved; k1 dialling
        12 | reached k1      | out k1 reached 12; anna talking; k1 reached
        20 | end k1 caller   | talked k1 8+0; wrapped anna 0; anna ready; ring anna c3
    """,
    "a callback nobody answers is tried again, so often, and then it is over": """
        queue q attempts=2 retry=300
        agent anna q
        0  | call c1 q       | -
        1  | callback k1 c1  | k1 queued
        2  | end c1 system   | out c1 callback 2
        3  | ready anna      | anna not ready; anna ready; dial anna k1
        4  | answer anna     | anna reserved; k1 dialling
        5  | failed k1 busy  | k1 retry; anna ready
        304 | tick           | -
        305 | tick           | k1 queued; dial anna k1
        306 | answer anna    | anna reserved; k1 dialling
        427 | tick           | stop anna; k1 expired; out k1 expired 426; anna ready
        428 | failed k1 busy | refused call-over
    """,
    "an agent who hangs up while the customer is dialled has declined": """
        queue q
        agent anna q
        agent bob q
        0  | call c1 q       | -
        1  | callback k1 c1  | k1 queued
        2  | gone c1         | out c1 callback 2
        3  | ready anna      | anna not ready; anna ready; dial anna k1
        4  | answer anna     | anna reserved; k1 dialling
        5  | failed k1 agent gone | anna not ready (declined); k1 queued
        6  | ready bob       | bob not ready; bob ready; dial bob k1
        7  | no answer bob   | bob not ready (no answer)
        8  | cancel k1       | k1 cancelled; out k1 withdrawn 8
    """,
    "a caller who asks for a callback while an agent's phone rings still gets it": """
        queue q
        agent anna q
        0  | ready anna      | anna not ready; anna ready
        1  | call c1 q       | ring anna c1
        2  | callback k1 c1  | stop anna; k1 queued; anna ready
        62 | tick            | dial anna k1
        63 | gone c1         | out c1 callback 62
    """,
    "a caller whose callback is taken back while still on the line waits on at the old place": """
        queue q
        agent anna q
        0  | call c1 q       | -
        1  | call c2 q       | -
        2  | callback k1 c1  | k1 queued
        3  | cancel k1       | k1 cancelled; out k1 withdrawn 3
        4  | ready anna      | anna not ready; anna ready; ring anna c1
    """,
    "a caller whose callback was being dialled already gets the agent who is free again": """
        queue q
        agent anna q
        0  | call c1 q       | -
        1  | callback k1 c1  | k1 queued
        2  | ready anna      | anna not ready; anna ready
        61 | tick            | dial anna k1
        62 | call c2 q       | -
        63 | cancel k1 | stop anna; k1 cancelled; out k1 withdrawn 63; anna ready; ring anna c1
    """,
    "wishes of an agent who hears a callback being dialled come after it": """
        queue q
        agent anna q
        0  | call c1 q       | -
        1  | callback k1 c1  | k1 queued
        2  | gone c1         | out c1 callback 2
        3  | ready anna      | anna not ready; anna ready; dial anna k1
        4  | answer anna     | anna reserved; k1 dialling
        5  | break anna tea  | anna reserved
        6  | end k1 system   | k1 retry; anna not ready (tea)
    """,
    "after our absence nobody is blamed for it": """
        queue q ring=15 wrap=30
        agent anna q
        agent bob q
        0  | ready anna      | anna not ready; anna ready
        1  | call c1 q       | ring anna c1
        600 | resumed 590    | -
        605 | answer anna    | out c1 answered 604; anna talking
        606 | end c1 caller  | talked c1 1+0; anna wrap-up
        700 | resumed 90     | anna wrap-up
        726 | tick           | wrapped anna 120 forced; anna ready
    """,
    "a lost offer is nobody's fault": """
        queue q
        agent anna q
        0  | ready anna      | anna not ready; anna ready
        1  | call c1 q       | ring anna c1
        2  | lost anna       | anna ready; ring anna c1
        3  | answer anna     | out c1 answered 2; anna talking
    """,
    "a call found talking after a restart is talked with": """
        queue q wrap=0
        agent anna q
        0  | found c1 q anna -30 | out c1 answered 30; anna talking
        1  | sign in anna    | anna talking
        5  | end c1 agent    | talked c1 5+0; wrapped anna 0; anna not ready
    """,
    "an answer that crossed our cancelling stands: the switch is right": """
        queue q
        agent anna q
        agent bob q
        0  | ready anna      | anna not ready; anna ready
        1  | ready bob       | bob not ready; bob ready
        2  | call c1 q       | ring anna c1
        23 | tick            | stop anna; anna not ready (no answer); ring bob c1
        23 | call c2 q       | -
        23 | found c1 q anna 2 | stop bob; out c1 answered 21; anna talking; bob ready; ring bob c2
        24 | found c2 q anna 2 | refused agent-busy
    """,
    "an agent and a caller come free at once, and somebody else is idle for longer": """
        queue q
        queue last
        agent anna q,last
        agent bob q
        agent cleo q
        0  | ready cleo      | cleo not ready; cleo ready
        1  | ready bob       | bob not ready; bob ready
        2  | ready anna      | anna not ready; anna ready
        3  | call c1 last    | ring anna c1
        4  | call c2 q       | ring cleo c2
        5  | found c1 q cleo 3 | stop anna; stop cleo; out c1 answered 2; cleo talking; \
anna ready; ring bob c2
    """,
    "the switch is lost with callers in every place": """
        queue q wrap=0
        agent anna q
        agent bob q
        0  | ready anna      | anna not ready; anna ready
        1  | ready bob       | bob not ready; bob ready
        2  | call c1 q       | ring anna c1
        3  | answer anna     | out c1 answered 1; anna talking
        4  | call c2 q       | ring bob c2
        5  | call c3 q       | -
        6  | end c3 switch lost | out c3 switch lost 1
        6  | end c2 switch lost | stop bob; out c2 switch lost 2; bob ready
        6  | end c1 switch lost | talked c1 3+0; wrapped anna 0; anna ready
    """,
    "a call that went elsewhere may come back; one that ended may not": """
        queue q
        0  | call c1 q       | -
        1  | withdraw c1 voicemail | out c1 withdrawn 1
        2  | call c1 q       | -
        3  | gone c1         | out c1 abandoned 1
        4  | call c1 q       | refused call-over
    """,
    "a removed queue's callers move on; a removed agent finishes the call": """
        queue q overflow=900:other
        queue other
        agent anna q,other
        agent bob q
        0  | ready anna      | anna not ready; anna ready
        0  | ready bob       | bob not ready; bob ready
        1  | call c1 q       | ring anna c1
        2  | answer anna     | out c1 answered 1; anna talking
        3  | call c2 q       | ring bob c2
        4  | call c3 q       | -
        5  | without q anna  | anna talking; out c3 overflowed 1
        6  | decline bob     | bob not ready (declined); out c2 overflowed 3
        7  | end c1 caller   | talked c1 5+0; anna wrap-up
        8  | wrapped anna    | wrapped anna 1; anna offline
        9  | ready anna      | refused unknown-agent
        10 | restored        | anna offline
        11 | ready anna      | anna not ready; anna ready; ring anna c2
    """,
    "a call is transferred to another queue: the place by arrival, a wait of its own": """
        queue q wrap=30
        queue other
        agent anna q
        agent bob other
        0  | ready anna      | anna not ready; anna ready
        1  | call c1 q       | ring anna c1
        2  | answer anna     | out c1 answered 1; anna talking
        8  | call c2 other   | -
        10 | transfer c1 other | talked c1 8+0 to queue; anna wrap-up
        13 | ready bob       | bob not ready; bob ready; ring bob c1
        14 | answer bob      | out c1 answered 4; bob talking
        15 | wrapped anna    | wrapped anna 5; anna ready
        20 | end c1 caller   | talked c1 6+0; bob wrap-up
    """,
    "whoever gives a call away does not get it back before it is offered": """
        queue q wrap=0
        agent anna q
        agent bob q
        0  | ready anna      | anna not ready; anna ready
        1  | call c1 q       | ring anna c1
        2  | answer anna     | out c1 answered 1; anna talking
        3  | ready bob       | bob not ready; bob ready
        4  | transfer c1 q   | talked c1 2+0 to queue; wrapped anna 0; anna ready; ring bob c1
    """,
    "a transfer to an agent rings there first, then in the queue": """
        queue q wrap=30
        agent anna q
        agent bob q
        agent cleo other
        queue other
        0  | ready anna      | anna not ready; anna ready
        1  | call c1 q       | ring anna c1
        2  | answer anna     | out c1 answered 1; anna talking
        3  | ready bob       | bob not ready; bob ready
        3  | ready cleo      | cleo not ready; cleo ready
        4  | to agent c1 q cleo | talked c1 2+0 to agent; ring cleo c1; anna wrap-up
        5  | decline cleo    | cleo not ready (declined); ring bob c1
    """,
    "an agent who is not ready any more does not hold a transfer up": """
        queue q wrap=30
        agent anna q
        agent bob q
        0  | ready anna      | anna not ready; anna ready
        1  | call c1 q       | ring anna c1
        2  | answer anna     | out c1 answered 1; anna talking
        4  | to agent c1 q bob | talked c1 2+0 to agent; anna wrap-up
        5  | wrapped anna    | wrapped anna 1; anna ready; ring anna c1
    """,
    "a parked call is offered to who picks it, and after its time to anybody": """
        queue q wrap=0
        agent anna q
        agent bob q
        0  | ready anna      | anna not ready; anna ready
        1  | call c1 q       | ring anna c1
        2  | answer anna     | out c1 answered 1; anna talking
        4  | park c1 q 60    | talked c1 2+0 to parked; wrapped anna 0; anna ready
        5  | ready bob       | bob not ready; bob ready
        9  | pick c1 bob     | ring bob c1
        10 | lost bob        | bob ready
        63 | tick            | -
        64 | tick            | ring anna c1
    """,
    "an agent on a break picks a caller up, and has the break afterwards": """
        queue q wrap=0
        agent anna q
        0  | sign in anna    | anna not ready
        1  | break anna tea  | anna not ready (tea)
        2  | call c1 q       | -
        3  | assign c1 anna zoe | refused agent-not-ready
        4  | pick c1 anna    | ring anna c1
        5  | answer anna     | out c1 answered 3; anna talking
        6  | end c1 caller   | talked c1 1+0; wrapped anna 0; anna not ready (tea)
    """,
    "a call goes out of our hands: to a menu it may come back from, or outside": """
        queue q wrap=30
        agent anna q
        agent bob q
        0  | ready anna      | anna not ready; anna ready
        1  | call c1 q       | ring anna c1
        2  | answer anna     | out c1 answered 1; anna talking
        4  | gives c1 menu   | talked c1 2+0 to menu; anna wrap-up
        5  | call c1 q       | -
        6  | ready bob       | bob not ready; bob ready; ring bob c1
        7  | answer bob      | out c1 answered 2; bob talking
        8  | gives c1 outside | talked c1 1+0 to outside; bob wrap-up
        9  | call c1 q       | refused call-over
        9  | end c1 caller   | refused call-over
    """,
    "a consultation: the caller waits, the colleague is reserved and then busy, nothing else": """
        queue q wrap=30
        agent anna q
        agent bob q
        0  | ready anna      | anna not ready; anna ready
        1  | call c1 q       | ring anna c1
        2  | answer anna     | out c1 answered 1; anna talking
        3  | ready bob       | bob not ready; bob ready
        10 | hold c1         | anna held
        10 | leg l1 c1 bob   | bob reserved
        11 | call c2 q       | -
        12 | leg answered l1 | bob talking
        12 | consult c1      | anna consulting
        20 | leg over l1     | bob ready; ring bob c2
        20 | consult over c1 | anna held
        21 | retrieve c1     | anna talking
        30 | end c1 caller   | talked c1 17+11; anna wrap-up
    """,
    "a consulted colleague gets the caller, and wraps the call up": """
        queue q wrap=30
        agent anna q
        agent bob q
        0  | ready anna      | anna not ready; anna ready
        1  | call c1 q       | ring anna c1
        2  | answer anna     | out c1 answered 1; anna talking
        3  | ready bob       | bob not ready; bob ready
        10 | hold c1         | anna held
        10 | leg l1 c1 bob   | bob reserved
        12 | leg answered l1 | bob talking
        12 | consult c1      | anna consulting
        20 | hand over c1 bob | talked c1 8+10 to agent; taken c1 bob; bob talking; anna wrap-up
        30 | hold c1         | bob held
        32 | end c1 caller   | talked c1 10+2; bob wrap-up
        33 | wrapped anna    | wrapped anna 13; anna ready
        34 | wrapped bob     | wrapped bob 2; bob ready
    """,
    "a conference: the caller hears everybody, and legs end with the call": """
        queue q wrap=30
        agent anna q
        agent bob q
        0  | ready anna      | anna not ready; anna ready
        1  | call c1 q       | ring anna c1
        2  | answer anna     | out c1 answered 1; anna talking
        3  | ready bob       | bob not ready; bob ready
        10 | consult c1      | anna consulting
        10 | leg l1 c1 bob   | bob reserved
        12 | leg answered l1 | bob talking
        15 | conference c1   | anna conference
        40 | end c1 caller   | bob ready; talked c1 33+5; anna wrap-up
    """,
    "a leg that comes to nothing: blame as for an offer, and the idle clock kept without": """
        queue q wrap=30
        agent anna q
        agent bob q
        0  | ready anna      | anna not ready; anna ready
        1  | call c1 q       | ring anna c1
        2  | answer anna     | out c1 answered 1; anna talking
        3  | ready bob       | bob not ready; bob ready
        4  | leg l1 c1 bob   | bob reserved
        5  | leg over l1 cancelled | bob ready
        6  | leg l2 c1 bob   | bob reserved
        7  | leg over l2 refused | bob not ready (declined)
        8  | ready bob       | bob ready
        9  | leg l3 c1 bob   | bob reserved
        44 | tick            | unring bob; bob not ready (no answer)
        45 | leg answered l3 | refused leg-over
        46 | ready bob       | bob ready
        47 | leg l4 c1 bob   | bob reserved
        48 | phone down bob  | unring bob; bob fault (phone)
        49 | phone up bob    | bob ready
    """,
    "a supervisor joins from a break and goes back to it": """
        queue q wrap=30
        agent anna q
        agent zoe q
        0  | ready anna      | anna not ready; anna ready
        1  | call c1 q       | ring anna c1
        2  | answer anna     | out c1 answered 1; anna talking
        3  | sign in zoe     | zoe not ready
        4  | leg l1 c1 zoe   | refused agent-not-ready
        5  | joins l1 c1 zoe | zoe reserved
        6  | leg answered l1 | zoe talking
        7  | leg over l1     | zoe not ready
        8  | joins l2 c1 zoe | zoe reserved
        9  | leg answered l2 | zoe talking
        9  | hand over c1 zoe | talked c1 7+0 to agent; taken c1 zoe; zoe talking; anna wrap-up
        10 | end c1 agent    | talked c1 1+0; zoe wrap-up
    """,
    "a call that an agent places: the own phone, then the customer; wrap-up when reached": """
        queue q wrap=30
        agent anna q
        0  | ready anna      | anna not ready; anna ready
        1  | dials d1 anna q | dial anna d1
        2  | call c1 q       | -
        3  | answer anna     | anna reserved
        5  | reached d1      | out d1 reached 4; anna talking
        9  | end d1 agent    | talked d1 4+0; anna wrap-up
        12 | wrapped anna    | wrapped anna 3; anna ready; ring anna c1
    """,
    "a call that reaches nobody leaves the agent as before": """
        queue q wrap=30
        agent anna q
        0  | sign in anna    | anna not ready
        1  | break anna tea  | anna not ready (tea)
        2  | dials d1 anna q | dial anna d1
        3  | answer anna     | anna reserved
        5  | failed d1 busy  | out d1 not reached 3; anna not ready (tea)
        6  | dials d2 anna q | dial anna d2
        7  | no answer anna  | out d2 not reached 1; anna not ready (tea)
        8  | ready anna      | anna ready
        9  | dials d3 anna q | dial anna d3
        10 | end d3 agent    | stop anna; out d3 not reached 1; anna ready
    """,
    "time that goes back stands still": """
        queue q
        100 | call c1 q      | -
        50  | gone c1        | out c1 abandoned 0
    """,
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str) -> None:
    """Routing is agreed on in rows that people can read and change."""
    play(SCENARIOS[name])
