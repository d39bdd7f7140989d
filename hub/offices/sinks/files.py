"""Files in a folder, here or on an SFTP server. Whoever looks sees the old file or the new one, never a half.

1. The file is written under a hidden name that ends with `.part`, in the same folder, and must not be there yet.
2. It is settled (on the disk, if the folder is here), and its size compared with what was written.
3. It takes its name in one step.
4. If anything fails, what was written is taken away again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Final

import structlog

from hub.errors import Code, Problem
from hub.offices.places import Place
from hub.offices.places.closing import Closing
from hub.offices.places.refusal import refusals
from hub.offices.sinks.sink import check_name

logger = structlog.get_logger(__name__)

_COPY_BYTES: Final = 256 * 1024


class FileSink(Closing):
    """The folder of one sink (`Sink`)."""

    def __init__(self, name: str, place: Place, token: Callable[[], str]) -> None:
        """Takes `place` over, and closes it."""
        self.name = name
        self._who = f"sink {name}"
        self._place = place
        self._files = place.files
        self._token = token

    def put(self, name: str, content: BinaryIO) -> None:
        check_name(self._who, name)
        draft = self._place.path(f".{name}.{self._token()}.part")
        with refusals(self._who):
            file = self._files.open(draft, "xb")
            try:
                size = self._write(file, content)
                if self._files.facts(draft).size != size:
                    raise Problem(
                        Code.BUSY, f"{self._who}: not all was taken; make room, the next run tries again"
                    )
                self._files.replace(draft, self._place.path(name))
            except BaseException:
                self._take_away(draft)
                raise

    def close(self) -> None:
        self._files.close()

    def _write(self, file: BinaryIO, content: BinaryIO) -> int:
        content.seek(0)
        size = 0
        try:
            while part := content.read(_COPY_BYTES):
                file.write(part)
                size += len(part)
            self._files.settle(file)
        finally:
            file.close()
        return size

    def _take_away(self, draft: str) -> None:
        try:
            self._files.remove(draft)
        except FileNotFoundError:
            return
        except Exception as error:
            logger.warning("sink.draft-left-behind", sink=self.name, error=type(error).__name__)
