"""A fleet on this machine to play with: a Redis and three hosts.

    python -m tests.fleet [PORT]

PORT: of the first host; the others have the next ones. `make fleet` runs this. The hosts write
their log here, each line with its host. To try a fault, kill or stop a process by the id printed.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO

from tests.fleet.redis_server import RedisServer

NAMES = ("a", "b", "c")
FIRST_PORT = 8081


def config(folder: Path, name: str, port: int, redis: RedisServer) -> Path:
    file = folder / f"{name}.yaml"
    secret = folder / "secret"
    secret.write_text("only on this machine\n")
    file.write_text(
        f"listen: {{host: 127.0.0.1, port: {port}}}\n"
        f"fleet: {{url: '{redis.url}', name: {name}, secret_file: {secret},"
        f" advertise: 'http://127.0.0.1:{port}'}}\n"
    )
    return file


def copy(name: str, log: IO[str]) -> None:
    for line in log:
        print(f"{name}  {line}", end="", flush=True)


def play(folder: Path, first_port: int) -> int:
    """Run until Ctrl-C, or until all hosts have ended; returns the exit code."""
    redis = RedisServer(folder).start()
    print(f"Redis: {redis.url} (process {redis.pid})", flush=True)
    hosts: list[subprocess.Popen[str]] = []
    logs: list[threading.Thread] = []
    try:
        for number, name in enumerate(NAMES):
            file = config(folder, name, first_port + number, redis)
            command = [sys.executable, "-m", "signaling_server", "--config", str(file)]
            host = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            hosts.append(host)
            url = f"http://127.0.0.1:{first_port + number}"
            print(f"host {name}: {url} (process {host.pid})", flush=True)
            assert host.stdout
            logs.append(threading.Thread(target=copy, args=(name, host.stdout)))
            logs[-1].start()
        print("Ctrl-C ends all of them.", flush=True)
        codes = [host.wait() for host in hosts]
        return 0 if codes == [0] * len(hosts) else 1
    except KeyboardInterrupt:
        return 0
    finally:
        for host in hosts:
            if host.poll() is None:
                host.send_signal(signal.SIGCONT)
                host.terminate()
        for host in hosts:
            host.wait()
        for log in logs:
            log.join()
        redis.thaw_if_there()
        redis.kill()


def end(number: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end)
    with tempfile.TemporaryDirectory(prefix="hawkeye-fleet-") as made:
        sys.exit(play(Path(made), int(sys.argv[1]) if sys.argv[1:] else FIRST_PORT))
