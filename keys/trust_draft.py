"""A change of the trust repository before it is in force: a folder that officers edit, read and sign in turn.

The folder holds the three documents (`keys.trust_documents`), `draft.json`, which says what it was begun from and
when, and the roles that are to be signed: `targets.json` where trust list or agreements change, `root.json` where
signers do.

1. `propose` makes the roles of the documents, whole or not at all. Versions are raised by themselves. A role that
   says what it said before keeps its signatures; one that says something else loses them, and that is told.
2. `read_draft` believes no draft whose roles say anything that its documents do not: what people read is what they
   sign. A private key in the folder is refused: drafts are mailed.
3. A draft follows what it was begun from, and nothing else: neither something older nor something newer. When it was
   begun is signed by nobody: nothing hangs on it but how strongly a reader is warned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from tuf.api.metadata import Metadata, Root, Targets  # type: ignore[attr-defined]

from hub.errors import Code, Problem
from keys.publication import ROOT_DRAFT, TARGETS_DRAFT, Expiries, check_expiry, expiry, standings
from keys.role_files import (
    Standing,
    encode_role,
    encode_target,
    listed_contents,
    read_bounded,
    read_root,
    read_targets,
    standing_of,
    targets_of,
    write_file,
)
from keys.signer_list import root_of, signers_of
from keys.trust_documents import Documents, InForce, read_documents
from keys.trust_list import AGREEMENTS_FILE, TRUST_LIST_FILE
from schemas import strict_json

DRAFT_FILE: Final = "draft.json"
DRAFT_BYTES: Final = 4096
_MOST_FILES: Final = 1000
_HEAD_BYTES: Final = 4096
_Role = TypeVar("_Role", Root, Targets)


@dataclass(frozen=True, slots=True)
class Begun:
    """The versions of root and targets that a draft was begun from; 0 where there was none."""

    root: int
    targets: int

    @classmethod
    def of(cls, base: InForce | None) -> Begun:
        return cls(0, 0) if base is None else cls(base.root.signed.version, base.targets.signed.version)


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft that agrees with itself. `root` and `targets` are there where they are to be signed."""

    folder: Path
    begun: Begun
    documents: Documents
    root: Metadata[Root] | None
    targets: Metadata[Targets] | None
    begun_at: datetime | None = None
    """As the draft says itself; None for one that does not."""

    def standings(self, base: InForce | None) -> tuple[Standing, ...]:
        """How far its signatures have come: a new root by the old root's count and by its own."""
        return standings(None if base is None else base.root.signed, self.root, self.targets)

    def roles(self) -> dict[str, Metadata[Root] | Metadata[Targets]]:
        """What is to be signed, by the name of the role."""
        drafted = {Root.type: self.root, Targets.type: self.targets}
        return {name: role for name, role in drafted.items() if role is not None}

    def save(self) -> None:
        """Write the roles with the signatures that they have now."""
        for file, role in ((ROOT_DRAFT, self.root), (TARGETS_DRAFT, self.targets)):
            if role is not None:
                write_file(self.folder / file, encode_role(role))


@dataclass(frozen=True, slots=True)
class Proposal:
    """A draft as it was just made, and whose signatures it lost: (role, TUF key id)."""

    draft: Draft
    dropped: tuple[tuple[str, str], ...]


