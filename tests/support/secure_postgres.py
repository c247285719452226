"""A real PostgreSQL that demands TLS and a password; it needs a build with OpenSSL, as distributions ship it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.support.certificates import Authority
from tests.support.missing import without

HOST, USER, PASSWORD = "127.0.0.1", "kaoji", "correct-horse-battery-staple"
START_SECONDS_MAX = 30.0


@dataclass(frozen=True)
class SecurePostgres:
    """Where it listens, and whose certificates it shows."""

    port: int
    authority: Authority

    def url(self, *, password: str = PASSWORD, host: str = HOST, **parameters: str) -> str:
        """A store URL with libpq's parameters."""
        query = "&".join(f"{name}={text}" for name, text in parameters.items())
        return f"postgresql+psycopg://{USER}:{password}@{host}:{self.port}/postgres?{query}"


@contextmanager
def secure_postgres() -> Iterator[SecurePostgres]:
    """Starts one. Ends the test where none can be started."""
    programs = _programs()
    if programs is None:
        without("PostgreSQL with TLS", "Install PostgreSQL (its server) from your distribution.")
    folder = Path(tempfile.mkdtemp(prefix="kaoji-postgres-tls-"))
    try:
        authority = Authority(folder / "certificates")
        given = authority.give("server", host=HOST)
        (folder / "password").write_text(PASSWORD)
        with socket.create_server((HOST, 0)) as free:
            port = int(free.getsockname()[1])
        who = _not_root(folder)
        _run([programs / "initdb", "-D", folder / "data", "-U", USER, "--pwfile", folder / "password", "-A",
              "scram-sha-256", "-N"], who)  # fmt: skip
        (folder / "data" / "pg_hba.conf").write_text("hostssl all all all scram-sha-256\n")
        options = {
            "listen_addresses": HOST, "port": port, "unix_socket_directories": "", "fsync": "off", "ssl": "on",
            "ssl_cert_file": given.chain, "ssl_key_file": given.key,
        }  # fmt: skip
        command = [programs / "postgres", "-D", folder / "data"]
        server = subprocess.Popen(
            [*map(str, command), *(f"--{name}={text}" for name, text in options.items())],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            **who,
        )
        try:
            found = SecurePostgres(port, authority)
            _wait(server, found)
            yield found
        finally:
            server.terminate()
            server.communicate(timeout=20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    """The folder of PostgreSQL's programs, which distributions keep off the path."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def _not_root(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: whom to run it as, who then owns the folder."""
    if os.geteuid() != 0:
        return {}
    who = pwd.getpwnam("nobody")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, who.pw_uid, who.pw_gid)
    return {"user": who.pw_uid, "group": who.pw_gid, "cwd": folder}


def _run(command: list[object], who: dict[str, Any]) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **who)
    assert done.returncode == 0, done.stderr


def _wait(server: subprocess.Popen[str], found: SecurePostgres) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while server.poll() is None:
        try:
            psycopg.connect(found.url(sslmode="require").replace("+psycopg", ""), connect_timeout=5).close()
            return
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.1)
    _, said = server.communicate()
    without("PostgreSQL with TLS", f"The one that is installed does not start: {said.strip()[-300:]}")
