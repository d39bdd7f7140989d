"""Zip files, opened so that what is in them can do nothing.

1. Nothing is ever unpacked to a file: a member is a bounded stream, whatever its name says. A name that would
   lead elsewhere (`..`, a drive, a root) is refused all the same.
2. At most `ARCHIVE_MEMBERS`, `UNPACKED_BYTES` together, and `RATIO` for a large one, by what the directory
   declares; `zipfile` reads no further than that and then holds the checksum against it.
3. Encrypted members and other compressions than deflate are refused.
"""

from __future__ import annotations

import zipfile
import zlib
from typing import BinaryIO, Final

from adapters.drafts import Place, Reason, Rejection, reject
from adapters.formats.form import shown_name
from adapters.limits import ARCHIVE_MEMBERS, RATIO, RATIO_FROM_BYTES, UNPACKED_BYTES

ZIP_MAGIC: Final = b"PK\x03\x04"
UNREADABLE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    ValueError,
    KeyError,
    EOFError,
    OSError,
)
"""What `zipfile` raises for damaged, encrypted or odd archives."""

_ENCRYPTED: Final = 0x1
_UTF_8_NAME: Final = 0x800


def open_zip(stream: BinaryIO) -> zipfile.ZipFile | Rejection:
    """The archive, within bounds as a whole, or why it is not read."""
    try:
        archive = zipfile.ZipFile(stream)
    except UNREADABLE:
        return reject(Place(), "zip", Reason.BAD_ARCHIVE)
    members = archive.infolist()
    if len(members) > ARCHIVE_MEMBERS or sum(member.file_size for member in members) > UNPACKED_BYTES:
        return reject(Place(), "zip", Reason.TOO_LARGE)
    return archive


def danger(member: zipfile.ZipInfo) -> Rejection | None:
    """Why a member is not read, if it is not."""
    place = Place(sheet=shown_name(member_name(member)))
    name = member_name(member).replace("\\", "/")
    if name.startswith("/") or ".." in name.split("/") or ":" in name.split("/")[0]:
        return reject(
            place,
            "zip",
            Reason.BAD_ARCHIVE,
            zh="文件名指向压缩包之外，请按可疑文件上报",
            en="its name leads out of the archive; report the file as suspicious",
        )
    if member.flag_bits & _ENCRYPTED:
        return reject(
            place, "zip", Reason.BAD_ARCHIVE, zh="请去掉密码后重新打包", en="pack it without a password"
        )
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return reject(
            place, "zip", Reason.BAD_ARCHIVE, zh="请用普通 zip 方式重新打包", en="pack it as a plain zip"
        )
    if member.file_size > RATIO_FROM_BYTES and member.file_size > RATIO * max(member.compress_size, 1):
        return reject(
            place, "zip", Reason.TOO_LARGE, zh="疑似压缩炸弹，请按可疑文件上报", en="looks like a zip bomb"
        )
    return None


def member_name(member: zipfile.ZipInfo) -> str:
    """The name; archives made on Chinese Windows write it in GBK and do not say so."""
    if member.flag_bits & _UTF_8_NAME or member.filename.isascii():
        return member.filename
    try:
        return member.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return member.filename
