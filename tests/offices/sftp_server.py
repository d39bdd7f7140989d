"""An SFTP server on loopback, in a thread of its own, that can be told to break off, hang, fill up or know less."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import asyncssh

USER = "office"
PASSWORD = "lab-password"


class SftpServer:
    """Serves `folder` as `/`. What it does wrong is switched on while it runs."""

    def __init__(self, folder: Path, keys: Path) -> None:
        self.folder = folder
        self.keys = keys
        self.breaks_off_after: int | None = None
        """Bytes of a file after which the connection is cut."""
        self.hangs = False
        self.room: int | None = None
        """The largest offset that may be written to."""
        self.knows_posix_rename = True
        self.before_read: Any = None
        """Called once, before the first byte of a file goes out."""
        self.listed: list[str] = []
        """Names that every folder is said to hold besides, each an empty file of long ago."""
        self.logins: list[str] = []
        self._host_key = asyncssh.generate_private_key("ssh-ed25519")
        self._user_key = asyncssh.generate_private_key("ssh-ed25519")
        self.over = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._listener: Any = None
        self._connections: set[Any] = set()
        self.port = 0

    def __enter__(self) -> SftpServer:
        self._thread.start()
        self._run(self._listen())
        self.known_hosts = self.write_known_hosts("known_hosts", self._host_key)
        self.key = self.write_key("user.pem", self._user_key)
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        return f"sftp://{USER}@127.0.0.1:{self.port}/"

    def write_known_hosts(self, name: str, key: asyncssh.SSHKey | None = None) -> Path:
        """A file with a host key for this server; another one unless told."""
        key = key or asyncssh.generate_private_key("ssh-ed25519")
        path = self.keys / name
        path.write_text(f"[127.0.0.1]:{self.port} {key.export_public_key().decode().strip()}\n")
        return path

    def write_key(self, name: str, key: asyncssh.SSHKey | None = None, passphrase: str | None = None) -> Path:
        """A file with a private key; one that the server does not know unless told."""
        key = key or asyncssh.generate_private_key("ssh-ed25519")
        path = self.keys / name
        path.write_bytes(key.export_private_key(passphrase=passphrase, rounds=4, ignore_few_rounds=True))
        path.chmod(0o600)
        return path

    def write_own_key(self, name: str, passphrase: str) -> Path:
        """The user's own key, encrypted."""
        return self.write_key(name, self._user_key, passphrase)

    def _run(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _listen(self) -> None:
        self._listener = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: _Login(self),
            server_host_keys=[self._host_key],
            sftp_factory=lambda channel: _Files(channel, self),
        )
        self.port = self._listener.get_port()

    async def _stop(self) -> None:
        self.over.set()
        self._listener.close()
        await self._cut()
        await self._listener.wait_closed()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    def break_off(self) -> None:
        """Cut every connection there is."""
        self._run(self._cut())

    async def _cut(self) -> None:
        for connection in list(self._connections):
            connection.abort()
            await connection.wait_closed()

    def is_user_key(self, key: asyncssh.SSHKey) -> bool:
        return bool(key.public_data == self._user_key.public_data)

    def arrived(self, connection: Any) -> None:
        self._connections.add(connection)

    def left(self, connection: Any) -> None:
        self._connections.discard(connection)


class _Login(asyncssh.SSHServer):
    def __init__(self, server: SftpServer) -> None:
        self._server = server
        self._connection: Any = None

    def connection_made(self, conn: Any) -> None:
        self._connection = conn
        self._server.arrived(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.left(self._connection)

    def begin_auth(self, username: str) -> bool:
        self._server.logins.append(username)
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and self._server.is_user_key(key)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)


class _Files(asyncssh.SFTPServer):
    def __init__(self, channel: Any, server: SftpServer) -> None:
        super().__init__(channel, chroot=str(server.folder).encode())
        self._server = server

    async def scandir(self, path: bytes) -> Any:
        for name in self._server.listed:
            told = asyncssh.SFTPAttrs(size=0, permissions=0o100644, atime=0, mtime=0)
            yield asyncssh.SFTPName(name.encode(), attrs=told)
        async for each in super().scandir(path):
            yield each

    async def read(self, file_obj: Any, offset: int, size: int) -> Any:
        server = self._server
        if server.before_read is not None:
            server.before_read, act = None, server.before_read
            act()
        if server.hangs:
            await server.over.wait()
        if server.breaks_off_after is not None and offset + size > server.breaks_off_after:
            self.connection.abort()
        return super().read(file_obj, offset, size)

    def write(self, file_obj: Any, offset: int, data: bytes) -> Any:
        if self._server.room is not None and offset + len(data) > self._server.room:
            raise asyncssh.SFTPFailure("no space left on device")
        return super().write(file_obj, offset, data)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        if not self._server.knows_posix_rename:
            raise asyncssh.SFTPOpUnsupported("not here")
        return super().posix_rename(oldpath, newpath)
