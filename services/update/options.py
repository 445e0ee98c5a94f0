"""The rules of section update in config.json: no keys; null disables updates."""

OPTIONS = {}
