"""Who gets which call, as rows of text (`tests.acd.rows`): choices, order, shares, ageing,
requirements that relax, preferred agents, several phones."""

from __future__ import annotations

import pytest

from tests.acd.rows import play

READY = """
        0  | ready anna     | anna not ready; anna ready
        0  | ready bob      | bob not ready; bob ready
        0  | ready cleo     | cleo not ready; cleo ready"""

CHOICES = {
    "linear: always from the top of the list": f"""
        queue q wrap=0 choice=linear
        agent anna q
        agent bob q
        agent cleo q{READY}
        1  | call c1 q      | ring anna c1
        2  | why c1         | first in the list (place 1) of 3 agents, idle 1 s; \
the only caller waiting
        2  | call c2 q      | ring bob c2
        3  | gone c1        | stop anna; out c1 abandoned 2; anna ready
        4  | call c3 q      | ring anna c3
    """,
    "round robin: who was asked least recently, whoever is idle for longest": f"""
        queue q wrap=0 choice=round-robin
        agent anna q
        agent bob q
        agent cleo q{READY}
        1  | call c1 q      | ring anna c1
        1  | why c1         | next in turn (not asked before) of 3 agents, idle 1 s; \
the only caller waiting
        2  | gone c1        | stop anna; out c1 abandoned 1; anna ready
        3  | call c2 q      | ring bob c2
        4  | gone c2        | stop bob; out c2 abandoned 1; bob ready
        5  | call c3 q      | ring cleo c3
        6  | gone c3        | stop cleo; out c3 abandoned 1; cleo ready
        7  | snapshot       | -
        7  | call c4 q      | ring anna c4
        7  | why c4         | next in turn (asked 6 s ago) of 3 agents, idle 7 s; \
the only caller waiting
    """,
    "fewest calls: who answered least since signing in": """
        queue q wrap=0 choice=fewest-calls
        agent anna q
        agent bob q
        0  | ready anna     | anna not ready; anna ready
        1  | call c1 q      | ring anna c1
        2  | answer anna    | out c1 answered 1; anna talking
        3  | end c1 caller  | talked c1 1+0; wrapped anna 0; anna ready
        9  | ready bob      | bob not ready; bob ready
        10 | call c2 q      | ring bob c2
        10 | why c2         | fewest calls (0) of 2 agents, idle 1 s; the only caller waiting
        11 | answer bob     | out c2 answered 1; bob talking
        12 | end c2 caller  | talked c2 1+0; wrapped bob 0; bob ready
        13 | call c3 q      | ring anna c3
        14 | gone c3        | stop anna; out c3 abandoned 1; anna ready
        15 | sign out bob   | bob offline
        16 | ready bob      | bob not ready; bob ready
        17 | snapshot       | -
        17 | call c4 q      | ring bob c4
    """,
    "a call that an agent places is no call of the queue's choice": """
        queue q wrap=0 choice=fewest-calls
        agent anna q
        agent bob q
        0  | ready anna     | anna not ready; anna ready
        0  | ready bob      | bob not ready; bob ready
        1  | dials d1 anna q | dial anna d1
        2  | answer anna    | anna reserved
        3  | reached d1     | out d1 reached 2; anna talking
        4  | end d1 caller  | talked d1 1+0; wrapped anna 0; anna ready
        5  | call c1 q      | ring bob c1
        6  | answer bob     | out c1 answered 1; bob talking
        7  | end c1 caller  | talked c1 1+0; wrapped bob 0; bob ready
        8  | call c2 q      | ring anna c2
    """,
    "least occupied: who has worked less lately, though idle for less long": """
        queue q wrap=0 choice=least-occupied
        queue other wrap=0
        agent anna q,other
        agent bob q
        0    | ready anna     | anna not ready; anna ready
        0    | call c1 other  | ring anna c1
        0    | answer anna    | out c1 answered 0; anna talking
        900  | end c1 caller  | talked c1 900+0; wrapped anna 0; anna ready
        1800 | ready bob      | bob not ready; bob ready
        1801 | call c2 q      | ring bob c2
        1801 | why c2         | least occupied (0 %) of 2 agents, idle 1 s; the only caller waiting
        1801 | answer bob     | out c2 answered 0; bob talking
        1900 | end c2 caller  | talked c2 99+0; wrapped bob 0; bob ready
        1900 | snapshot       | -
        1901 | call c3 q      | ring bob c3
        1901 | why c3         | least occupied (5 %) of 2 agents, idle 1 s; the only caller waiting
        1902 | call c4 q      | ring anna c4
    """,
    "best skill: the highest levels in what is asked for": """
        queue q choice=best-skill
        agent anna q german:3,sales:9
        agent bob q german:7
        0  | ready anna     | anna not ready; anna ready
        1  | ready bob      | bob not ready; bob ready
        2  | call c1 q needs=german:2 | ring bob c1
        2  | why c1         | best skills (levels of 7 in all) of 2 agents with german 2+, \
idle 1 s; the only caller waiting
        3  | gone c1        | stop bob; out c1 abandoned 1; bob ready
        4  | call c2 q      | ring anna c2
    """,
    "closest skill: whoever is just good enough, so that experts stay free": """
        queue q choice=closest-skill
        agent anna q german:9,sales:9
        agent bob q german:4
        agent cleo q german:2
        0  | ready anna     | anna not ready; anna ready
        1  | ready bob      | bob not ready; bob ready
        2  | ready cleo     | cleo not ready; cleo ready
        3  | call c1 q needs=german:3 | ring bob c1
        4  | call c2 q needs=german:3 | ring anna c2
        5  | gone c1        | stop bob; out c1 abandoned 2; bob ready
        5  | gone c2        | stop anna; out c2 abandoned 1; anna ready
        6  | call c3 q      | ring cleo c3
    """,
    "weighted: twice the weight, twice the calls; who comes back is owed nothing": """
        queue q wrap=0 choice=weighted
        agent anna q - weight=2
        agent bob q
        0  | ready anna     | anna not ready; anna ready
        0  | ready bob      | bob not ready; bob ready
        1  | call c1 q      | ring anna c1
        1  | why c1         | next by weight (2) of 2 agents, idle 1 s; the only caller waiting
        1  | answer anna    | out c1 answered 0; anna talking
        2  | end c1 caller  | talked c1 1+0; wrapped anna 0; anna ready
        3  | call c2 q      | ring bob c2
        3  | answer bob     | out c2 answered 0; bob talking
        4  | end c2 caller  | talked c2 1+0; wrapped bob 0; bob ready
        5  | call c3 q      | ring anna c3
        5  | answer anna    | out c3 answered 0; anna talking
        6  | end c3 caller  | talked c3 1+0; wrapped anna 0; anna ready
        7  | break bob tea  | bob not ready (tea)
        8  | call c4 q      | ring anna c4
        8  | answer anna    | out c4 answered 0; anna talking
        9  | end c4 caller  | talked c4 1+0; wrapped anna 0; anna ready
        10 | call c5 q      | ring anna c5
        10 | answer anna    | out c5 answered 0; anna talking
        11 | end c5 caller  | talked c5 1+0; wrapped anna 0; anna ready
        12 | ready bob      | bob ready
        13 | snapshot       | -
        13 | call c6 q      | ring bob c6
        13 | answer bob     | out c6 answered 0; bob talking
        14 | end c6 caller  | talked c6 1+0; wrapped bob 0; bob ready
        15 | call c7 q      | ring anna c7
    """,
}

