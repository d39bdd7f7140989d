"""`hub.toml` says of offices what it may say, and every mistake in it is named with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.errors import Code, Problem
from hub.offices.settings import Schedule, crontab, read_offices, scheduled

OFFICE = """
[[adapters]]
city = "150600"
profile = "clients/office.toml"
seal_key = "keys/seal.pem"
agreement = "border-2026"
"""
SOURCE = """
  [[adapters.in]]
  name = "mediation"
  url = "export"
"""
SINK = """
  [[adapters.out]]
  name = "arrivals"
  url = "import"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "hub.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_left_out_has_its_default_and_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (office,) = read_offices(write(tmp_path, OFFICE + SOURCE + SINK))
    assert (office.marking, office.to, office.dialect) == ("amber", (), None)
    assert (office.profile, office.state) == (tmp_path / "clients/office.toml", tmp_path / "state")
    assert office.database == f"sqlite:///{tmp_path}/hub.db"
    (source,), (sink,) = office.sources, office.sinks
    assert source.access.url == (tmp_path / "export").as_uri()
    assert (source.files, source.settle_seconds, source.withdraw_at_most) == ("*", 10, 20)
    assert source.schedule is sink.schedule is None
    assert scheduled((office,)) == []


def test_a_file_without_offices_has_none(tmp_path: Path) -> None:
    assert read_offices(write(tmp_path, 'name = "610800.exchange"\n[keys]\nnode = "x"\n')) == ()


