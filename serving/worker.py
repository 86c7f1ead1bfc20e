"""One worker: uvicorn on the socket that the supervisor listens on."""

import gc
import signal
import socket
import sys
from types import FrameType

import uvicorn
from fastapi import FastAPI

from serving.app import create_app
from serving.observe.log import listen_to_libraries, make_log
from serving.parent import end_with_parent
from serving.settings import settings_from

#: Requests in work are given this long when the service stops [s].
STOP_SECONDS = 10
KEEP_ALIVE_SECONDS = 15


class Worker(uvicorn.Server):
    """A server that says it is not ready as soon as it is told to stop."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop taking requests, finish those in work."""
        self._app.state.is_stopping = True
        super().handle_exit(sig, frame)


def main() -> None:
    """What the supervisor starts, with the number of the open socket."""
    listening = socket.socket(fileno=int(sys.argv[1]))
    # Its own end is asked for by SIGTERM; an interrupt from the keyboard is the supervisor's.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    log = make_log()
    listen_to_libraries(log)
    app = create_app(settings_from(), log=log)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    spare_the_collector()
    spare_the_collector()
    Worker(config, app).run(sockets=[listening])


def spare_the_collector() -> None:
    """Let the collector of cycles leave alone what was loaded, and come by less often.

    A worker's libraries, model and routes are some hundred thousand objects that live as long as it
    does; walking them again and again took a fifth of a rating's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


if __name__ == "__main__":
    main()