def propose(
    base: InForce | None,
    folder: Path,
    edit: Callable[[Documents], None],
    *,
    now: datetime,
    expiries: Expiries | None = None,
    renew: frozenset[str] = frozenset(),
) -> Proposal:
    """Begin a draft in `folder`, or take up what was edited there, with `edit` applied to its documents.

    `renew` names roles to be signed anew though nothing else changes, or with another expiry. Raises `Problem`:
    CONFLICT for a draft begun from something else and for a folder that holds no draft; INVALID, MALFORMED for
    documents that a node would refuse, before anything is written.
    """
    begun = Begun.of(base)
    documents, old_root, old_targets, begun_at = _opened(base, folder, begun, now)
    edit(documents)
    _raise_versions(documents, None if base is None else base.documents)
    documents.check()
    ends = expiries or Expiries()
    root = _drafted(
        root_of(documents.signers, begun.root + 1, expiry(now, ends.root)),
        old_root,
        base is None or documents.signers != base.documents.signers,
        Root.type in renew,
    )
    judge = root.signed if root is not None else None if base is None else base.root.signed
    held = None if base is None or judge is None else standing_of(judge, Targets.type, base.targets)
    targets = _drafted(
        targets_of(documents.contents(), begun.targets + 1, expiry(now, ends.targets)),
        old_targets,
        base is None or documents.contents() != base.documents.contents() or held is None or not held.met,
        Targets.type in renew,
    )
    draft = Draft(folder, begun, documents, root, targets, begun_at)
    for file, content in documents.files().items():
        write_file(folder / file, content)
    beginning = {
        "begun_at": begun_at.isoformat(timespec="seconds"),
        "begun_from": {"root": begun.root, "targets": begun.targets},
    }
    write_file(folder / DRAFT_FILE, encode_target(beginning))
    for name, role in ((ROOT_DRAFT, root), (TARGETS_DRAFT, targets)):
        if role is None:
            (folder / name).unlink(missing_ok=True)
    draft.save()
    replaced = ((Root.type, old_root, root), (Targets.type, old_targets, targets))
    dropped = [
        (name, key_id)
        for name, old, new in replaced
        if old is not None and new is not old
        for key_id in old.signatures
    ]
    return Proposal(draft, tuple(dropped))


def read_draft(folder: Path) -> Draft:
    """A draft, from wherever it came. Raises `Problem` only: NOT_FOUND, TOO_LARGE, MALFORMED; INVALID and
    BAD_SIGNATURE also for roles that say something else than the documents; NOT_ALLOWED for a private key.
    """
    _check_no_private_key(folder)
    begun, begun_at = _begun(folder)
    documents = read_documents(folder)
    documents.check()
    root = read_root(folder / ROOT_DRAFT) if (folder / ROOT_DRAFT).exists() else None
    targets = read_targets(folder / TARGETS_DRAFT) if (folder / TARGETS_DRAFT).exists() else None
    if root is not None:
        signed = root.signed
        _check_number(Root.type, signed.version, begun.root)
        told = root_of(documents.signers, signed.version, signed.expires, signed.spec_version)
        if signers_of(signed) != documents.signers or _said(told) != _said(signed):
            raise _other(Root.type)
    if targets is not None:
        listed = targets.signed
        _check_number(Targets.type, listed.version, begun.targets)
        contents = listed_contents(listed, folder)
        if targets_of(contents, listed.version, listed.expires, listed.spec_version) != listed:
            raise _other(Targets.type)
    return Draft(folder, begun, documents, root, targets, begun_at)


def check_follows(draft: Draft, base: InForce | None, now: datetime) -> None:
    """See that a draft follows what is in force, that all that differs is to be signed, and that it has not expired.

    Raises `Problem`: CONFLICT, STALE, INVALID.
    """
    found = Begun.of(base)
    for role, begun, held in (
        (Root.type, draft.begun.root, found.root),
        (Targets.type, draft.begun.targets, found.targets),
    ):
        if begun != held:
            said = f"the draft was begun from {role} version {begun}; version {held} is in force"
            raise Problem(Code.CONFLICT, said)
    if base is None:
        if draft.root is None or draft.targets is None:
            raise Problem(Code.INVALID, "a new repository begins with root and targets; the draft lacks one")
    else:
        if draft.root is None and draft.documents.signers != base.documents.signers:
            raise _other(Root.type)
        if draft.targets is None and draft.documents.contents() != base.documents.contents():
            raise _other(Targets.type)
        _check_versions(draft.documents, base.documents)
    for signed in (draft.root, draft.targets):
        if signed is not None:
            check_expiry(signed.signed, now)


def _opened(
    base: InForce | None, folder: Path, begun: Begun, now: datetime
) -> tuple[Documents, Metadata[Root] | None, Metadata[Targets] | None, datetime]:
    """The documents to begin from, the roles that a draft in the folder has already, and when it was begun."""
    if not (folder / DRAFT_FILE).exists():
        if folder.exists() and any(folder.iterdir()):
            raise Problem(Code.CONFLICT, f"{folder} holds something that is no draft")
        return (Documents.new() if base is None else base.documents.copy()), None, None, now
    _check_no_private_key(folder)
    held, begun_at = _begun(folder)
    if held != begun:
        raise Problem(
            Code.CONFLICT,
            f"the draft was begun from root {held.root} and targets {held.targets}; in force are root {begun.root} "
            f"and targets {begun.targets}: begin a new one",
        )
    documents = read_documents(folder)
    documents.check()
    return (
        documents,
        _readable(folder / ROOT_DRAFT, read_root),
        _readable(folder / TARGETS_DRAFT, read_targets),
        begun_at or now,
    )


