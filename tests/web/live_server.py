"""The real server as a process of its own, on a free port of this machine."""

import re
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STARTING = 60.0  # s, on a machine that is busy with other tests
ENDING = 30.0  # s
# The library that looks for ways through the network leaves out this machine's own address.
SERVE = """
import sys
import aioice.ice
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
from liveface.app.cli import main
sys.argv = ["liveface", "serve", "--port", "0", *sys.argv[1:]]
main()
"""


@contextmanager
def serving(*options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server that answers, with options of `liveface serve`: its address and its process, ended in the end."""
    command = [sys.executable, "-c", SERVE, *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            readable, _, _ = select.select([process.stdout], [], [], STARTING)
            port = readable and re.search(r"serves at http://127.0.0.1:(\d+)/", process.stdout.readline())
            assert port, "the server did not start"
            yield f"http://localhost:{port[1]}/", process
        finally:
            process.terminate()
            try:
                process.wait(ENDING)
            except subprocess.TimeoutExpired:
                process.kill()
