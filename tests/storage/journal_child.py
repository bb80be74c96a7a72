"""Writes to a journal until it is killed, and says on stdout what it was told is on disk."""

from __future__ import annotations

import asyncio
import os
import sys

from storage.database import open_engine
from storage.journal import Journal


async def main(url: str) -> None:
    engine = open_engine(url)
    journal = Journal(engine, linger_s=0.001)
    await journal.open()
    while True:
        for _ in range(50):
            seq = journal.append("person", "AgentReady", "c-1", {"filler": "x" * 200}, 1.0)
        await journal.committed(seq)
        os.write(1, f"{seq}\n".encode())


asyncio.run(main(sys.argv[1]))
