"""Whether a release is good to go: each step in its turn, and what it found."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from benchdb.errors import NoDatabase, UserError, reason
from benchdb.recipes import Finding, Validation
from benchdb.release.checking import Published, check, published, python_of
from benchdb.release.conda.building import build
from benchdb.release.conda.channels import Channels
from benchdb.release.conda.solving import install, pins_of, solve
from benchdb.release.environments import kept_pins
from benchdb.release.measured import measured
from benchdb.report.text import counted
from benchdb.store.opening import reading
from benchdb.store.queries import recorded_here

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from benchdb.comparisons import SidesCompared
    from benchdb.config import Location, Settings
    from benchdb.recipes import Checked, Recipe, Solved
    from benchdb.release.issues import Known

#: What a suite in the new environment must not see of the one that validates it.
_HIDDEN: Final = ("CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Plan:
    """How to validate a release.

    Parameters
    ----------
    channels, platform, pythons
        What to solve against, and for which Pythons.
    output, prefix
        The channel that is built into, and the folder of the environment.
    against, first
        The runtime to compare with, None for the last release; or that there is none.
    branches
        Off the trunk, of which sessions count, too.
    suite
        Arguments of pytest, to run in the environment; None to take what was recorded.
    repeat
        How many sessions of it to record.
    pip, without
        Requirements to install by pip, and names of packages whose pins are left out.
    cluster
        Whether to start one to see versions agree.
    """

    channels: Sequence[str]
    platform: str
    pythons: Sequence[str]
    output: Path
    prefix: Path
    against: str | None
    first: bool
    branches: Sequence[str]
    suite: Sequence[str] | None
    repeat: int
    pip: Sequence[str]
    without: Sequence[str]
    cluster: bool


def validate(
    recipe: Recipe,
    plan: Plan,
    known: Known,
    database: Location,
    settings: Settings,
    *,
    say: Callable[[str], None],
) -> Validation:
    """Validate a release.

    Raises
    ------
    UserError
        If a step can't be made at all, as without a network. Whatever a step finds is no error.
    """
    recipe = replace(recipe, pins=kept_pins(recipe, plan.without))
    made = _Validation(recipe, plan, say)
    made.environment()
    made.findings += known.findings(recipe, made.solved)
    ran = None
    if plan.suite is not None and made.checked is not None:
        ran = _recorded(database)
        made.run_suite(database)
    against, compared = "", None
    try:
        with reading(database, say) as connection:
            against, found, compared = measured(
                connection,
                settings,
                recipe,
                plan.against,
                known,
                first=plan.first,
                branches=plan.branches,
                ran=None if ran is None else recorded_here(connection) - ran,
            )
        made.findings += found
    except NoDatabase as error:
        made.findings.append(Finding("no", "measured", f"no data: {error.with_option('--db')}"))
    return made.result(against, compared)


def _recorded(database: Location) -> set[str]:
    """Return the uids of the sessions that were recorded there up to now."""
    try:
        with reading(database) as connection:
            return recorded_here(connection)
    except UserError:  # none yet, or an empty one: who can't record into it will say so
        return set()


def _own() -> dict[str, str]:
    """Return the environment variables for programs in the new environment."""
    return {name: one for name, one in os.environ.items() if name not in _HIDDEN}


def _missing(python: str) -> str:
    """Return which of what a suite needs an environment doesn't have; empty where it has all."""
    asked = (
        "from importlib.util import find_spec as has\n"
        "print(*(name for name in ('pytest', 'benchdb') if not has(name)), sep=' and no ')"
    )
    done = subprocess.run([python, "-c", asked], env=_own(), capture_output=True, text=True)
    return done.stdout.strip()


