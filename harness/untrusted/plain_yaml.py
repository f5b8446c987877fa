"""YAML as far as recipes need it: what is written once and read once, small and shallow.

YAML can be tiny and stand for gigabytes (aliases, merge keys), take minutes (base 60 integers), or state
a key twice and mean the second. None of that is accepted.
"""

from __future__ import annotations

from typing import Any

import yaml

MAX_DEPTH = 20
MAX_NUMBER = 40  # characters


def load_yaml(text: str) -> Any:
    """The value of one YAML document. Raises yaml.YAMLError for everything that is not plain YAML."""
    try:
        return yaml.load(text, _PlainLoader)  # a SafeLoader
    except yaml.YAMLError:
        raise
    except Exception as error:  # PyYAML lets through what int(), date(), indexing and recursion raise
        raise yaml.YAMLError(f"a value cannot be read ({' '.join(str(error).split())[:80]})") from None


class _PlainLoader(yaml.SafeLoader):
    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            self._refuse("an alias (*name): write the value again", self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        if self._depth >= MAX_DEPTH:
            self._refuse(f"more than {MAX_DEPTH} levels", self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [k.value for k, _ in node.value if isinstance(k, yaml.ScalarNode)]
        if len(set(keys)) < len(keys):
            twice = next(k for k, _ in node.value if keys.count(k.value) > 1)
            self._refuse(f"the key '{twice.value[:40]}' twice", twice.start_mark)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        number = node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
        if number and len(node.value) > MAX_NUMBER:
            self._refuse(f"a number of more than {MAX_NUMBER} characters", node.start_mark)
        return super().construct_object(node, deep)

    def _refuse(self, what: str, mark: yaml.Mark) -> None:
        raise yaml.constructor.ConstructorError(None, None, f"it has {what}", mark)
