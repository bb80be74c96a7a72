"""A demonstration company's customers: always the same 200, with numbers nobody has.

The telephone numbers lie in ranges reserved for fiction: +1 ... 555-01xx (North
America), +44 20 7946 0xxx (London, Ofcom) and +61 1900 654 321-like ranges are left out
because they are too small.
"""
