"""Optuna, loaded only where trials are begun: its storage, samplers and pruner."""

from __future__ import annotations

from typing import Any

from harness.core.errors import UserError
from harness.experiment.model import Between, Experiment
from harness.experiment.places import Places

PATIENCE_S = 120  # for other processes that write into the SQLite file


def optuna() -> Any:
    """The module. Raises UserError when it is not installed."""
    try:
        import optuna as found
    except ImportError:
        raise UserError(
            "Experiments need Optuna, which is not installed.",
            "make setup EXTRA=experiment; or pip install 'cloudmask-harness[experiment]'.",
        ) from None
    found.logging.set_verbosity(found.logging.WARNING)
    return found


def open_study(experiment: Experiment, places: Places) -> Any:
    """The study of the experiment, made when it is not there. Raises UserError when the storage is not readable."""
    module = optuna()
    other = places.journal if experiment.storage == "sqlite" else places.sqlite
    if other.exists():
        raise UserError(
            f"The trials in {places.root} are stored in {other.name}, not in {experiment.storage}.",
            "restore `storage` in the experiment, or give it another name.",
        )
    try:
        return module.create_study(
            study_name=experiment.name,
            storage=_storage(module, experiment, places),
            direction="maximize" if experiment.objective.larger else "minimize",
            pruner=_pruner(module, experiment),
            load_if_exists=True,
        )
    except Exception as error:  # whatever Optuna, SQLAlchemy and SQLite say of a file that is not theirs
        raise UserError(
            f"Optuna cannot read the storage in {places.root}: {' '.join(str(error).split())[:200]}.",
            "restore the file from a copy; or start anew under another name (records of trials are kept).",
        ) from None


def _storage(module: Any, experiment: Experiment, places: Places) -> Any:
    if experiment.storage == "journal":
        journal = module.storages.journal
        return module.storages.JournalStorage(journal.JournalFileBackend(str(places.journal)))
    return module.storages.RDBStorage(
        f"sqlite:///{places.sqlite.absolute()}",
        engine_kwargs={"connect_args": {"timeout": PATIENCE_S}},
    )


def _pruner(module: Any, experiment: Experiment) -> Any:
    pruning = experiment.pruning
    if pruning is None:
        return module.pruners.NopPruner()
    return module.pruners.MedianPruner(
        n_startup_trials=pruning.after_trials, n_warmup_steps=pruning.after_epochs
    )


def sampler(experiment: Experiment, point: int) -> Any:
    """What draws a point. Its seed follows from the number of the point, so that an experiment which was killed, or
    runs on another machine, draws the same points at random."""
    module, search = optuna(), experiment.search
    seed = (search.seed * 1_000_003 + point) % 2**31
    if search.method == "tpe":
        return module.samplers.TPESampler(seed=seed, n_startup_trials=search.startup, constant_liar=True)
    return module.samplers.RandomSampler(seed=seed)


def distributions(experiment: Experiment) -> dict[str, Any]:
    """The search space in Optuna's terms."""
    kinds = optuna().distributions
    found = {}
    for name, dimension in experiment.search.space.items():
        if isinstance(dimension, Between):
            kind = kinds.IntDistribution if dimension.whole else kinds.FloatDistribution
            found[name] = kind(dimension.low, dimension.high, log=dimension.log)
        else:
            found[name] = kinds.CategoricalDistribution(dimension)
    return found