ORDERS = {
    "a queue asks agents of a lower order first": """
        queue q
        agent anna q - order=q:2
        agent bob q
        agent cleo q
        0  | ready anna     | anna not ready; anna ready
        1  | ready bob      | bob not ready; bob ready
        2  | call c1 q      | ring bob c1
        2  | why c1         | asked first by this queue, with 1 agent to follow; idle 1 s; \
the only caller waiting
        3  | ready cleo     | cleo not ready; cleo ready
        3  | gone c1        | stop bob; out c1 abandoned 1; bob ready
        4  | call c2 q      | ring bob c2
        4  | why c2         | longest idle of 2 agents, idle 3 s; 1 agent to follow; \
the only caller waiting
        5  | call c3 q      | ring cleo c3
        6  | call c4 q      | ring anna c4
    """,
    "an agent takes the queue of the lower order first, whatever the priority": """
        queue q
        queue vip priority=9
        agent anna q,vip - order=vip:2
        0  | call c1 vip    | -
        1  | call c2 q      | -
        2  | ready anna     | anna not ready; anna ready; ring anna c2
        3  | gone c2        | stop anna; out c2 abandoned 2; anna ready; ring anna c1
    """,
    "priority can be worth some seconds of waiting instead": """
        site worth=30
        queue q
        agent anna q
        0  | call c1 q      | -
        20 | call c2 q prio=1 | -
        70 | call c3 q prio=2 | -
        71 | ready anna     | anna not ready; anna ready; ring anna c2
        72 | gone c2        | stop anna; out c2 abandoned 52; anna ready; ring anna c1
        73 | gone c1        | stop anna; out c1 abandoned 73; anna ready; ring anna c3
    """,
    "who would miss the target first comes first": """
        site sharing=target
        queue slow threshold=60
        queue fast threshold=10
        agent anna slow,fast
        0  | call c1 slow   | -
        20 | call c2 fast   | -
        55 | call c3 fast   | -
        56 | ready anna     | anna not ready; anna ready; ring anna c2
        57 | gone c2        | stop anna; out c2 abandoned 37; anna ready; ring anna c1
        58 | gone c1        | stop anna; out c1 abandoned 58; anna ready; ring anna c3
    """,
    "queues get calls in proportion to their weight, and are owed nothing while empty": """
        site sharing=weight
        queue big weight=2 wrap=0
        queue small wrap=0
        agent anna big,small
        0  | call b1 big    | -
        0  | call b2 big    | -
        0  | call b3 big    | -
        0  | call b4 big    | -
        0  | call s1 small  | -
        0  | call s2 small  | -
        1  | ready anna     | anna not ready; anna ready; ring anna b1
        2  | gone b1        | stop anna; out b1 abandoned 2; anna ready; ring anna s1
        3  | gone s1        | stop anna; out s1 abandoned 3; anna ready; ring anna b2
        4  | snapshot       | -
        4  | gone b2        | stop anna; out b2 abandoned 4; anna ready; ring anna b3
        5  | gone b3        | stop anna; out b3 abandoned 5; anna ready; ring anna s2
        6  | gone s2        | stop anna; out s2 abandoned 6; anna ready; ring anna b4
        7  | gone b4        | stop anna; out b4 abandoned 7; anna ready
        8  | call b5 big    | ring anna b5
        9  | call b6 big    | -
        9  | call s3 small  | -
        9  | call s4 small  | -
        10 | gone b5        | stop anna; out b5 abandoned 2; anna ready; ring anna s3
        11 | gone s3        | stop anna; out s3 abandoned 2; anna ready; ring anna b6
    """,
    "who has waited for so long comes before all who have not, by arrival": """
        queue q first=60
        queue vip priority=9 first=60
        agent anna q,vip - order=vip:1,q:2
        0  | call c1 q      | -
        1  | call c2 vip    | -
        2  | call c3 vip    | -
        60 | why c1         | nobody is signed in (1 agent could serve)
        60 | tick           | -
        60 | why c1         | nobody is signed in (1 agent could serve); comes before all others
        60 | snapshot       | -
        60 | ready anna     | anna not ready; anna ready; ring anna c1
        60 | why c1         | waited 60 s: after 60 s a caller comes before all others
        61 | gone c1        | stop anna; out c1 abandoned 61; anna ready; ring anna c2
    """,
}

