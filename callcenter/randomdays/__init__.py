"""Random small days on the virtual switch, each one repeatable from its seed.

A seed makes a `plan` (a random site of `sites`, callers, what agents do, faults), a `Day` plays it:
`callers` who press keys, ask to be called back and give up, also in the ring; `agents` who refuse,
let it ring, vanish, sign out and come back, who transfer, park, pick, consult, confer, hand over,
dial out and supervise; facts that are told twice, an engine that dies and is restored.

After every step the real engine, the real routing, the call book, the call records and the switch
are compared (`watch`), and the engine with its ledger (`acd.invariants`); then people calm down and
everything must drain. What breaks a rule is made small by `shrinking`; `many` plays thousands.
"""
