"""The board's clock, set over NTP."""

from services.time.clock import Clock

__all__ = ("Clock",)
