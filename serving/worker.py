"""One worker: uvicorn on the socket that all workers share."""

import asyncio
import gc
import signal
import socket
import sys
from types import FrameType
from typing import TYPE_CHECKING, cast

import uvicorn
from fastapi import FastAPI

from serving.accepting import Accepting, Holdings
from serving.app import create_app
from serving.observe.log import listen_to_libraries, make_log
from serving.parent import end_with_parent
from serving.settings import settings_from

if TYPE_CHECKING:
    from collections.abc import Callable

#: Requests in work are given this long when the service stops [s].
STOP_SECONDS = 10
KEEP_ALIVE_SECONDS = 15


class Worker(uvicorn.Server):
    """A server that says it is not ready as soon as it is told to stop."""

    def __init__(
        self, config: uvicorn.Config, app: FastAPI, listening: socket.socket, holdings: Holdings
    ) -> None:
        super().__init__(config)
        self._app = app
        self._accepting = Accepting(listening, holdings, self._protocol, self._held)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Make everything ready, then take connections, an equal part of them."""
        del sockets
        await super().startup(sockets=[])
        self._accepting.start()

    async def on_tick(self, counter: int) -> bool:
        """Say ten times a second how many connections are left."""
        self._accepting.tell()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, finish what is in work."""
        self._accepting.close()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop taking requests, finish those in work."""
        self._app.state.is_stopping = True
        super().handle_exit(sig, frame)

    def _held(self) -> int:
        return len(self.server_state.connections)

    def _protocol(self) -> asyncio.Protocol:
        make = cast("Callable[..., asyncio.Protocol]", self.config.http_protocol_class)
        return make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


def main() -> None:
    """What the supervisor starts, with the open socket, the file of holdings and the place in it."""
    listening, file, place = (int(word) for word in sys.argv[1:4])
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
    shared = socket.socket(fileno=listening)
    Worker(config, app, shared, Holdings(file, place)).run(sockets=[shared])


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
