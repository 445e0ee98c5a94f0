"""`outpost metrics`: the boards of an MQTT broker for Prometheus, as OpenMetrics text."""
