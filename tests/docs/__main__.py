"""Write the generated documents: all of them, or those that are named.

    python -m tests.docs [NAME ...]

Names: architecture, rules, coverage, commands, commands-not-run, test-scenes, margins,
tampering, hpc-corpus.

docs/tampering.md: only cases that it does not list yet are judged (all of them: python -m tests.rules.tampering).
docs/hpc-corpus.md: left alone where the published packages are not at hand (tests/rules/corpus.py).
"""

from __future__ import annotations

import sys

from tests.docs.documents import DOCS, MAKERS


def main(names: list[str]) -> int:
    """Write what is named, or everything; returns the exit code."""
    unknown = sorted(set(names) - set(MAKERS))
    if unknown:
        print(f"There is no generated document '{unknown[0]}'. Known: {', '.join(MAKERS)}.", file=sys.stderr)
        return 2
    for name in names or MAKERS:
        for place, text in MAKERS[name]().items():
            path = DOCS / place
            changed = not path.is_file() or path.read_text(encoding="utf-8") != text
            if changed:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            print(f"docs/{place}: {'written' if changed else 'in step'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
