"""The pages of sessions: what a CI job links to."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

import numpy as np

from benchdb.dashboard.data import CaseArtifact, SessionPage, SessionShard
from benchdb.dashboard.shards import shard_of, shards_for
from benchdb.dashboard.survey import machine
from benchdb.dashboard.unusual import Findings, cases_of
from benchdb.report import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchdb.dashboard.artifacts import Artifacts
    from benchdb.dashboard.outcomes import Outcomes, Ran
    from benchdb.dashboard.sessions import PackageChanges
    from benchdb.dashboard.survey import Survey

#: Sessions in one part.
_SESSIONS: Final = 8

#: Cases that did not run that are listed, and those that the line to run again names.
_MOST_MISSING, _MOST_AGAIN = 500, 12


class SessionPages:
    """The making of shards."""

    def __init__(
        self,
        survey: Survey,
        outcomes: Outcomes,
        packages: PackageChanges,
        artifacts: Artifacts,
    ) -> None:
        self._survey = survey
        self._packages = packages
        self._artifacts = artifacts
        self._found = Findings(survey)
        every = [
            (survey.case_numbers[case], ran)
            for some in (outcomes.trunk, outcomes.aside)
            for case, rans in some.items()
            for ran in rans
        ]
        size = len(survey.sessions)
        self._ran = _by_session(every, "runs", size)
        self._harmed = {name: _by_session(every, name, size) for name in ("failed", "lost", "hung")}

    def shards(self) -> Iterator[tuple[int, SessionShard]]:
        """Yield each shard with its number."""
        shards = session_shards(self._survey)
        found: dict[int, list[int]] = {number: [] for number in range(shards)}
        for at, one in enumerate(self._survey.sessions):
            found[shard_of(one.uid, shards)].append(at)
        for number, some in found.items():
            yield number, SessionShard([self._page(at) for at in some])

    def _page(self, at: int) -> SessionPage:
        survey = self._survey
        before = self._packages.before[at]
        unusual = self._found.of(at)
        failed, lost, hung = (
            self._names(self._harmed[name][at]) for name in ("failed", "lost", "hung")
        )
        missing = (
            np.setdiff1d(self._ran[before], self._ran[at]) if before >= 0 else self._ran[at][:0]
        )
        harmed = {*failed, *lost, *hung}
        again = [
            *harmed_first(failed, lost, hung),
            *(survey.cases[one].id for one in cases_of(unusual, survey)),
        ]
        return SessionPage(
            uid=survey.sessions[at].uid,
            before=before,
            judged=int(self._found.judged[at]),
            unusual=unusual,
            failed=failed,
            lost=lost,
            hung=hung,
            missing=self._names(missing[:_MOST_MISSING]),
            facts=self._facts(at),
            packages=self._packages.of(at),
            artifacts=[
                CaseArtifact(case.id, one.kind, one.name, one.href)
                for case, one in self._artifacts.of_session.get(at, ())
                if case.id in harmed
            ],
            rerun=rerun_line(again),
        )

    def _names(self, cases: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> list[str]:
        return [self._survey.cases[one].id for one in cases.tolist()]

    def _facts(self, at: int) -> list[list[str]]:
        one = self._survey.sessions[at]
        facts = [
            ("started", f"{text.second(one.started)} UTC"),
            ("finished", f"{text.second(one.finished)} UTC" if one.finished else ""),
            ("branch", one.branch or ""),
            *((each.name, _revision(each.version, each.commit)) for each in one.subjects),
            ("machine", machine(one.environment) if one.environment else ""),
            ("host", one.host or ""),
            ("tags", text.pairs(one.tags)),
            (
                "pytest-xdist",
                text.counted(one.xdist_workers, "worker") if one.xdist_workers else "",
            ),
            ("command", one.command_line or ""),
            ("benchdb", one.benchdb_version or ""),
        ]
        return [[name, value] for name, value in facts if value]


def session_shards(survey: Survey) -> int:
    """Return in how many shards the pages are."""
    return shards_for(len(survey.sessions) / _SESSIONS)


def _by_session(
    every: list[tuple[int, Ran]], name: str, size: int
) -> list[np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """Return of each session the cases of which something is more than 0, sorted."""
    none = np.zeros(0, dtype=np.int64)
    kept = [(case, one.at[getattr(one, name) > 0]) for case, one in every]
    at = np.concatenate([none, *(one for _, one in kept)])
    cases = np.repeat(
        np.array([case for case, _ in kept], dtype=np.int64), [len(one) for _, one in kept]
    )
    order = np.lexsort((cases, at))
    edges = np.searchsorted(at[order], np.arange(size + 1))
    return [np.unique(cases[order[edges[one] : edges[one + 1]]]) for one in range(size)]


def _revision(version: str, commit: str | None) -> str:
    return f"{version} ({commit[:12]})" if commit else version


def harmed_first(failed: list[str], lost: list[str], hung: list[str]) -> list[str]:
    """Return the cases that came to harm, each once."""
    return list(dict.fromkeys([*hung, *lost, *failed]))


def rerun_line(cases: list[str]) -> str:
    """Return what runs cases again, ready to paste; nothing where there is none.

    A name is anybody's text: one that pytest would take for an option, or that hides characters, is
    left out.
    """
    fit = [one for one in dict.fromkeys(cases) if not one.startswith("-") and one.isprintable()]
    if not fit:
        return ""
    named = " ".join(shlex.quote(one) for one in fit[:_MOST_AGAIN])
    return f"pytest --benchmark {named}"
