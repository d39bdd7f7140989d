"""The cities, found by their files: `<name>_<code>.py` in this folder, each with a `DIALECT`.

Adding a city is adding its file, and a folder `samples/<code>` with a sample of each table; no other file
changes. A file with a mistake spoils its own city only. `read_city` takes a file from anywhere else.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Final

from adapters.dialect import Dialect, Table
from adapters.formats import Form
from adapters.table_plan import plans_of
from hub.errors import Code, Problem

_FOLDER: Final = Path(__file__).parent
_FILE: Final = re.compile(r"[a-z][a-z0-9]*_([1-9][0-9]{5})\Z")


class _AsWritten(SourceFileLoader):
    """Compiles a file as it stands: compiled code that Python keeps is told apart by size and second alone, and a
    city's file may be mended twice within one.
    """

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


class _Cities(Mapping[str, Dialect]):
    """Dialects by their city's code; each file is read when it is first asked for."""

    def __getitem__(self, city: str) -> Dialect:
        return _load(_modules()[city])

    def __iter__(self) -> Iterator[str]:
        return iter(_modules())

    def __len__(self) -> int:
        return len(_modules())


DIALECTS: Final[Mapping[str, Dialect]] = _Cities()


def dialect(city: str) -> Dialect:
    """The dialect of a city.

    Raises: Problem: `not-found`; `invalid` with the mistake in its file.
    """
    written_in(city)
    return DIALECTS[city]


def written_in(city: str) -> Path:
    """The file of a city's dialect. Raises: Problem: `not-found`."""
    if city not in _modules():
        raise Problem(Code.NOT_FOUND, f"there is no adapter for {city}; there are {', '.join(DIALECTS)}")
    return _FOLDER / f"{_modules()[city]}.py"


def read_city(path: Path) -> Dialect:
    """The dialect in a file that stands elsewhere. Raises: Problem: `invalid` with the mistake in it."""
    name = f"adapters.cities.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_AsWritten(name, str(path)))
    if spec is None or spec.loader is None:
        raise Problem(Code.INVALID, f"{path.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Problem:
        raise
    except Exception as error:
        raise Problem(Code.INVALID, f"{path.name}: {type(error).__name__}: {error}") from error
    return _checked(getattr(module, "DIALECT", None), path.name)


def samples(city: str, folder: Path = _FOLDER / "samples") -> dict[str, bytes]:
    """Sample exports of a city, in its formats: file name -> content.

    They are made of texts in `samples/<code>`, one a table and form: `mediation_case.csv`.
    """
    made: dict[str, bytes] = {}
    spoken = dialect(city)
    for form in dict.fromkeys(form for table in spoken.tables for form in spoken.forms_of(table)):
        sources = {
            (table.at or table.title if form.whole else table.title): path.read_bytes()
            for table in spoken.tables
            if form in spoken.forms_of(table) and (path := _source(folder / city, table, form)).is_file()
        }
        if form.whole and sources:
            made[f"{city}.{form.suffix}"] = form.sample(sources)
        elif not form.whole:
            for name, source in sources.items():
                made[f"{name}.{form.suffix}"] = form.sample({name: source})
    return made


def sample(city: str, name: str = "") -> bytes:
    """The sample of that name, or the first. Raises: Problem: `not-found`."""
    made = samples(city)
    found = made.get(name) if name else next(iter(made.values()), None)
    if found is None:
        raise Problem(Code.NOT_FOUND, f"{city} has no such sample; there are {', '.join(made) or 'none'}")
    return found


def _source(folder: Path, table: Table, form: Form) -> Path:
    return folder / f"{table.title}.{form.source_suffix}"


@cache
def _modules() -> dict[str, str]:
    names = sorted(path.stem for path in _FOLDER.glob("*_*.py"))
    files: dict[str, str] = {}
    for name in names:
        found = _FILE.match(name)
        if found is None:
            continue
        if found[1] in files:
            raise Problem(
                Code.INVALID,
                f"{files[found[1]]}.py and {name}.py are both of {found[1]}; one city has one file",
            )
        files[found[1]] = name
    return files


@cache
def _load(name: str) -> Dialect:
    try:
        module = importlib.import_module(f"adapters.cities.{name}")
    except Problem:
        raise
    except Exception as error:
        raise Problem(Code.INVALID, f"{name}.py: {type(error).__name__}: {error}") from error
    return _checked(getattr(module, "DIALECT", None), f"{name}.py")


def _checked(found: object, name: str) -> Dialect:
    if not isinstance(found, Dialect):
        raise Problem(Code.INVALID, f"{name} has no DIALECT")
    plans_of(found)
    return found