@pytest.mark.parametrize(
    ("every", "seconds"), [("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86400), ("999999s", 999_999)]
)
def test_a_span_is_a_number_with_its_unit(tmp_path: Path, every: str, seconds: int) -> None:
    (office,) = read_offices(
        write(tmp_path, OFFICE + SOURCE + f'every = "{every}"\njitter = 3\nmisfire = 60\n')
    )
    assert office.sources[0].schedule == Schedule(seconds, None, 3, 60)
    assert [place.access.name for _, place in scheduled((office,))] == ["mediation"]


MISTAKES = [
    ("an unknown member", OFFICE + 'colour = "red"', "/adapters/0/colour"),
    ("an unknown member of a source", OFFICE + SOURCE + "folders = 1", "/adapters/0/in/0/folders"),
    ("an unknown member of a sink", OFFICE + SINK + 'files = "*"', "/adapters/0/out/0/files"),
    ("a missing member", OFFICE.replace("agreement", "agreements"), "/adapters/0/agreement"),
    ("both every and cron", OFFICE + SOURCE + 'every = "1m"\ncron = "* * * * *"', "/adapters/0/in/0/cron"),
    ("an every without a unit", OFFICE + SOURCE + 'every = "10"', "/adapters/0/in/0/every"),
    ("an every of nothing", OFFICE + SOURCE + 'every = "0m"', "/adapters/0/in/0/every"),
    ("an every that is a number", OFFICE + SINK + "every = 10", "/adapters/0/out/0/every"),
    ("a cron of four fields", OFFICE + SOURCE + 'cron = "30 2 * *  "', "/adapters/0/in/0/cron"),
    ("a cron with minute 61", OFFICE + SOURCE + 'cron = "61 2 * * *"', "/adapters/0/in/0/cron"),
    ("a cron on weekday 8", OFFICE + SOURCE + 'cron = "30 2 * * 8"', "/adapters/0/in/0/cron"),
    ("a cron of words", OFFICE + SOURCE + 'cron = "every night"', "/adapters/0/in/0/cron"),
    ("a jitter below nothing", OFFICE + SOURCE + "jitter = -1", "/adapters/0/in/0/jitter"),
    ("a misfire of nothing", OFFICE + SOURCE + "misfire = 0", "/adapters/0/in/0/misfire"),
    ("a settle that is text", OFFICE + SOURCE + 'settle = "10"', "/adapters/0/in/0/settle"),
    ("a timeout of an hour", OFFICE + SOURCE + "timeout = 3600", "/adapters/0/in/0/timeout"),
    ("a bound below nothing", OFFICE + SOURCE + "withdraw_at_most = -1", "/adapters/0/in/0/withdraw_at_most"),
    ("an empty pattern", OFFICE + SOURCE + 'files = ""', "/adapters/0/in/0/files"),
    (
        "a password in a URL",
        OFFICE + SOURCE.replace('"export"', '"sftp://office:geheim@10.1.2.3/in"'),
        "/adapters/0/in/0/url",
    ),
    (
        "a password in a sink's URL",
        OFFICE + SINK.replace('"import"', '"postgresql+psycopg://u:geheim@db/x"'),
        "/adapters/0/out/0/url",
    ),
    ("a URL that is none", OFFICE + SOURCE.replace('"export"', '"https://[::1"'), "/adapters/0/in/0/url"),
    ("a name with a slash", OFFICE + SOURCE.replace('"mediation"', '"../x"'), "/adapters/0/in/0/name"),
    ("a name with capitals", OFFICE + SOURCE.replace('"mediation"', '"Mediation"'), "/adapters/0/in/0/name"),
    ("a name of 33 letters", OFFICE + SOURCE.replace("mediation", "m" * 33), "/adapters/0/in/0/name"),
    ("a name that is there twice", OFFICE + SOURCE + SOURCE, "/adapters/0"),
    (
        "a source's name that a sink has",
        OFFICE + SOURCE + SINK.replace("arrivals", "mediation"),
        "/adapters/0",
    ),
    ("a city that is there twice", OFFICE + OFFICE, "/adapters"),
    ("a city of five digits", OFFICE.replace("150600", "15060"), "/adapters/0/city"),
    ("a city by its name", OFFICE.replace("150600", "鄂尔多斯市"), "/adapters/0/city"),
    ("a recipient that is no code", OFFICE + 'to = ["610800", "Yulin"]', "/adapters/0/to/1"),
    ("a marking that is none", OFFICE + 'marking = "secret"', "/adapters/0/marking"),
    ("a kind that is none", OFFICE + SINK + 'kinds = ["alert", "alarm"]', "/adapters/0/out/0/kinds/1"),
    ("adapters that are no list", "adapters = 3", "/adapters"),
]


@pytest.mark.parametrize(
    ("text", "where"), [mistake[1:] for mistake in MISTAKES], ids=[mistake[0] for mistake in MISTAKES]
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, where: str) -> None:
    with pytest.raises(Problem) as raised:
        read_offices(write(tmp_path, text))
    assert (raised.value.code, raised.value.where) == (Code.INVALID, where)
    assert raised.value.detail.startswith(("hub.toml: ", "mediation is", "150600 is"))
    assert "geheim" not in raised.value.detail


@pytest.mark.parametrize("content", [b"[[adapters", b"\xff\xfe", b"a = 1\na = 2", b"\x00"])
def test_what_is_no_toml_is_malformed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "hub.toml"
    path.write_bytes(content)
    with pytest.raises(Problem) as raised:
        read_offices(path)
    assert raised.value.code is Code.MALFORMED
    with pytest.raises(Problem) as raised:
        read_offices(tmp_path / "none.toml")
    assert raised.value.code is Code.NOT_FOUND


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("30 2 * * *", "30 2 * * *"),
        ("30 2 * * 0", "30 2 * * sun"),
        ("30 2 * * 1", "30 2 * * mon"),
        ("30 2 * * 7", "30 2 * * sun"),
        ("30 2 * * 1-5", "30 2 * * mon,tue,wed,thu,fri"),
        ("30 2 * * 5-7", "30 2 * * fri,sat,sun"),
        ("30 2 * * 0-2,6", "30 2 * * sun,mon,tue,sat"),
        ("30 2 * * */2", "30 2 * * sun,tue,thu,sat"),
        ("30 2 * * 1-5/2", "30 2 * * mon,wed,fri"),
        ("30 2 * * mon-fri", "30 2 * * mon-fri"),
        ("30 2 * * 6-2", "30 2 * * 6-2"),
        ("30 2 1 1", "30 2 1 1"),
    ],
)
def test_weekdays_are_counted_from_sunday_as_crontab_does(line: str, meant: str) -> None:
    assert crontab(line) == meant