class _Validation:
    """The steps that make an environment, and what they found."""

    def __init__(self, recipe: Recipe, plan: Plan, say: Callable[[str], None]) -> None:
        self._recipe = recipe
        self._plan = plan
        self._say = say
        self._unsolved: list[Solved] = []
        self.solved: list[Solved] = []
        self.findings: list[Finding] = []
        self.checked: Checked | None = None

    def environment(self) -> None:
        """Solve, build, install and check."""
        plan, recipe = self._plan, self._recipe
        channels = Channels(plan.channels, plan.platform)
        name = f"{recipe.name} {recipe.version}"
        solved = [
            solve(pins_of(recipe), channels, python, name=name) for python in plan.pythons or ("",)
        ]
        self.solved += solved
        self._unsolved = [one for one in solved if one.why]
        for one in solved:
            if one.why:
                said = f"{one.name}: not solvable, see the reasons below"
                self.findings.append(Finding("no", "solve", said))
            else:
                said = f"{one.name}: {counted(len(one.packages), 'package')}"
                self.findings.append(Finding("ok", "solve", said))
        (first, *_) = solved
        if first.why:
            self.findings.append(Finding("no", "build", "not tried, as nothing can be installed"))
            return
        build(recipe, plan.output, plan.platform)
        own = Channels([str(plan.output), *channels.given], plan.platform)
        specs = [f"{recipe.name} =={recipe.version}"]
        if plan.pip:
            specs.append("pip")  # recent Pythons of conda's don't bring it
        if first.python:
            specs.append(f"python {first.python.removesuffix('.*')}.*")
        done = install(specs, plan.prefix, own)
        if done.why:
            self._unsolved.append(done)
            said = "what was built can't be installed, see the reasons below"
            self.findings.append(Finding("no", "install", said))
            return
        self.solved.append(done)
        self.findings.append(Finding("ok", "build", "built, and installed in a fresh environment"))
        self._install_by_pip()
        there = Published(published(recipe, channels))
        self.checked = check(recipe, plan.prefix, there, cluster=plan.cluster)
        self.findings += self._of_check(self.checked)

    def _install_by_pip(self) -> None:
        plan = self._plan
        if plan.without:
            names = ", ".join(plan.without)
            said = f"the pins of {names} are left out: whether a channel has them wasn't looked at"
            self.findings.append(Finding("note", "pins", said))
        if not plan.pip:
            return
        said = f"{', '.join(plan.pip)} by pip, beside the pins"
        command = [str(python_of(plan.prefix).absolute()), "-m", "pip", "install", *plan.pip]
        try:
            done = subprocess.run(command, env=_own(), stdin=subprocess.DEVNULL, stdout=2)
            why = f"pip ended with {done.returncode}" if done.returncode else ""
        except OSError as error:
            why = reason(error)
        if why:
            said = f"{', '.join(plan.pip)} can't be installed: {why}"
        self.findings.append(Finding("no" if why else "note", "suite", said))

    def _of_check(self, checked: Checked) -> list[Finding]:
        wrong = [one for one in checked.pins if one.grade == "no"]
        found = [Finding("no", "check", f"{one.pin}: {one.said}") for one in wrong]
        found += [one for one in checked.findings if one.grade != "ok"]
        behind = [f"{one.pin.name} by {one.behind}" for one in checked.pins if one.behind]
        if behind:
            said = f"behind the newest releases: {', '.join(behind)}"
            found.append(Finding("note", "check", said))
        if checked.passed:
            said = f"all {len(checked.pins)} pins are installed as the recipe says"
            found.append(Finding("ok", "check", said))
        return found

    def run_suite(self, database: Location) -> None:
        """Record the suite in the environment, as sessions of the contender."""
        from benchdb.config import spelled

        plan = self._plan
        environ = _own()
        environ["COILED_RUNTIME_VERSION"] = self._recipe.version
        environ["BENCHDB_URL"] = spelled(database)  # no password in a list of processes
        python = str(python_of(plan.prefix).absolute())
        command = [python, "-m", "pytest", *(plan.suite or ()), "--benchmark"]
        ended: list[int] = []
        for number in range(plan.repeat):
            self._say(f"running the suite in {plan.prefix}, {number + 1} of {plan.repeat}")
            try:
                # What pytest says is no part of the page.
                done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, stdout=2)
            except OSError as error:
                said = f"the suite can't be run: {reason(error)}"
                self.findings.append(Finding("no", "suite", said))
                return
            ended.append(done.returncode)
        if any(ended):
            codes = ", ".join(map(str, dict.fromkeys(code for code in ended if code)))
            said = f"pytest ended with {codes} in {sum(map(bool, ended))} of {plan.repeat}"
            if missing := _missing(python):
                said += f"; the environment has no {missing}: name it with --pip"
            self.findings.append(Finding("no", "suite", said))
        else:
            said = f"recorded {counted(plan.repeat, 'session')} in the environment"
            self.findings.append(Finding("ok", "suite", said))

    def result(self, against: str, compared: SidesCompared | None) -> Validation:
        """Return all that was found."""
        return Validation(
            f"{self._recipe.name} {self._recipe.version}",
            against,
            tuple(self.findings),
            tuple(self._unsolved),
            self.checked,
            compared,
        )