RELAXED = {
    "a requirement relaxes step by step, and who fits now is asked at once": """
        queue q needs=german:5 relax=20:-2,40:drop=german:also=other
        queue other
        agent anna q german:3
        agent bob other
        0  | ready anna     | anna not ready; anna ready
        0  | ready bob      | bob not ready; bob ready
        1  | call c1 q      | -
        1  | why c1         | no agent of this queue has german 5+; \
from 00:00:21 on german 3+ is enough
        1  | snapshot       | -
        21 | tick           | relaxed c1 german>=3; ring anna c1
        22 | decline anna   | anna not ready (declined)
        22 | why c1         | skill german 3+: 1 agent, 1 not ready; \
from 00:00:41 on no skill is enough, agents of other as well
        41 | tick           | relaxed c1 nothing +other; ring bob c1
    """,
    "a step that comes due while a phone rings is taken when the caller is back in line": """
        queue q needs=german:5 relax=20:-2,30:also=other
        queue other
        agent anna q german:3
        agent bob other german:4
        0  | ready anna     | anna not ready; anna ready
        0  | ready bob      | bob not ready; bob ready
        1  | call c1 q      | -
        21 | tick           | relaxed c1 german>=3; ring anna c1
        35 | decline anna   | anna not ready (declined); relaxed c1 german>=3 +other; ring bob c1
    """,
    "another queue has its own steps": """
        queue q needs=german:5 relax=10:drop=german overflow=15:other
        queue other needs=german:5 relax=10:-4
        agent anna other german:1
        0  | ready anna     | anna not ready; anna ready
        0  | call c1 q      | -
        10 | tick           | relaxed c1 nothing
        15 | tick           | out c1 overflowed 15
        25 | tick           | relaxed c1 german>=1; ring anna c1
    """,
    "a callback goes on from the step of its caller, and an earlier arrival from its own": """
        queue q needs=german:5 relax=20:-2
        agent anna q german:3
        0  | call c1 q      | -
        20 | tick           | relaxed c1 german>=3
        21 | callback k1 c1 | k1 queued
        22 | gone c1        | out c1 callback 22
        23 | ready anna     | anna not ready; anna ready; dial anna k1
        24 | call c2 q entered=1 | relaxed c2 german>=3
    """,
    "alternatives and exclusions": """
        queue q
        agent anna q german:5
        agent bob q english:8,trainee:1
        agent cleo q english:8
        0  | ready anna     | anna not ready; anna ready
        1  | ready bob      | bob not ready; bob ready
        2  | ready cleo     | cleo not ready; cleo ready
        3  | call c1 q needs=german:6/english:8,!trainee:1 | ring cleo c1
        4  | call c2 q needs=german:5/english:9 | ring anna c2
        5  | call c3 q needs=german:6/english:8,!trainee:1 | -
        5  | why c3         | skill english 8+ or german 6+, not trainee: 1 agent, 1 being rung
    """,
}

