"""`python -m bench NAME [--quick] [--json] [--engine ENGINE]`; without a name it lists the benches.

Exits 0 where the bar holds, 1 where it does not.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.catalogue import BENCHES, ENGINES, Settings


def read_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures a node against its bars.")
    parser.add_argument("name", nargs="?", choices=list(BENCHES), help="which bench; none lists them")
    parser.add_argument("--quick", action="store_true", help="at a size that ends within a minute")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--engine", choices=ENGINES, default="sqlite", help="for those that use one database")
    parser.add_argument("--seed", type=int, help="of `partition`: does again what a run with this seed did")
    parser.add_argument("--loopback", action="store_true", help="of `partition`: no network namespaces")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    asked = read_arguments(arguments)
    if asked.name is None:
        listed = [
            {"bench": each.name, "bar": str(each.bar), "about": each.about} for each in BENCHES.values()
        ]
        if asked.json:
            print(json.dumps(listed))
        else:
            print("\n".join(f"{each['bench']:<10}{each['bar']:<34}{each['about']}" for each in listed))
        return 0
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        settings = Settings(asked.quick, asked.engine, Path(folder), asked.seed, asked.loopback)
        result = BENCHES[asked.name].run(settings)
    print(json.dumps(result.to_dict(), ensure_ascii=False) if asked.json else result.to_text())
    return 0 if result.holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
