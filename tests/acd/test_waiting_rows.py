"""Routing scenarios as rows of text: the life of a queue. The language is in `tests.acd.rows`."""

from __future__ import annotations

import pytest

from tests.acd.rows import play

SCENARIOS = {
    # At the door
    "a closed queue turns callers away, and takes them when it is open": """
        queue q rule=closed::flow:closed
        0  | ask c1 q        | -
        1  | close q         | q closed
        1  | close q         | refused no-change
        2  | ask c1 q        | away c1 flow closed (turned-closed)
        3  | open q          | q open
        3  | open q          | refused no-change
        4  | ask c1 q        | -
        5  | call c1 q       | -
        6  | close nowhere   | refused unknown-queue
    """,
    "nobody signed in: to the voicemail": """
        queue q rule=nobody::voicemail:q
        agent anna q
        0  | ask c1 q        | away c1 voicemail q (turned-nobody)
        1  | sign in anna    | anna not ready
        2  | ask c1 q        | -
        3  | sign out anna   | anna offline
        4  | ask c1 q        | away c1 voicemail q (turned-nobody)
    """,
    "who counts as there is the queue's to say": """
        queue q staffed=working rule=nobody::flow:gone
        queue r staffed=ready rule=nobody::flow:gone
        agent anna q,r
        0  | sign in anna    | anna not ready
        1  | ask c1 q        | away c1 flow gone (turned-nobody)
        2  | ready anna      | anna ready
        3  | ask c1 q        | -
        3  | ask c1 r        | -
        4  | call c1 q       | ring anna c1
        5  | ask c2 q        | -
        5  | ask c2 r        | away c2 flow gone (turned-nobody)
    """,
    "a full queue sends callers to another one, which may be full as well": """
        queue q rule=full:1:queue:r
        queue r rule=full:1:queue:q
        0  | call c1 q       | -
        1  | ask c2 q        | away c2 queue r (turned-full)
        2  | ask c2 r        | -
        3  | call c2 r       | -
        4  | ask c3 q        | -
        5  | call c3 q       | -
    """,
    "a caller is not sent to and fro between two queues": """
        queue q rule=nobody::queue:r
        queue r rule=nobody::queue:q
        0  | ask c1 q        | away c1 queue r (turned-nobody)
        1  | ask c1 r        | -
        2  | call c1 r       | -
        3  | ask c2 q        | away c2 queue r (turned-nobody)
        4  | ask c2 q        | away c2 queue r (turned-nobody)
    """,
    "the first rule that leads somewhere is taken": """
        queue q rule=nobody::queue:gone rule=nobody::queue:r rule=nobody::number:+4930
        queue r
        0  | close r         | r closed
        1  | ask c1 q        | away c1 number +4930 (turned-nobody)
        2  | open r          | r open
        3  | ask c1 q        | away c1 queue r (turned-nobody)
    """,
    "whoever is let in is in: nothing is asked of a call that is queued": """
        queue q rule=full:1:flow:full rule=closed::flow:closed
        0  | close q         | q closed
        1  | call c1 q       | -
        2  | call c2 q       | -
        3  | ask c2 q        | -
        4  | gone c2         | out c2 abandoned 2
        5  | ask c2 q        | refused call-over
    """,
    "an expected wait that is too long turns callers away; nothing known turns nobody away": """
        queue q wrap=0 rule=expected-wait:60:flow:long
        agent anna q
        0  | ready anna      | anna not ready; anna ready
        1  | call c1 q       | ring anna c1
        2  | answer anna     | out c1 answered 1; anna talking
        3  | call c2 q       | -
        3  | call c3 q       | -
        3  | call c4 q       | -
        3  | call c5 q       | -
        4  | ask c6 q        | -
        300 | end c1 caller  | talked c1 298+0; wrapped anna 0; anna ready; ring anna c2
        301 | ask c6 q       | away c6 flow long (turned-wait)
    """,
    # In the line
    "waited long enough: the voicemail, and the call is in no line": """
        queue q rule=waited:20:voicemail:q
        agent anna q
        0  | call c1 q       | -
        20 | tick            | out c1 overflowed 20; send c1 voicemail q
        21 | ready anna      | anna not ready; anna ready
        22 | gone c1         | refused unknown-call
    """,
    "what the switch refused is not tried again; the place is the old one": """
        queue q rule=waited:20:voicemail:q
        0  | call c1 q       | -
        1  | call c2 q       | -
        20 | tick            | out c1 overflowed 20; send c1 voicemail q
        20 | call c1 q entered=0 stays | -
        20 | position c1     | told c1 1
        21 | tick            | out c2 overflowed 20; send c2 voicemail q
        99 | tick            | -
    """,
    "a caller who comes back from a menu is not sent there again, but elsewhere": """
        queue q rule=waited:20:flow:offer rule=waited:40:queue:r
        queue r rule=waited:10:queue:q
        0  | call c1 q       | -
        20 | tick            | out c1 overflowed 20; send c1 flow offer
        25 | call c1 q       | -
        50 | tick            | -
        65 | tick            | out c1 overflowed 40
        999 | position c1    | told c1 1
        999 | why c1         | no agent serves this queue
    """,
    "a rule whose queue is full is passed over, and tried again later": """
        queue q rule=waited:20:queue:r rule=waited:60:voicemail:q
        queue r rule=full:1:flow:full
        0  | call c1 r       | -
        1  | call c2 q       | -
        2  | call c3 q       | -
        22 | tick            | -
        30 | gone c1         | out c1 abandoned 30
        36 | tick            | out c2 overflowed 35
        61 | tick            | -
        62 | tick            | out c3 overflowed 60; send c3 voicemail q
    """,
    "nobody is there any more: those who wait go on, unless somebody comes in time": """
        queue q rule=left-alone:30:voicemail:q
        agent anna q
        agent bob q
        0  | ready anna      | anna not ready; anna ready
        0  | ready bob       | bob not ready; bob ready
        1  | break anna tea  | anna not ready (tea)
        2  | break bob tea   | bob not ready (tea)
        10 | call c1 q       | -
        11 | sign out anna   | anna offline
        12 | sign out bob    | bob offline
        40 | sign in anna    | anna not ready
        50 | sign out anna   | anna offline
        79 | call c2 q       | -
        80 | tick            | out c1 overflowed 70; send c1 voicemail q; \
out c2 overflowed 1; send c2 voicemail q
        81 | call c3 q       | -
        81 | tick            | out c3 overflowed 0; send c3 voicemail q
    """,
    "callbacks stay when everybody goes on": """
        queue q rule=left-alone:30:voicemail:q rule=waited:20:voicemail:q
        agent anna q
        0  | call c1 q       | -
        1  | callback k1 c1  | k1 queued
        2  | gone c1         | out c1 callback 2
        99 | tick            | -
        99 | ready anna      | anna not ready; anna ready; dial anna k1
    """,
    "closing time with callers in the line: served for a while, then sent on": """
        queue q wrap=0 rule=closing:60:voicemail:q
        agent anna q
        0  | ready anna      | anna not ready; anna ready
        1  | call c1 q       | ring anna c1
        2  | answer anna     | out c1 answered 1; anna talking
        3  | call c2 q       | -
        4  | call c3 q       | -
        10 | close q         | q closed
        20 | end c1 caller   | talked c1 18+0; wrapped anna 0; anna ready; ring anna c2
        21 | answer anna     | out c2 answered 18; anna talking
        70 | tick            | out c3 overflowed 66; send c3 voicemail q
    """,
    "a queue that opens again keeps its callers": """
        queue q rule=closing:60:voicemail:q
        0  | call c1 q       | -
        10 | close q         | q closed
        69 | open q          | q open
        99 | tick            | -
    """,
    "the reason for waiting says that nobody will come": """
        queue q
        agent anna q
        0  | call c1 q       | -
        1  | close q         | q closed
        2  | why c1          | the queue is closed (hours) and nobody works for it any more
        3  | sign in anna    | anna not ready
        4  | why c1          | the queue is closed (hours) and nobody works for it any more
        5  | ready anna      | anna ready; ring anna c1
        6  | call c2 q       | -
        7  | why c2          | 1 agent, 1 being rung
    """,
    "rules that change take hold at once": """
        queue q rule=waited:500:queue:r
        queue r
        0  | call c1 q       | -
        9  | without r       | -
        600 | tick           | -
        601 | restored       | -
        602 | tick           | out c1 overflowed 601
    """,
    # Places
    "who is cut off and calls again within the grace has the place back, once": """
        site grace=60
        queue q
        0  | call c1 q from=+1 | -
        1  | call c2 q from=+2 | -
        5  | end c1 switch lost | out c1 switch lost 5
        9  | call c3 q from=+1 | back c3 (place-kept)
        9  | call c4 q from=+1 | -
        10 | position c3     | told c3 1
        10 | position c2     | told c2 2
        10 | position c4     | told c4 3
        20 | gone c3         | out c3 abandoned 11
        81 | call c5 q from=+1 | -
        82 | position c5     | told c5 3
    """,
    "the place is kept with its priority, and also where the rules had moved the caller": """
        site grace=60
        queue q rule=waited:20:queue:r
        queue r
        0  | call c1 q from=+1 prio=3 | -
        1  | call c2 r       | -
        20 | tick            | out c1 overflowed 20
        25 | gone c1         | out c1 abandoned 5
        26 | call c3 q       | -
        30 | call c4 q from=+1 | back c4 (place-kept)
        31 | position c4     | told c4 1
    """,
    "a callback taken, or an agent's answer, leaves no place": """
        site grace=60
        queue q wrap=0
        agent anna q
        0  | call c1 q from=+1 | -
        1  | callback k1 c1  | k1 queued
        2  | gone c1         | out c1 callback 2
        3  | call c2 q from=+1 | -
        4  | cancel k1       | k1 cancelled; out k1 withdrawn 4
        5  | ready anna      | anna not ready; anna ready; ring anna c2
        6  | answer anna     | out c2 answered 3; anna talking
        7  | end c2 caller   | talked c2 1+0; wrapped anna 0; anna ready
        8  | sign out anna   | anna offline
        9  | call c3 q from=+1 | -
    """,
    "an unknown caller has no place to come back to": """
        site grace=60
        queue q
        0  | call c1 q       | -
        1  | gone c1         | out c1 abandoned 1
        2  | call c2 q       | -
    """,
    "a worse position says who came in front": """
        site grace=60
        queue q
        queue r rule=waited:20:queue:q
        0  | call c0 r       | -
        1  | call c1 q from=+1 | -
        2  | gone c1         | out c1 abandoned 1
        5  | call c2 q       | -
        6  | position c2     | told c2 1
        7  | position c2     | told c2 1 was 1
        8  | call c3 q prio=2 | -
        9  | call c4 q from=+1 | back c4 (place-kept)
        9  | call c5 q       | -
        20 | tick            | out c0 overflowed 20
        21 | position c2     | told c2 4 was 1 (1 priority, 1 earlier, 1 kept)
        22 | gone c3         | out c3 abandoned 14
        23 | position c2     | told c2 3 was 4
        24 | position c9     | refused unknown-call
    """,
    "a caller of low priority hears who went in front; callers behind are no news": """
        queue q
        0  | call c1 q prio=-1 | -
        1  | position c1     | told c1 1
        2  | call c2 q       | -
        3  | position c1     | told c1 2 was 1 (1 priority)
        4  | call c3 q prio=-2 | -
        5  | position c1     | told c1 2 was 2
        6  | gone c2         | out c2 abandoned 4
        7  | position c1     | told c1 1 was 2
    """,
    "who has waited for too long goes in front, and that is the reason": """
        queue q first=60
        0  | call c1 q       | -
        9  | call c2 q prio=5 | -
        10 | position c2     | told c2 1
        61 | position c2     | told c2 2 was 1 (1 first)
    """,
    # Callbacks
    "a callback at a chosen time: in no line before, then the first; the promise is kept": """
        queue q wrap=0 window=60
        agent anna q
        0  | call c1 q       | -
        1  | callback k1 c1 1000 | k1 due later
        2  | gone c1         | out c1 callback 2
        3  | ready anna      | anna not ready; anna ready
        4  | call c2 q       | ring anna c2
        5  | answer anna     | out c2 answered 1; anna talking
        900 | call c3 q      | -
        900 | why k1         | will be called back at 00:16:40
        1000 | tick          | k1 queued
        1010 | end c2 caller | talked c2 1005+0; wrapped anna 0; anna ready; dial anna k1
        1011 | answer anna   | anna reserved; k1 dialling
        1012 | reached k1    | out k1 reached 1012; anna talking; k1 reached (kept)
    """,
    "a caller may hang up late: the time counts": """
        queue q wrap=0 window=60
        agent anna q
        0  | call c1 q       | -
        1  | callback k1 c1 30 | k1 due later
        2  | ready anna      | anna not ready; anna ready
        40 | gone c1         | out c1 callback 40; k1 queued; dial anna k1
    """,
    "reached after the window is late; never reached is a promise broken": """
        queue q wrap=0 window=60 attempts=2 retry=100
        agent anna q
        0  | call c1 q       | -
        1  | callback k1 c1 100 | k1 due later
        2  | gone c1         | out c1 callback 2
        3  | call c2 q       | -
        4  | callback k2 c2 100 | k2 due later
        5  | gone c2         | out c2 callback 2
        6  | ready anna      | anna not ready; anna ready
        100 | tick           | k1 queued; dial anna k1; k2 queued
        101 | answer anna    | anna reserved; k1 dialling
        102 | failed k1 busy | k1 retry; anna ready; dial anna k2
        103 | answer anna    | anna reserved; k2 dialling
        104 | failed k2 busy | k2 retry; anna ready
        202 | tick           | k1 queued; dial anna k1
        203 | answer anna    | anna reserved; k1 dialling
        204 | tick           | k2 queued
        204 | reached k1     | out k1 reached 204; anna talking; k1 reached (late)
        205 | end k1 agent   | talked k1 1+0; wrapped anna 0; anna ready; dial anna k2
        206 | answer anna    | anna reserved; k2 dialling
        207 | failed k2 no answer | k2 expired (failed); out k2 expired 204; anna ready
    """,
    "a callback that nobody gets round to is given up in the end": """
        queue q expires=500
        agent anna q
        0  | call c1 q       | -
        1  | callback k1 c1  | k1 queued
        2  | gone c1         | out c1 callback 2
        3  | call c2 q       | -
        4  | callback k2 c2 100 | k2 due later
        5  | gone c2         | out c2 callback 2
        501 | tick           | k2 queued; k1 expired; out k1 expired 501
        600 | tick           | k2 expired (failed); out k2 expired 597
    """,
    "an attempt that goes on is not cut off by the end of the callback's time": """
        queue q expires=500 retry=300
        agent anna q
        0  | call c1 q       | -
        1  | callback k1 c1  | k1 queued
        2  | gone c1         | out c1 callback 2
        495 | ready anna     | anna not ready; anna ready; dial anna k1
        499 | answer anna    | anna reserved; k1 dialling
        520 | failed k1 busy | k1 retry; anna ready
        521 | tick           | k1 expired; out k1 expired 521
    """,
    "who has chosen a time has not waited before it": """
        queue q needs=german:5 relax=60:drop=german first=90
        agent anna q
        agent bob q german:5
        0  | call c1 q       | -
        1  | callback k1 c1 1000 | k1 due later
        2  | gone c1         | out c1 callback 2
        3  | ready anna      | anna not ready; anna ready
        1000 | tick          | k1 queued
        1060 | tick          | relaxed k1 nothing; dial anna k1
        1061 | move k1 2000  | stop anna; k1 due later; anna ready
        2000 | tick          | k1 queued
        2010 | snapshot      | -
        2060 | tick          | relaxed k1 nothing; dial anna k1
        2061 | hurry k1      | stop anna; k1 queued; anna ready; dial anna k1
    """,
    "another time: by the customer it is the promise, by somebody else it is not": """
        queue q wrap=0 window=60
        agent anna q
        0  | call c1 q       | -
        1  | callback k1 c1 1000 | k1 due later
        2  | gone c1         | out c1 callback 2
        3  | move k1 2000    | k1 due later
        4  | move k1 3000 zoe | k1 due later
        5  | ready anna      | anna not ready; anna ready
        2500 | tick          | -
        3000 | tick          | k1 queued; dial anna k1
        3001 | move k1 4000  | stop anna; k1 due later; anna ready
        3500 | hurry k1      | k1 queued; dial anna k1
        3501 | answer anna   | anna reserved; k1 dialling
        3502 | move k1 9000  | refused callback-begun
        3503 | reached k1    | out k1 reached 3503; anna talking; k1 reached (kept)
    """,
    "moved by a supervisor past its window, a promise is late": """
        queue q wrap=0 window=60
        agent anna q
        0  | call c1 q       | -
        1  | callback k1 c1 100 | k1 due later
        2  | gone c1         | out c1 callback 2
        3  | move k1 500 zoe | k1 due later
        4  | ready anna      | anna not ready; anna ready
        500 | tick           | k1 queued; dial anna k1
        501 | answer anna    | anna reserved; k1 dialling
        502 | reached k1     | out k1 reached 502; anna talking; k1 reached (late)
    """,
    "our absence does not move a chosen time": """
        queue q
        agent anna q
        0  | call c1 q       | -
        1  | callback k1 c1 1000 | k1 due later
        2  | gone c1         | out c1 callback 2
        900 | resumed 890    | -
        901 | ready anna     | anna not ready; anna ready
        1000 | tick          | k1 queued; dial anna k1
    """,
    "who waits already is sent on at once where a rule bears no waiting": """
        queue q rule=closing::voicemail:q
        queue r rule=left-alone::voicemail:r
        agent anna r
        0  | sign in anna    | anna not ready
        1  | call c1 q       | -
        2  | call c2 r       | -
        3  | close q         | q closed
        3  | tick            | out c1 overflowed 2; send c1 voicemail q
        4  | sign out anna   | anna offline
        4  | tick            | out c2 overflowed 2; send c2 voicemail r
    """,
    "a callback whose queue is gone is given up at the time it had": """
        queue q expires=500
        queue r
        0  | call c1 q       | -
        1  | callback k1 c1  | k1 queued
        2  | gone c1         | out c1 callback 2
        3  | without q       | out k1 overflowed 3
        501 | tick           | k1 expired; out k1 expired 498
    """,
    "callers of a queue that is gone do not go where chats wait": """
        queue chats work=chat
        queue q
        queue r
        agent anna r
        0  | ready anna      | anna not ready; anna ready
        1  | call c1 q       | -
        2  | without q       | out c1 overflowed 1; ring anna c1
    """,
    "a requirement may widen to a queue that is not there": """
        queue q relax=5:also=nowhere
        agent anna q
        0  | call c1 q       | -
        5  | tick            | relaxed c1 nothing +nowhere
        6  | position c1     | told c1 1
    """,
    "a callback that was reached and transferred is a call, whatever its first caller does": """
        queue q wrap=0
        agent anna q
        0  | call c1 q       | -
        1  | callback k1 c1  | k1 queued
        2  | ready anna      | anna not ready; anna ready
        61 | tick            | dial anna k1
        62 | answer anna     | anna reserved; k1 dialling
        63 | reached k1      | out k1 reached 63; anna talking; k1 reached
        64 | park k1 q 900   | talked k1 1+0 to parked; wrapped anna 0; anna ready
        70 | found c1 q anna 0 | out c1 answered 70; anna talking
        71 | end c1 caller   | talked c1 1+0; wrapped anna 0; anna ready
        72 | pick k1 anna    | ring anna k1
    """,
    "a callback now: out of turn, as if its time had come": """
        queue q
        agent anna q
        0  | call c1 q       | -
        1  | call c2 q       | -
        2  | callback k2 c2  | k2 queued
        3  | gone c2         | out c2 callback 2
        4  | hurry k2        | k2 queued
        5  | ready anna      | anna not ready; anna ready; dial anna k2
        6  | move c1 5       | refused not-a-callback
    """,
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str) -> None:
    """What becomes of those who wait is agreed on in rows that people can read and change."""
    play(SCENARIOS[name])