PREFERRED = {
    "a preferred agent who is idle is asked before all others": """
        queue q
        agent anna q
        agent bob q
        0  | ready anna     | anna not ready; anna ready
        1  | ready bob      | bob not ready; bob ready
        2  | call c1 q prefers=bob:0 | ring bob c1
        2  | why c1         | bob spoke with this caller last; waited 0 s
    """,
    "a preferred agent who works is waited for, up to the limit": """
        queue q wrap=0 needs=german:5
        agent anna q german:5
        agent bob q
        agent cleo q german:5
        0  | ready bob      | bob not ready; bob ready
        1  | call c1 q prefers=bob:20 | ring bob c1
        2  | answer bob     | out c1 answered 1; bob talking
        3  | ready anna     | anna not ready; anna ready
        3  | ready cleo     | cleo not ready; cleo ready
        4  | call c2 q prefers=bob:20 | -
        4  | why c2         | waits for bob, who spoke with this caller last, until 00:00:24
        5  | call c3 q prefers=bob:10 | -
        5  | snapshot       | -
        9  | end c1 caller  | talked c1 7+0; wrapped bob 0; bob ready; ring bob c2
        10 | answer bob     | out c2 answered 6; bob talking
        14 | tick           | -
        15 | tick           | ring anna c3
    """,
    "a preferred agent who wants no more calls is waited for no longer": """
        queue q wrap=0
        agent anna q
        agent bob q
        0  | ready bob      | bob not ready; bob ready
        1  | call c1 q      | ring bob c1
        2  | answer bob     | out c1 answered 1; bob talking
        3  | ready anna     | anna not ready; anna ready
        4  | call c2 q prefers=bob:60 | -
        5  | break bob lunch | bob talking; ring anna c2
    """,
    "a preferred agent who is not there, or serves other queues, is not waited for": """
        queue q
        queue other
        agent anna q
        agent bob q
        agent cleo other
        0  | ready anna     | anna not ready; anna ready
        0  | ready cleo     | cleo not ready; cleo ready
        1  | call c1 q prefers=bob:60 | ring anna c1
        2  | call c2 q prefers=cleo:60 | -
        3  | ready bob      | bob not ready; bob ready; ring bob c2
    """,
    "a preferred agent who lets the call ring out is one of many": """
        queue q
        agent anna q
        agent bob q
        0  | ready anna     | anna not ready; anna ready
        1  | ready bob      | bob not ready; bob ready
        2  | call c1 q prefers=bob:60 | ring bob c1
        17 | no answer bob  | bob not ready (no answer); ring anna c1
    """,
    "a caller who waits for an agent keeps the usual place among all": """
        queue q wrap=0
        agent anna q
        0  | ready anna     | anna not ready; anna ready
        1  | call c1 q      | ring anna c1
        2  | answer anna    | out c1 answered 1; anna talking
        3  | call c2 q      | -
        4  | call c3 q prefers=anna:60 | -
        9  | end c1 caller  | talked c1 7+0; wrapped anna 0; anna ready; ring anna c2
    """,
    "callers let go by one agent are matched by their right, with whoever is idle": """
        queue q wrap=0
        queue last wrap=0
        agent anna q
        agent bob q,last
        0  | ready bob      | bob not ready; bob ready
        1  | call c1 last   | ring bob c1
        2  | answer bob     | out c1 answered 1; bob talking
        3  | ready anna     | anna not ready; anna ready
        4  | call c2 q prefers=bob:60 | -
        5  | call c3 q prefers=bob:60 prio=1 | -
        6  | sign out bob   | bob talking; ring anna c3
        7  | end c1 caller  | talked c1 5+0; wrapped bob 0; bob offline
    """,
}

