"""Publishes the board's state and events to an MQTT broker."""

from services.telemetry.telemetry import Telemetry

__all__ = ("Telemetry",)
