"""Events as the page shows them: the same as ``benchdb changes`` tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchdb.dashboard.columns import finite
from benchdb.dashboard.data import CommitRange, Event, Moved
from benchdb.dashboard.series import verdict_number
from benchdb.findings import Cause, Differs
from benchdb.report.commits import git_log
from benchdb.report.events import suspect
from benchdb.report.sayings import said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.dashboard.repository import Repository
    from benchdb.dashboard.survey import Survey
    from benchdb.findings import CommitRange as Range
    from benchdb.findings import Difference

#: Differences that are shown of one place; an upgrade of everything is told by its first.
_MOST_DIFFERENCES: Final = 100

#: Values of one side: of many sessions each may have another commit.
_MOST_VALUES: Final = 4


def events(survey: Survey, repository: Repository) -> list[Event]:
    """Return the events of what is shown, ranked."""
    return [
        Event(
            id=one.id,
            verdict=verdict_number(one.verdict),
            cause=suspect(one),
            environment=one.cause is Cause.ENVIRONMENT,
            state=one.state.value,
            said=said(one.saying) if one.saying else "",
            back=one.back,
            last_before=survey.numbers[one.last_before.row],
            first_after=survey.numbers[one.first_after.row],
            ranges=commit_ranges(one.commits, repository),
            differences=difference_rows(one.differences),
            controls=[case.id for case in one.controls],
            moved=[
                Moved(
                    number,
                    finite(moved.before),
                    finite(moved.effect),
                    finite(moved.low),
                    finite(moved.high),
                    verdict_number(moved.verdict),
                )
                for number, moved in survey.moved(one)
            ],
            series=one.series,
            cases=one.cases,
        )
        for one in survey.events()
    ]


def commit_ranges(some: Sequence[Range], repository: Repository) -> list[CommitRange]:
    """Return ranges of commits with what the repository knows of them."""
    found = []
    for one in some:
        commits, more = repository.between(one.good, one.bad)
        found.append(
            CommitRange(
                subject=one.subject or "",
                good=one.good or "",
                bad=one.bad or "",
                good_version=one.good_version or "",
                bad_version=one.bad_version or "",
                command=git_log(one),
                commits=commits,
                more=more,
            )
        )
    return found


def difference_rows(some: Sequence[Difference]) -> list[list[str]]:
    """Return what differs beside the subjects, of which there are ranges of commits."""
    others = [one for one in some if one.kind is not Differs.SUBJECT]
    return [
        [one.kind.value, one.name, _values(one.before), _values(one.after)]
        for one in others[:_MOST_DIFFERENCES]
    ]


def _values(some: Sequence[str]) -> str:
    more = len(some) - _MOST_VALUES
    return ", ".join(some[:_MOST_VALUES]) + (f" and {more:,} more" if more > 0 else "")
