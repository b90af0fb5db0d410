"""A simulation study: every parameter set many times over, then one aggregation each."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

import pytest
from distributed import wait

if TYPE_CHECKING:
    from distributed import Client

PARAMETER_SETS = 20
REPLICATES = 200


def test_replicates(deadline: float, small_client: Client) -> None:
    """Whether 4000 simulations and 20 aggregations of 200 end, or freeze a few short of it."""

    def simulate(parameters: int, replicate: int) -> int:
        rng = random.Random(parameters * 1_000_000 + replicate)
        return sum(rng.randrange(100) for _ in range(parameters + 1))

    def aggregate(*replicates: int) -> int:
        return sum(replicates)

    simulations, aggregations = [], []
    for parameters in range(PARAMETER_SETS):
        # The whole hash: with keys cut short, two parameter sets would share their simulations.
        name = hashlib.blake2b(str(parameters).encode(), digest_size=32).hexdigest()
        replicates = [
            small_client.submit(simulate, parameters, replicate, key=f"simulate-{name}-{replicate}")
            for replicate in range(REPLICATES)
        ]
        simulations += replicates
        aggregations.append(small_client.submit(aggregate, *replicates, key=f"aggregate-{name}"))

    try:
        wait(aggregations, timeout=deadline)
    except TimeoutError:
        done = [sum(future.done() for future in futures) for futures in (aggregations, simulations)]
        pytest.fail(
            f"stuck: {done[0]} of {len(aggregations)} aggregations and "
            f"{done[1]} of {len(simulations)} simulations done after {deadline:g} s"
        )

    assert len(simulations) + len(aggregations) == 4020
    assert small_client.gather(aggregations) == [
        sum(simulate(parameters, replicate) for replicate in range(REPLICATES))
        for parameters in range(PARAMETER_SETS)
    ]
