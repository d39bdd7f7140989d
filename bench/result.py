"""What a bench found: one figure against its bar, and the figures behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Bar:
    """What a bench is held to: `value` at least, or at most, of what is called `measure`."""

    measure: str
    value: float
    at_most: bool = False
    aim: float | None = None

    def holds(self, found: float) -> bool:
        return found <= self.value if self.at_most else found >= self.value

    def __str__(self) -> str:
        aim = "" if self.aim is None else f", aim {self.aim:g}"
        return f"{self.measure} {'at most' if self.at_most else 'at least'} {self.value:g}{aim}"


@dataclass(frozen=True, slots=True)
class Result:
    """A bench's finding. `sound` is False where something went wrong that no figure may outweigh."""

    bench: str
    found: float
    bar: Bar
    figures: Mapping[str, Any] = field(default_factory=dict)
    sound: bool = True

    @property
    def holds(self) -> bool:
        return self.sound and self.bar.holds(self.found)

    def to_dict(self) -> dict[str, Any]:
        aim = {} if self.bar.aim is None else {"aim": self.bar.aim}
        head = {"bench": self.bench, self.bar.measure: self.found, "bar": self.bar.value, **aim}
        return head | {"holds": self.holds, **self.figures}

    def to_text(self) -> str:
        verdict = "holds" if self.holds else "FALLS SHORT"
        lines = [f"{self.bench}: {self.bar.measure} {self.found:g} ({self.bar}) - {verdict}"]
        return "\n".join(lines + [f"  {line}" for line in _lines(self.figures)])


def _lines(figures: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, value in figures.items():
        shown = name.replace("_", " ")
        if isinstance(value, Mapping):
            lines += [f"{shown}:", *(f"  {line}" for line in _lines(value))]
        elif isinstance(value, list | tuple):
            lines.append(f"{shown}: {', '.join(map(_shown, value))}")
        else:
            lines.append(f"{shown}: {_shown(value)}")
    return lines


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
