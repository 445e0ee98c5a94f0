"""The board's clock, kept right over NTP."""

from services.time.clock import Clock

__all__ = ("Clock",)
