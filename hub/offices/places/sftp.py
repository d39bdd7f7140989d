"""A folder on an SFTP server that is known by its host key.

1. The host key must stand in `known_hosts`; what is not there, or differs, is refused before we log in.
2. Login is by `key` or by `password_file`, whichever is named: no agent, no keys found by chance.
3. Connecting, logging in and every answer have `timeout` seconds; a keepalive finds a server that is gone.
4. Links are seen as links. A new file takes a name by `posix-rename@openssh.com`; a server without it is asked
   to remove the old file first, and the log says so.
"""

from __future__ import annotations

import logging
import re
import socket
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, BinaryIO, Final, NoReturn
from urllib.parse import unquote, urlsplit

import paramiko
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from fsspec.implementations.sftp import SFTPFileSystem
from paramiko.pkey import UnknownKeyType

from hub.errors import Code, Problem
from hub.offices.places.entry import Entry, kind_of
from hub.offices.places.refusal import refusals
from hub.offices.places.secret import read_private, read_secret
from hub.offices.settings import Access
from keys.files import read_passphrase

logger = structlog.get_logger(__name__)
# What goes wrong there ends in a Problem; the library's own lines are tracebacks, and words of the server.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)

_PORT: Final = 22
_BUFFER_BYTES: Final = 32 * 1024
_LEADS_AWAY: Final = re.compile(r"[/\0]|\A\Z")
_NANOSECONDS: Final = 10**9


class Sftp(SFTPFileSystem):  # type: ignore[misc]
    """fsspec's SFTP filesystem over a connection that was checked before (`Files`)."""

    protocol = "hub-sftp"
    cachable = False

    def __init__(self, client: paramiko.SSHClient, session: paramiko.SFTPClient, who: str) -> None:
        # Not the parent's: that one connects, and takes any host key unless told otherwise.
        super(SFTPFileSystem, self).__init__()
        self.client = client
        self.ftp = session
        self._who = who

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path

    def resolved(self, path: str) -> str:
        """The path of a URL: `/~/in` is `in` in the user's home."""
        if path == "/~" or path.startswith("/~/"):
            home = self.ftp.normalize(".")
            return home.rstrip("/") + path[2:]
        return path

    def is_folder(self, path: str) -> bool:
        return stat.S_ISDIR(self.ftp.stat(path).st_mode or 0)

    def entries(self, folder: str) -> Iterator[Entry]:
        try:
            for each in self.ftp.listdir_iter(folder):
                found = _entry(each.filename, f"{folder.rstrip('/')}/{each.filename}", each)
                # A name that would lead elsewhere counts among the others, but is nothing that could be taken.
                yield replace(found, kind="other") if _LEADS_AWAY.search(found.name) else found
        except UnicodeDecodeError as error:
            raise Problem(
                Code.INVALID,
                f"{self._who}: files' names are not UTF-8; let the server send them so (SFTP has no other)",
            ) from error

    def facts(self, path: str) -> Entry:
        return _entry(path, path, self.ftp.lstat(path))

    def facts_of(self, file: BinaryIO) -> Entry:
        return _entry("", "", file.stat())  # type: ignore[attr-defined]

    def settle(self, file: BinaryIO) -> None:
        file.flush()

    def replace(self, old: str, new: str) -> None:
        try:
            self.ftp.posix_rename(old, new)
        except PermissionError:
            raise
        except OSError:
            self.ftp.lstat(old)  # a server that is gone, or a file that is, ends here
            logger.warning("sftp.replaced-in-two-steps", place=self._who)
            with suppress(FileNotFoundError):
                self.ftp.remove(new)
            self.ftp.rename(old, new)

    def remove(self, path: str) -> None:
        self.ftp.remove(path)

    def close(self) -> None:
        self.ftp.close()
        self.client.close()

    def _open(self, path: str, mode: str = "rb", **_: Any) -> BinaryIO:
        # What a server refused must not stay in a buffer: the file would try again when it is closed.
        file: Any = (
            self.ftp.open(path, "wx", bufsize=0) if mode == "xb" else self.ftp.open(path, mode, _BUFFER_BYTES)
        )
        return file  # type: ignore[no-any-return]


def _entry(name: str, path: str, status: paramiko.SFTPAttributes) -> Entry:
    # A server need not tell modes; what has a size is then taken for a file.
    mode = status.st_mode if status.st_mode is not None else stat.S_IFREG
    size, changed = status.st_size, status.st_mtime
    kind = kind_of(mode) if size is not None or stat.S_ISDIR(mode) else "other"
    return Entry(name, path, kind, size or 0, (changed or 0) * _NANOSECONDS)


class _RefuseUnknown(paramiko.RejectPolicy):
    """Refuses as its parent does, by our error."""

    def __init__(self, who: str) -> None:
        self._who = who

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> NoReturn:
        raise Problem(
            Code.NOT_ALLOWED,
            f"{self._who}: the server's host key is not in known_hosts; ask the city for its fingerprint, compare "
            f"it with what ssh-keyscan says, and add the line ({key.get_name()} {key.fingerprint})",
        )


