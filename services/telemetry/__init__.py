"""Tells an MQTT broker how the board is and what happens on it."""

from services.telemetry.telemetry import Telemetry

__all__ = ("Telemetry",)
