"""The rules of section app in config.json; unloaded when the services are built."""

OPTIONS = {"module": "str", "low_heap_s": "int 5 3600", "settings": "dict"}