def connect(access: Access, who: str, environment: Mapping[str, str]) -> Sftp:
    """Connect and log in.

    Raises: Problem `not-allowed` (host key or login refused), `busy`, `not-found` (a key's file), `invalid`.
    """
    user, host, port = _address(access, who)
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(_RefuseUnknown(who))
    _load_known_hosts(client, access, who)
    key, password = _credentials(access, who, environment)
    seconds = float(access.timeout_seconds)
    try:
        with refusals(who):
            client.connect(
                host, port, user, password, key,
                timeout=seconds, banner_timeout=seconds, auth_timeout=seconds, channel_timeout=seconds,
                allow_agent=False, look_for_keys=False,
            )  # fmt: skip
            session = _session(client, seconds)
    except Problem as problem:
        client.close()
        raise _login_refused(problem, who) from problem
    return Sftp(client, session, who)


def _session(client: paramiko.SSHClient, seconds: float) -> paramiko.SFTPClient:
    transport = client.get_transport()
    if transport is None:
        raise paramiko.SSHException("no transport")
    transport.set_keepalive(max(1, int(seconds / 2)))
    # Every part that is written waits for its answer: with Nagle's algorithm, for a delayed one.
    if isinstance(transport.sock, socket.socket):
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    session = client.open_sftp()
    channel = session.get_channel()
    if channel is not None:
        channel.settimeout(seconds)
    return session


def _login_refused(problem: Problem, who: str) -> Problem:
    match problem.__cause__:
        case paramiko.BadHostKeyException():
            return Problem(
                Code.NOT_ALLOWED,
                f"{who}: the server shows another host key than the one in known_hosts; ask the city whether it was "
                "changed, and do not connect before you know",
            )
        case paramiko.AuthenticationException():
            return Problem(
                Code.NOT_ALLOWED,
                f"{who}: the server refuses this user with this key or password; ask the city to let it in",
            )
    return problem


def _address(access: Access, who: str) -> tuple[str, str, int]:
    parts = urlsplit(access.url)
    try:
        port = parts.port or _PORT
    except ValueError as error:
        raise Problem(Code.INVALID, f"{who}: the port in url is no port") from error
    if not parts.hostname or not parts.username:
        raise Problem(Code.INVALID, f"{who}: url must be sftp://user@host/path")
    return unquote(parts.username), parts.hostname, port


def _load_known_hosts(client: paramiko.SSHClient, access: Access, who: str) -> None:
    path = access.known_hosts
    if path is None:
        raise Problem(Code.INVALID, f"{who}: SFTP needs known_hosts, a file with the server's host key")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        client.load_host_keys(str(path))
    except FileNotFoundError as error:
        raise Problem(Code.NOT_FOUND, f"{who}: there is no {path}") from error
    except Exception as error:
        raise Problem(Code.INVALID, f"{who}: {path} cannot be read as known_hosts") from error
    if any(line.lstrip().startswith("@") for line in lines):
        # The library knows neither: a key that is revoked there would go on being taken.
        raise Problem(
            Code.INVALID, f"{who}: {path} has @revoked or @cert-authority; list plain host keys only"
        )


def _credentials(
    access: Access, who: str, environment: Mapping[str, str]
) -> tuple[paramiko.PKey | None, str | None]:
    if (access.key is None) == (access.password_file is None):
        raise Problem(Code.INVALID, f"{who}: SFTP needs either key or password_file, one of the two")
    if access.password_file is not None:
        return None, read_secret(who, access.password_file)
    assert access.key is not None
    read_private(who, access.key)
    try:
        return paramiko.PKey.from_path(access.key), None
    except (paramiko.PasswordRequiredException, TypeError):
        passphrase = _passphrase(access, who, environment)
    except (ValueError, UnsupportedAlgorithm, paramiko.SSHException, UnknownKeyType) as error:
        raise _no_key(access, who) from error
    try:
        return paramiko.PKey.from_path(access.key, passphrase), None  # type: ignore[arg-type]
    except Exception as error:
        raise Problem(Code.NOT_ALLOWED, f"{who}: the passphrase does not open {access.key}") from error


def _passphrase(access: Access, who: str, environment: Mapping[str, str]) -> bytes:
    try:
        passphrase = read_passphrase(access.passphrase_file, environment)
    except Problem as problem:
        code = Code.INVALID if problem.code in (Code.MALFORMED, Code.TOO_LARGE) else problem.code
        raise Problem(code, f"{who}: {problem.detail}") from problem
    if passphrase is None:
        raise Problem(Code.NOT_ALLOWED, f"{who}: {access.key} is encrypted; name its passphrase_file")
    return passphrase


def _no_key(access: Access, who: str) -> Problem:
    return Problem(Code.INVALID, f"{who}: {access.key} is no private key that OpenSSH writes")
