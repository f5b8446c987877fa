"""Which sources exist, and which of them work on this machine.

Nothing is listed by hand: every module of this folder is imported, and each class in it that can be made and
has a `name` of its own is a source.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import threading
import time
from collections.abc import Iterable, Iterator

from harness.telemetry import sources
from harness.telemetry.sources.base import NullSource, Source, SourceUnavailable, Subject, Unavailable


def _classes() -> Iterator[type[Source]]:
    for module in pkgutil.iter_modules(sources.__path__, f"{sources.__name__}."):
        if module.name == __name__:
            continue
        for _, found in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            defined_here = found.__module__ == module.name and "name" in vars(found)
            if defined_here and issubclass(found, Source) and not inspect.isabstract(found):
                yield found


FACTORIES: dict[str, type[Source]] = {
    found.name: found
    for found in sorted(_classes(), key=lambda found: (found.subject, found.preference, found.name))
}
# of whole nodes; where several work, the first is used
NODE_POWER_SOURCES = tuple(name for name, found in FACTORIES.items() if found.subject is Subject.NODE_POWER)


def open_source(source: Source) -> Source:
    """The source itself, ready to read, or a NullSource that says why it cannot be read.

    Any other exception means the same to the caller: a broken source must not stop the others.
    """
    try:
        source.open()
        if not source.quantities():  # a group without columns is none that the telemetry file can hold
            raise SourceUnavailable(
                "nothing to measure here", "it lists no quantity", "see whether /proc can be read"
            )
    except SourceUnavailable as error:
        return NullSource(Unavailable(source.name, error.what, error.why, error.fix))
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        return NullSource(
            Unavailable(source.name, "it failed to start", reason, "report this with the message")
        )
    return source


def open_all(
    names: list[str] | None = None, pid: int | None = None, limit_s: float | None = None
) -> list[Source]:
    """Every source of FACTORIES (or the named ones), opened and told which process tree to watch.

    They are opened side by side; one that is not ready after `limit_s` (its own `open_s` where that is None)
    counts as unavailable and is left behind. Raises ValueError for a name that is not known.
    """
    wanted = list(FACTORIES) if names is None else names
    unknown = sorted(set(wanted) - set(FACTORIES))
    if unknown:
        raise ValueError(f"unknown source {', '.join(unknown)}: known are {', '.join(FACTORIES)}")
    opened: dict[str, Source] = {}

    def open_one(name: str) -> None:
        opened[name] = open_source(FACTORIES[name]())

    threads = [threading.Thread(target=open_one, args=(name,), daemon=True) for name in dict.fromkeys(wanted)]
    for thread in threads:
        thread.start()
    started = time.monotonic()
    limits = {name: FACTORIES[name].open_s if limit_s is None else limit_s for name in wanted}
    for thread, limit in zip(threads, limits.values(), strict=True):
        thread.join(max(0.0, started + limit - time.monotonic()))
    ready = dict(opened)
    found = [ready.get(name) or _late(name, limit) for name, limit in limits.items()]
    if pid is not None:
        for source in found:
            source.watch(pid)
    return found


def _late(name: str, limit_s: float) -> NullSource:
    why = f"no answer within {limit_s:g} s"
    return NullSource(Unavailable(name, "it does not start", why, "see whether its device or driver hangs"))


def reasons(opened: Iterable[Source]) -> list[Unavailable]:
    """Why sources cannot be read here; what several share is said once, by the first of them."""
    found: dict[tuple[str, str, str], Unavailable] = {}
    for source in opened:
        if source.unavailable is not None:
            reason = source.unavailable
            found.setdefault((reason.what, reason.why, reason.fix), reason)
    return list(found.values())
