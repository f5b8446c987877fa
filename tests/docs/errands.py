"""The worked examples of CONTRIBUTING.md: files to make and text to add, by errand."""

from __future__ import annotations

import re
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path

from tests.docs.structure import ROOT

GUIDE = ROOT / "CONTRIBUTING.md"
_BLOCK = re.compile(
    r"^ *<!-- (file|end of|run|patch) ?(\S*) -->\n( *)```\w+\n(.*?)\n\3```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Step:
    """A block of the guide: text of a file, or for the end of one (`path`, below the top of the tree), or commands,
    or a patch."""

    kind: str  # file, end of, run, patch
    path: str
    text: str

    def apply(self, tree: Path) -> None:
        """Carry it out in a copy of the tree. Raises OSError and CalledProcessError."""
        if self.kind == "run":
            subprocess.run(["sh", "-ec", self.text], cwd=tree, check=True)
        elif self.kind == "patch":
            subprocess.run(["git", "apply"], cwd=tree, input=self.text, text=True, check=True)
        elif self.kind == "end of":
            target = tree / self.path
            gap = "\n\n" if target.suffix == ".py" else ""
            target.write_text(target.read_text(encoding="utf-8") + gap + self.text, encoding="utf-8")
        else:
            (tree / self.path).parent.mkdir(parents=True, exist_ok=True)
            (tree / self.path).write_text(self.text, encoding="utf-8")


def errands() -> dict[str, list[Step]]:
    """Heading of the errand -> its steps."""
    part = GUIDE.read_text(encoding="utf-8").split("## Six errands")[1].split("\n## ")[0]
    found = {}
    for section in part.split("\n### ")[1:]:
        title, _, text = section.partition("\n")
        found[title] = [
            Step(kind, path, textwrap.dedent(body) + "\n") for kind, path, _, body in _BLOCK.findall(text)
        ]
    return found
