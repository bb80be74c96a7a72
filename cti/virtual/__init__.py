"""A switch in memory with virtual callers and phones: demonstrations, simulation, load."""

from cti.virtual.switch import VirtualSwitch

__all__ = ["VirtualSwitch"]