def _readable(path: Path, read: Callable[[Path], Metadata[_Role]]) -> Metadata[_Role] | None:
    """A role that was drafted before; what cannot be read is made anew."""
    try:
        return read(path)
    except Problem:
        return None


def _drafted(new: _Role, old: Metadata[_Role] | None, needed: bool, anew: bool) -> Metadata[_Role] | None:
    """The old role with its signatures where it says the same, else a new one where one is needed."""
    if old is not None and not anew and _said(old.signed, expires=False) == _said(new, expires=False):
        return old
    return Metadata(new) if needed or anew else None


def _said(signed: Root | Targets, *, expires: bool = True) -> dict[str, Any]:
    """All that a role says, the order of its key ids left out."""
    said: dict[str, Any] = signed.to_dict()
    if not expires:
        del said["expires"]
    for role in said.get("roles", {}).values():
        role["keyids"] = sorted(role["keyids"])
    return said


def _raise_versions(documents: Documents, base: Documents | None) -> None:
    """A document that differs from the one in force gets the next version; one that does not, keeps it."""
    for document, held in (
        (documents.trust_list, None if base is None else base.trust_list),
        (documents.agreements, None if base is None else base.agreements),
    ):
        if held is None:
            document["version"] = 1
            continue
        same = {**document, "version": None} == {**held, "version": None}
        document["version"] = held["version"] if same else held["version"] + 1


def _check_versions(documents: Documents, base: Documents) -> None:
    for name, drafted, held in (
        (TRUST_LIST_FILE, documents.trust_list, base.trust_list),
        (AGREEMENTS_FILE, documents.agreements, base.agreements),
    ):
        if drafted != held and drafted["version"] != held["version"] + 1:
            said = f"{name} has version {drafted['version']}; after version {held['version']} comes the next"
            raise Problem(Code.INVALID, said, where="/version")


def _check_number(role: str, drafted: int, begun: int) -> None:
    if drafted != begun + 1:
        said = f"the drafted {role} has version {drafted}, and the draft was begun from {begun}"
        raise Problem(Code.INVALID, said)


def _other(role: str) -> Problem:
    return Problem(
        Code.INVALID,
        f"the documents say something else than the {role} that is to be signed: they were changed since; "
        "propose again",
    )


def _begun(folder: Path) -> tuple[Begun, datetime | None]:
    document = strict_json.loads(read_bounded(folder / DRAFT_FILE, DRAFT_BYTES))
    told = document if isinstance(document, dict) and document.keys() <= {"begun_at", "begun_from"} else {}
    held = told.get("begun_from")
    if not isinstance(held, dict) or held.keys() != {"root", "targets"}:
        raise Problem(Code.MALFORMED, f"{DRAFT_FILE} does not say what the draft was begun from")
    for version in held.values():
        if type(version) is not int or not 0 <= version < 2**31:
            raise Problem(Code.MALFORMED, f"{DRAFT_FILE} names a version that is none")
    return Begun(held["root"], held["targets"]), _moment(told["begun_at"]) if "begun_at" in told else None


def _moment(written: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(written)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        pass
    raise Problem(Code.MALFORMED, f"{DRAFT_FILE} says of no time that it was begun then")


def _check_no_private_key(folder: Path) -> None:
    """Drafts travel; keys do not. Raises `Problem` NOT_ALLOWED."""
    for number, path in enumerate(folder.iterdir() if folder.exists() else ()):
        if number >= _MOST_FILES:
            raise Problem(Code.TOO_LARGE, "a draft is a folder of a few files")
        if not path.is_file():
            continue
        try:
            with path.open("rb") as file:
                head = file.read(_HEAD_BYTES)
        except OSError as failed:
            raise Problem(Code.NOT_FOUND, f"{path.name} cannot be read: {failed.strerror}") from failed
        if b"PRIVATE KEY-----" in head:
            raise Problem(
                Code.NOT_ALLOWED,
                f"{path.name} is a private key; a draft is sent around, so keep keys elsewhere",
            )
