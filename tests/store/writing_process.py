"""Run by the tests as a process of its own: writes records, one a commit, and tells each index once it has it."""

import sys

from keeping import Letter, open_store, put


def main(url: str, count: int) -> None:
    store = open_store(url)
    for _ in range(count):
        letter = Letter()
        ((_, index),) = put(store, letter)
        sys.stdout.write(f"{index} {letter.id} {letter.digest}\n")
        sys.stdout.flush()
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
