"""The keeper: PostgreSQL's parent, which outlives every user of it by a moment and no longer.

It restarts the server when it dies, and stops it when the last user has gone, however that user
went: a lock of a dead process is free. The server dies with the keeper. Standard library only.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from serving.database.processes import dies_with_parent, end_all
from serving.database.site import SOCKET_NAME, Site, read_site, users_lock

#: How often the keeper asks whether anybody is still there [s].
POLL_SECONDS = 0.2
#: Pauses before a server that died is started again; after the last one the keeper gives up [s].
RESTART_PAUSES = (0.05, 0.2, 0.5, 1.0)
#: A server that has run this long counts as sound again [s].
SOUND_SECONDS = 30.0
#: How long each way of stopping is given: let work end, drop it, kill [s].
STOP_SECONDS = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 6.0), (signal.SIGKILL, 5.0))

_ENDING = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_HEARD = {signal.SIGCHLD, *_ENDING}


def main(home: Path) -> int:
    """Keep the server of this home until nobody uses it."""
    site = read_site(home)
    if site is None:
        say(f"nothing is described in {home}")
        return 1
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    users = os.open(users_lock(home), os.O_RDWR)
    code = keep(site, users)
    if site.place not in site.socket.parents:
        shutil.rmtree(site.socket, ignore_errors=True)
    return code


def keep(site: Site, users: int) -> int:
    """Run the server until its users have left (0) or it will not run (1)."""
    pauses = iter(RESTART_PAUSES)
    while True:
        clear(site)
        started = time.monotonic()
        server = start(site)
        if watch(server, users):
            stop(server)
            clear(site)
            return 0
        say(f"the server ended by itself ({server.returncode})")
        if time.monotonic() - started > SOUND_SECONDS:
            pauses = iter(RESTART_PAUSES)
        if not pause(pauses, users):
            clear(site)
            return 1


def start(site: Site) -> subprocess.Popen[bytes]:
    """Start PostgreSQL as a child that cannot outlive this process."""
    command = [site.install / "bin" / "postgres", "-D", site.data]
    command += ["-c", f"config_file={site.settings}", "-c", f"hba_file={site.access}"]
    is_root = os.geteuid() == 0
    with site.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own server with paths of ours
            [*command, "-k", site.socket],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=site.place,
            env={"LC_ALL": "C"},
            umask=0o077,
            preexec_fn=dies_with_parent(),  # noqa: PLW1509 - one thread, and the wish must follow setuid
            user=site.uid if is_root else None,
            group=site.gid if is_root else None,
            extra_groups=[] if is_root else None,
        )


def watch(server: subprocess.Popen[bytes], users: int) -> bool:
    """Wait until the users have left or we are told to stop (True), or the server died (False)."""
    while server.poll() is None:
        if is_alone(users):
            return True
        heard = signal.sigtimedwait(_HEARD, POLL_SECONDS)
        if heard is not None and heard.si_signo in _ENDING:
            return True
    return False


def stop(server: subprocess.Popen[bytes]) -> None:
    """Stop the server, kindly first."""
    for number, seconds in STOP_SECONDS:
        server.send_signal(number)
        deadline = time.monotonic() + seconds
        while server.poll() is None and (left := deadline - time.monotonic()) > 0:
            signal.sigtimedwait({signal.SIGCHLD}, min(left, POLL_SECONDS))
        if server.poll() is not None:
            return


def clear(site: Site) -> None:
    """End what a dead server left: processes, and the files that name them."""
    if ended := end_all(site.data):
        say(f"ended {ended} processes left by a dead server")
    if sys.platform == "linux":
        # Nobody works in the folder now. The number in the files may belong to somebody else by this
        # time, or to a body that nobody has buried; PostgreSQL would take either for a living server.
        for stale in (site.data / "postmaster.pid", site.socket / f"{SOCKET_NAME}.lock"):
            stale.unlink(missing_ok=True)


def pause(pauses: Iterator[float], users: int) -> bool:
    """Wait before the next start; False when there have been too many, or nobody waits for it."""
    seconds = next(pauses, None)
    if seconds is None:
        say("the server will not run; giving up")
        return False
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        heard = signal.sigtimedwait(_HEARD, left)
        if heard is not None and heard.si_signo in _ENDING:
            return False
    return not is_alone(users)


def is_alone(users: int) -> bool:
    """Whether the last user has gone; from then on a new one waits until we have ended."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def say(words: str) -> None:
    """One line in the keeper's log."""
    sys.stderr.write(f"{datetime.now().astimezone().isoformat(timespec='milliseconds')} {words}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    # The process that started us must not have to wait for our end.
    if os.fork():
        os._exit(0)
    os.chdir("/")
    sys.exit(main(Path(sys.argv[1])))