SEVERAL = {
    "several phones ring, the first answer wins, the others are as before": f"""
        queue q rings=2
        agent anna q
        agent bob q
        agent cleo q{READY}
        1  | call c1 q      | ring anna c1; ring bob c1
        1  | why c1         | one of 2 phones that ring at once; the only caller waiting
        2  | call c2 q      | ring cleo c2
        3  | snapshot       | -
        3  | answer bob     | stop anna; out c1 answered 2; bob talking; anna ready
        4  | answer anna    | refused offer-over
        4  | call c3 q      | ring anna c3
    """,
    "who declines or is silent leaves the others ringing; only the last one sends on": f"""
        queue q rings=3
        agent anna q
        agent bob q
        agent cleo q{READY}
        1  | call c1 q      | ring anna c1; ring bob c1; ring cleo c1
        2  | decline bob    | bob not ready (declined)
        3  | ready bob      | bob ready
        4  | unreachable anna | anna fault (unreachable)
        16 | no answer cleo | cleo not ready (no answer); ring bob c1
        17 | answer bob     | out c1 answered 16; bob talking
    """,
    "a caller who hangs up stops every phone": """
        queue q rings=2
        agent anna q
        agent bob q
        0  | ready anna     | anna not ready; anna ready
        1  | ready bob      | bob not ready; bob ready
        2  | call c1 q      | ring anna c1; ring bob c1
        3  | call c2 q      | -
        5  | gone c1        | stop anna; stop bob; out c1 abandoned 3; anna ready; ring anna c2; \
bob ready
    """,
    "an offer that is lost leaves the rest of the round alone": """
        queue q rings=2
        agent anna q
        agent bob q
        0  | ready anna     | anna not ready; anna ready
        1  | ready bob      | bob not ready; bob ready
        2  | call c1 q      | ring anna c1; ring bob c1
        3  | lost anna      | anna ready
        4  | sign out bob   | stop bob; bob offline; ring anna c1
    """,
    "found talking with one of several whose phones rang": f"""
        queue q rings=2
        agent anna q
        agent bob q
        agent cleo q{READY}
        1  | call c1 q      | ring anna c1; ring bob c1
        2  | found c1 q bob 1 | stop anna; out c1 answered 1; bob talking; anna ready
    """,
    "a callback rings one phone at a time": """
        queue q rings=2
        agent anna q
        agent bob q
        0  | call c1 q      | -
        1  | callback k1 c1 | k1 queued
        2  | ready anna     | anna not ready; anna ready
        2  | ready bob      | bob not ready; bob ready
        3  | gone c1        | out c1 callback 3; dial anna k1
    """,
}

SCENARIOS = CHOICES | ORDERS | RELAXED | PREFERRED | SEVERAL


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str) -> None:
    """Who gets which call is agreed on in rows that people can read and change."""
    play(SCENARIOS[name])
