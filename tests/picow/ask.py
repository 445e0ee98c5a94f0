"""Says control words to a running emulator: python -m picow.ask FOLDER WORDS..."""

import socket
import sys


def main():
    """Print what the emulator whose sockets lie in FOLDER answers."""
    folder, *words = sys.argv[1:]
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(f"{folder}/control")
        control.sendall((" ".join(words) + "\n").encode())
        print(control.makefile().readline(), end="")


if __name__ == "__main__":
    main()
