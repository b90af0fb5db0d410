"""Machine learning: features from a table, and a study whose trials are futures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from . import data, sizes

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

NEEDED = "a study of models needs it: pip install optuna scikit-learn"
optuna = pytest.importorskip("optuna", reason=NEEDED)
pytest.importorskip("sklearn", reason=NEEDED)

#: Trials that run at once; the next ones are asked for when all of them are told.
BATCH = 8


@pytest.fixture(scope="module")
def worker_imports() -> tuple[str, ...]:
    return ("dask.dataframe", "sklearn.ensemble")


def test_study(memory: float, scale: float, small_client: Client) -> None:
    """Features by a groupby, then 24 models as futures: data sent once, no worker left waiting."""

    def score(features: np.ndarray, late: np.ndarray, params: dict[str, Any]) -> float:
        from sklearn.ensemble import RandomForestClassifier

        half = len(late) // 2
        model = RandomForestClassifier(**params, random_state=0)
        model.fit(features[:half], late[:half])
        return float(model.score(features[half:], late[half:]))

    rows = data.length(memory / 16, memory / 128)
    customers = max(BATCH, rows // 256)
    payments = data.table(memory / 16, memory / 128, keys=customers)
    # Who pays late has an x that is higher by 0.2: their means are 11 standard deviations apart.
    payments["x"] = payments["x"] + 0.2 * (payments["key"] % 3 == 0)
    features: pd.DataFrame = (
        payments.groupby("key").agg({"x": "mean", "y": "sum", "z": "max"}).compute().sort_index()
    )
    assert list(features.index) == list(range(customers))
    order = np.random.default_rng(0).permutation(customers)[:20_000]
    late = (order % 3 == 0).astype("int8")
    [table] = small_client.scatter([features.to_numpy()[order]], broadcast=True)
    [labels] = small_client.scatter([late], broadcast=True)

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    for _ in range(sizes.count(3, scale)):
        trials = [study.ask() for _ in range(BATCH)]
        params = [
            {
                "n_estimators": trial.suggest_int("n_estimators", 5, 40),
                "max_depth": trial.suggest_int("max_depth", 1, 8),
                "max_features": trial.suggest_int("max_features", 1, 3),
            }
            for trial in trials
        ]
        futures = [small_client.submit(score, table, labels, chosen) for chosen in params]
        # In the order in which they were asked for, so that each study is the same.
        for trial, accuracy in zip(trials, small_client.gather(futures), strict=True):
            study.tell(trial, accuracy)
    assert len(study.trials) == BATCH * sizes.count(3, scale)
    assert study.best_value > 0.95
    accuracy = small_client.submit(score, table, labels, study.best_params, pure=False).result()
    assert accuracy == study.best_value
