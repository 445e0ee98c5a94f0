"""What config.json may say of the user's application; unloaded when the services are built."""

OPTIONS = {"module": "str", "low_heap_s": "int 5 3600", "settings": "dict"}
