"""Runs the service: /usr/bin/python3 main.py"""

import socket
from threading import Timer

import uvicorn

from app import app, user_events
from settings import HOST, PORT

_PATIENCE_S = 5


class Service(uvicorn.Server):
    def handle_exit(self, sig, frame) -> None:
        # uvicorn waits for the responses in flight, and a stream of events would never end.
        user_events.close()
        force = Timer(_PATIENCE_S, lambda: setattr(self, "force_exit", True))
        force.daemon = True
        force.start()
        super().handle_exit(sig, frame)


if __name__ == "__main__":
    listening = socket.create_server((HOST, PORT))
    print(f"Listening on http://{HOST}:{listening.getsockname()[1]}", flush=True)
    Service(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])
