"""The JSON that commands print: every schema with every field, for who reads it by a program.

A field keeps its meaning as long as the number at the end of its schema stays; new fields may come.
Numbers are raw: seconds, bytes. Instants are ISO 8601 in UTC. What isn't known is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchdb.config import Server
from benchdb.records import Verdict

if TYPE_CHECKING:
    from benchdb.config import Location

_SUBJECTS: Final = {
    "[].name": "name of a subject package",
    "[].version": "its version, of an editable install read at run time",
    "[].commit": "its commit",
    "[].committed": "committer time of that commit",
    "[].branch": "its branch",
    "[].dirty": "whether tracked files differed from the commit",
}

_KEY: Final = {
    "[].case": "path::name",
    "[].version": "from @pytest.mark.benchmark_version",
    "[].environment": "fingerprint",
    "[].cluster": "shape of the cluster: kind, workers, threads, memory_limit, "
    "scheduler_instance_type, worker_instance_type, region; null without one",
    "[].tags": "values of the tags in series_tags",
    "[].tags.*": "value of a tag",
    "[].metric": "name of the metric",
    "[].unit": "s, B, 1 or the user's word",
    "[].direction": "LOWER_IS_BETTER, HIGHER_IS_BETTER or null",
}

_SIDE: Final = {
    ".session": "uid of the session",
    ".place": "newest committer time among its subjects, else its start",
    ".started": "when the session started",
    ".subjects": "its revision, sorted by name",
    **{f".subjects{key}": said for key, said in _SUBJECTS.items()},
}

_SAYING: Final = {
    ".key": "key of the annotation",
    ".made": "when it was said",
    ".state": "expected, noise, fixed, wont-fix, or open where it was taken back",
    ".follows": "key of the one before it",
    ".author": "who said it",
    ".text": "why",
    ".series": "the series that it is about: path::name metric unit, or a glob",
    ".after": "the change began behind this revision: commit and instant",
    ".until": "and at the latest with this one",
    ".direction": "up or down; null for both",
    ".session": "uid of the session that the event is named by",
    ".commit": "of a fix",
}

#: An event, in every document that has some.
_EVENT: Final = {
    "[].id": "what people call it by: the end of the uid of its first session",
    "[].state": "open, expected, noise, fixed or wont-fix",
    "[].verdict": "REGRESSED where anything got worse, else IMPROVED; null where no way is better",
    "[].cause": "what is to be suspected: environment, code, packages, platform or unknown",
    "[].back": "whether all of it went back to the old level since",
    "[].lasts": "whether it is there still, though it was said to be fixed",
    "[].tests_moved": "number of tests with a series that moved",
    "[].tests": "number of tests measured on both sides",
    "[].series_moved": "number of series that moved",
    "[].series": "number of series measured on both sides",
    "[].last_before": "the last session of the old level",
    "[].first_after": "the first session of the new level",
    "[].earliest": "the boundary may lie anywhere from this session",
    "[].latest": "to this one",
    **{
        f"[].{side}{key}": said
        for side in ("last_before", "first_after", "earliest", "latest")
        for key, said in _SIDE.items()
    },
    "[].commits": "of each subject that differs the commits between the two sessions",
    "[].commits[].subject": "name of the subject package; null where none is known",
    "[].commits[].good": "its commit in the last session of the old level",
    "[].commits[].bad": "its commit in the first session of the new level",
    "[].commits[].good_version": "its version in the former",
    "[].commits[].bad_version": "its version in the latter",
    "[].commits[].since": "committer time of the former, else the session's start",
    "[].commits[].until": "committer time of the latter, else the session's start",
    "[].commits[].command": "what lists these commits",
    "[].differences": "what else is not the same in the two sessions",
    "[].differences[].kind": "subject, package, machine, cluster, platform or load",
    "[].differences[].name": "of the package, or of what else it is",
    "[].differences[].before": "every value in the former session; empty where there is none",
    "[].differences[].after": "every value in the latter",
    "[].controls": "the control tests that moved: path::name",
    "[].moved": "the series that moved, those that moved most first",
    **{f"[].moved{key}": said for key, said in _KEY.items()},
    "[].moved[].effect": "new level / old level - 1; null where the old level was 0",
    "[].moved[].low": "lower bound of its 95 % interval",
    "[].moved[].high": "upper bound",
    "[].moved[].before": "old level, in the unit",
    "[].moved[].after": "new level",
    "[].moved[].noise": "standard deviation of values around their level, relative to it",
    "[].moved[].p": "chance that a series without a change shows as much anywhere",
    "[].moved[].verdict": "REGRESSED, IMPROVED or null",
    "[].moved[].back": "whether it went back to the old level since",
    "[].moved[].last_before": "uid of the last session of its own old level",
    "[].moved[].first_after": "uid of the first session of its own new level",
    "[].saying": "what was said of it last; null where nothing was",
    **{f"[].saying{key}": said for key, said in _SAYING.items()},
}

_METRIC: Final = {
    "overall[].metric": "name of the metric",
    "overall[].unit": "s, B, 1 or the user's word",
    "overall[].direction": "LOWER_IS_BETTER, HIGHER_IS_BETTER or null",
}

#: What is said of a series, in every document that has that.
_VERDICT: Final = {
    **_KEY,
    "[].verdict": "REGRESSED, IMPROVED, UNCHANGED or UNDECIDED",
    "[].certainty": "suspect or confirmed, of what moved; else null",
    "[].fails": "whether it fails the build",
    "[].effect": "new level / old level - 1, as measured",
    "[].low": "lower bound of its 95 % interval",
    "[].high": "upper bound",
    "[].p": "chance of an effect like this with no change",
    "[].before": "old level, in the unit; of outcomes, the share of test runs",
    "[].after": "new level",
    "[].points": "number of sessions at the new level",
    "[].past": "number of sessions that the old level is known from",
    "[].last_before": "uid of the last session at the old level; null if none moved",
    "[].first_after": "uid of the first session at the new level",
    "[].raised": "uid of the session that was alarmed at first; null where that is now",
    "[].commits": "of each subject that differs the commits between the two sessions",
    **{
        f"[].commits[].{name}": _EVENT[f"[].commits[].{name}"]
        for name in ("subject", "good", "bad", "good_version", "bad_version")
    },
    **{
        f"[].commits[].{name}": _EVENT[f"[].commits[].{name}"]
        for name in ("since", "until", "command")
    },
    "[].tolerance": "effect that doesn't matter, as a share",
    "[].smallest": "smallest effect for the worse that five sessions would show; null "
    "where none would, or the level is 0",
    "[].control": "whether the test is a control",
    "[].why": "why it is undecided; else null",
    "[].fixed_by": "the commit that was said to have fixed it, where it lasts; else null",
}

SESSIONS: Final = "benchdb/sessions/1"
SERIES: Final = "benchdb/series/1"
CHANGES: Final = "benchdb/changes/1"
GATE: Final = "benchdb/gate/1"
BACKTEST: Final = "benchdb/backtest/1"
EXPLANATION: Final = "benchdb/explanation/1"
COMPARISON: Final = "benchdb/compare/1"
SAYINGS: Final = "benchdb/sayings/1"
INFO: Final = "benchdb/info/1"
CHECK: Final = "benchdb/check/1"
PRUNE: Final = "benchdb/prune/1"
HISTORY: Final = "benchdb/history/1"
HISTORY_CHECK: Final = "benchdb/history-check/1"

#: What prints each schema.
COMMANDS: Final = {
    SESSIONS: "benchdb show --format json",
    SERIES: "benchdb show CASE --format json",
    CHANGES: "benchdb changes --format json",
    GATE: "benchdb gate --format json",
    BACKTEST: "benchdb backtest --format json",
    EXPLANATION: "benchdb explain CASE --format json",
    COMPARISON: "benchdb compare BASELINE CONTENDER --format json",
    SAYINGS: "benchdb ack --list --format json",
    INFO: "benchdb db info --format json",
    CHECK: "benchdb db check --format json",
    PRUNE: "benchdb db prune --format json",
    HISTORY: "benchdb db info REMOTE --format json",
    HISTORY_CHECK: "benchdb db check REMOTE --format json",
}

#: Path of a field to its meaning, by schema; ``[]`` is any item of a list, ``*`` any key.
FIELDS: Final[dict[str, dict[str, str]]] = {
    SESSIONS: {
        "schema": "benchdb/sessions/1",
        "database": "path of the file that was read",
        "sessions": "sessions, the newest first",
        "sessions[].uid": "UUIDv7; of an imported session UUIDv8",
        "sessions[].digest": "SHA-256 of all its rows; null while it is open",
        "sessions[].started": "when it started",
        "sessions[].finished": "when it ended",
        "sessions[].state": "open, finished or lost",
        "sessions[].conflict": "whether the file holds another form of it",
        "sessions[].branch": "branch of the project",
        "sessions[].dirty": "whether a subject's tracked files were changed",
        "sessions[].subjects": "its revision, sorted by name",
        **{f"sessions[].subjects{key}": said for key, said in _SUBJECTS.items()},
        "sessions[].environment": "fingerprint of its environment",
        "sessions[].tags": "object of strings",
        "sessions[].tags.*": "value of a tag",
        "sessions[].ci_run_url": "page of the CI run",
        "sessions[].command_line": "as it was called, secrets redacted",
        "sessions[].host": "name of the machine",
        "sessions[].xdist_workers": "number of pytest-xdist's workers",
        "sessions[].benchdb_version": "of the benchdb that recorded it",
        "sessions[].runs": "number of test runs",
        "sessions[].failed": "test runs of which a phase failed",
        "sessions[].lost": "test runs whose process was killed",
        "environments": "the environments of these sessions, by fingerprint",
        "environments.*": "an object: cpu_model, cpu_count, memory_gib, os, architecture, "
        "python_implementation, python_minor, extra",
    },
    SERIES: {
        "schema": "benchdb/series/1",
        "database": "path of the file that was read",
        "series": "series, by case, version, environment, tags, cluster and metric",
        "series[].case": "path::name",
        "series[].path": "file of the test",
        "series[].name": "its name, with class and parameters",
        "series[].version": "from @pytest.mark.benchmark_version",
        "series[].environment": "fingerprint",
        "series[].cluster": "shape of the cluster: kind, workers, threads, memory_limit, "
        "scheduler_instance_type, worker_instance_type, region; null without one",
        "series[].tags": "values of the tags in series_tags",
        "series[].tags.*": "value of a tag",
        "series[].metric": "name of the metric; failed, lost and hung count test runs",
        "series[].unit": "s, B, 1 or the user's word",
        "series[].direction": "LOWER_IS_BETTER, HIGHER_IS_BETTER or null",
        "series[].trunk": "whether it has trunk sessions alone",
        "series[].total": "number of all its points, of which --last takes the newest",
        "series[].points": "one a session, in order of place, the oldest first",
        "series[].points[].session": "uid of the session",
        "series[].points[].place": "newest committer time among its subjects, else its start",
        "series[].points[].started": "when the session started",
        "series[].points[].value": "median over the case's test runs whose call passed; "
        "of failed, lost and hung their number",
        "series[].points[].runs": "number of test runs that it is made of",
        "series[].points[].trunk": "whether it is a trunk session",
        "series[].points[].branch": "branch of the project",
        "series[].points[].dirty": "whether a subject's tracked files were changed",
        "series[].points[].subjects": "its revision, sorted by name",
        **{f"series[].points[].subjects{key}": said for key, said in _SUBJECTS.items()},
    },
    CHANGES: {
        "schema": "benchdb/changes/1",
        "database": "path of the file that was read",
        "sessions": "number of sessions that were searched",
        "family": "number of hypotheses that were tested as one family",
        "fdr": "share of false events that is allowed for",
        "events": "what changed, ranked: one event, one cause",
        **{f"events{key}": said for key, said in _EVENT.items()},
        "drifts": "series that changed slowly, without a moment",
        **{f"drifts{key}": said for key, said in _KEY.items()},
        "drifts[].effect": "level of the later half / level of the earlier half - 1",
        "drifts[].low": "lower bound of its 95 % interval",
        "drifts[].high": "upper bound",
        "drifts[].before": "level of the earlier half, in the unit",
        "drifts[].after": "level of the later half",
        "drifts[].p": "chance that a series without a change shows as much",
        "drifts[].verdict": "REGRESSED, IMPROVED or null",
        "drifts[].first": "uid of its first session",
        "drifts[].last": "uid of its last session",
        "series": "every series that was searched",
        **{f"series{key}": said for key, said in _KEY.items()},
        "series[].points": "number of its points",
        "series[].noise": "standard deviation of values around their level, relative to it",
        "series[].noise_floor": "smallest slowdown that it can tell from noise, as an effect; null "
        "with too few points",
        "series[].trunk": "whether it has trunk sessions alone",
        "fallback": "tests without a trunk session, of which every session is used: path::name",
        "conflicts": "uids of sessions that are not used, as there are several forms of them",
        "unmatched": "patterns of control tests that fit nothing, behind the setting's name",
    },
    GATE: {
        "schema": "benchdb/gate/1",
        "database": "path of the file that was read",
        "headline": "the outcome in one line",
        "exit_code": "0, or 1 where something fails",
        "sessions": "what was judged, the newest first",
        "sessions[].session": "uid of the session",
        "sessions[].started": "when it started",
        "sessions[].branch": "branch of the project",
        "sessions[].dirty": "whether a subject's tracked files were changed",
        "sessions[].state": "finished, or lost: its process was killed",
        "sessions[].subjects": "its revision, sorted by name",
        **{f"sessions[].subjects{key}": said for key, said in _SUBJECTS.items()},
        "chosen": "why these sessions, in words",
        "trunk": "whether they are of the trunk",
        "base": "up to where the trunk counts, in words",
        "fail_on": "confirmed, or suspect: from which certainty a regression fails",
        "false_alarms": "share of sessions that may fail although nothing changed",
        "limit": "chance of a false alarm that each series may have",
        "counts": "number of series by verdict",
        **{f"counts.{verdict}": "series with this verdict" for verdict in Verdict},
        "not_failing": "number of series that regressed and don't fail",
        "not_failing.suspect": "too few sessions show it to fail",
        "not_failing.known": "it was raised before",
        "not_failing.control": "it is of a control test",
        "verdicts": "of every series that was judged, the worst first",
        **{f"verdicts{key}": said for key, said in _VERDICT.items()},
        "missing": "cases of the trunk's last sessions that did not run: path::name",
        "deselected": "number of those that the call did not ask for",
        "skipped": "cases that the trunk's last sessions ran, and that were skipped: path::name",
        "no_value": "series that the trunk's last sessions measured, without a value though their "
        "test ran: path::name metric unit",
        "other_environments": "where the trunk ran, if hardly in this environment; most sessions "
        "first",
        "other_environments[].environment": "fingerprint",
        "other_environments[].sessions": "number of the trunk's sessions in it",
        "other_environments[].differences": "what is another there than here",
        "other_environments[].differences[].name": "field of the environment",
        "other_environments[].differences[].there": "its value there; null where it is unknown",
        "other_environments[].differences[].here": "its value here; null where it is unknown",
        "mixed": "tests of the setting renamed that ran by both names: they share a series",
        "mixed[].former": "former name: path::name",
        "mixed[].now": "the present one",
        "head": "HEAD, where what is judged ran at another commit, and nobody named it",
        "unmatched": "patterns of the settings that fit nothing, behind the name of the setting",
        "infinite": "series that are not judged as the value is infinite: path::name metric unit",
        "conflicts": "uids of sessions that are not used, as there are several forms of them",
    },
    BACKTEST: {
        "schema": "benchdb/backtest/1",
        "database": "path of the file that was read",
        "sessions": "number of sessions that were judged",
        "failing": "number of those that would have failed",
        "series": "most series that one of them had",
        "fail_on": "confirmed, or suspect: from which certainty a regression fails",
        "false_alarms": "share of sessions that may fail although nothing changed",
        "alarms": "what would have failed a session, in the order of sessions",
        **{f"alarms{key}": said for key, said in _VERDICT.items()},
        "alarms[].session": "uid of the session that would have failed",
        "alarms[].started": "when it started",
        "alarms[].delay": "for how many sessions it had been there by then",
        "alarms[].stayed": "for how many sessions it was listed",
        "alarms[].lasts": "whether it is listed still at the end",
        "alarms[].also": "cases that regressed at the same place, seen later: that fails nothing",
    },
    EXPLANATION: {
        "schema": "benchdb/explanation/1",
        "database": "path of the file that was read",
        "series": "the series of the case that were judged",
        **{f"series{key}": said for key, said in _VERDICT.items() if key != "[].fails"},
        "series[].values": "the newest points, the newest last",
        "series[].values[].session": "uid of the session",
        "series[].values[].value": "in the unit; of outcomes, a number of test runs",
        "series[].judged": "how many of these are judged",
        "series[].segments": "stretches of one level in the past, the newest last",
        "series[].segments[].first": "uid of its first session",
        "series[].segments[].last": "uid of its last session",
        "series[].segments[].points": "number of its sessions",
        "series[].segments[].level": "in the unit",
        "series[].segments[].spread": "standard deviation around it, as a share",
        "series[].limit": "chance of a false alarm that it may have in one session",
        "series[].family": "number of series that share the budget",
        "series[].false_alarms": "the budget: share of sessions that may fail by chance",
        "series[].level": "what the past leads one to expect, in the unit",
        "series[].spread": "standard deviation of sessions around it, as a share",
        "series[].memory": "correlation of a session's deviation with the one before",
        "series[].worth": "how many sessions the level is worth",
        "series[].tail": "how far from it the farthest session was to the worse side, as a share",
        "series[].smallest_one": "smallest effect that one session would show",
        "series[].smallest_five": "smallest effect that five sessions would show",
        "series[].usual": "of outcomes, the share of test runs that is expected to fail",
    },
    COMPARISON: {
        "schema": "benchdb/compare/1",
        "database": "path of the file that was read",
        "regressed": "whether a case regressed, in a metric or by its outcomes",
        **{
            f"{side}{name}": said
            for side in ("baseline", "contender")
            for name, said in (
                ("", "a side"),
                (".given", "what was typed"),
                (".kind", "session, commit, branch, tag, package, last or date"),
                (".meaning", "what it means, in words"),
                (".sessions", "uids, in the order of their starts"),
                (".notes", "lines about sessions that were left out"),
            )
        },
        "differences": "what differs between the sides",
        "differences[].kind": "subject, package, machine, cluster, platform, load or tag",
        "differences[].name": "of the package, or of what else it is",
        "differences[].baseline": "every value on that side, sorted; none: it wasn't there",
        "differences[].contender": "every value on that side, sorted",
        "overall": "the geometric mean of the ratios, by metric",
        **_METRIC,
        "overall[].cases": "number of ratios",
        "overall[].effect": "mean ratio of contender to baseline - 1",
        "overall[].low": "lower bound of its 95 % interval",
        "overall[].high": "upper bound",
        "overall[].p": "chance of so large an effect with no change",
        "overall[].verdict": "REGRESSED, IMPROVED, UNCHANGED or UNDECIDED",
        "overall[].basis": "what the interval is made from: sessions; or cases, where those are "
        "too few",
        "overall[].verdicts": "number of cases by verdict",
        "overall[].verdicts.*": "number of cases",
        "cases": "a case and a metric under equal conditions each, in the order of --sort",
        "cases[].case": "path::name",
        **{name.replace("overall", "cases"): said for name, said in _METRIC.items()},
        "cases[].version": "from @pytest.mark.benchmark_version",
        "cases[].environment": "fingerprint, of the baseline",
        "cases[].cluster": "shape of the baseline's cluster; null without one",
        "cases[].tags": "values of the tags in series_tags, of the baseline",
        "cases[].tags.*": "value of a tag",
        "cases[].on_trial": "what of the conditions differs: environment, cluster, tag KEY",
        "cases[].contender_conditions": "version, environment, cluster and tags of the contender "
        "where they differ, else null",
        "cases[].effect": "contender / baseline - 1, as measured; null where it is infinite",
        "cases[].low": "lower bound of its 95 % interval; null where nothing is known",
        "cases[].high": "upper bound; null where nothing is known",
        "cases[].effect_size": "difference of the levels in standard deviations of the values",
        "cases[].p": "chance of so large a difference with no change",
        "cases[].verdict": "REGRESSED, IMPROVED, UNCHANGED or UNDECIDED, as one of all cases",
        "cases[].alone": "the verdict as if nothing else had been compared",
        "cases[].more_runs": "about how many more values of each side would decide; 0 where it is "
        "decided, null where none would",
        "cases[].baseline": "level, in the unit",
        "cases[].contender": "level, in the unit",
        "cases[].baseline_values": "from how many values that is",
        "cases[].contender_values": "from how many values that is",
        "cases[].tolerance": "effect that doesn't matter, as a share",
        "cases[].values": "what a value is: sessions (their medians), or runs",
        "outcomes": "cases that failed, were lost or the like on either side",
        "outcomes[].case": "path::name",
        "outcomes[].metric": "what happened",
        "outcomes[].baseline": "number of sessions in which it did",
        "outcomes[].contender": "number of sessions in which it did",
        "outcomes[].baseline_sessions": "number of sessions in which the case ran",
        "outcomes[].contender_sessions": "number of sessions in which the case ran",
        "outcomes[].p": "chance of shares so far apart with no change",
        "outcomes[].verdict": "REGRESSED, IMPROVED or UNDECIDED",
        "not_compared": "what only one side can show",
        "not_compared[].case": "path::name",
        "not_compared[].metric": "name of the metric; null for the whole case",
        "not_compared[].unit": "its unit",
        "not_compared[].side": "the side that has it: baseline, contender or both",
        "not_compared[].reason": "why it isn't compared",
        "left_out": "number of series whose conditions only one side has",
    },
    SAYINGS: {
        "schema": "benchdb/sayings/1",
        "database": "path of the file that was read",
        "sayings": "what was said of events and holds, the latest first",
        **{f"sayings[]{key}": said for key, said in _SAYING.items()},
    },
    INFO: {
        "schema": "benchdb/info/1",
        "database": "path of the file, or URL without its password",
        "size": "bytes, with its log",
        "revision": "revision of its schema",
        "newest": "whether that is the newest schema",
        "sessions": "number of sessions",
        "test_runs": "number of test runs",
        "measurements": "number of measurements",
        "first": "when the first session started",
        "last": "when the last session started",
        "open": "uids of sessions that are being recorded",
        "lost": "uids of sessions whose process was killed",
        "conflicts": "uids of sessions of which the file holds several forms",
        "environments": "environments, the most used first",
        "environments[].fingerprint": "hash of the other fields",
        "environments[].sessions": "number of sessions in it",
        "environments[].cpu_model": "as the operating system names it",
        "environments[].cpu_count": "logical cores",
        "environments[].memory_gib": "memory, rounded to GiB",
        "environments[].os": "Linux, Darwin or Windows",
        "environments[].architecture": "x86_64, arm64, …",
        "environments[].python_implementation": "CPython, PyPy, …",
        "environments[].python_minor": "3.11, 3.12, …",
        "environments[].extra": "what [tool.benchdb] fingerprint added",
        "environments[].extra.*": "value of what was added",
        "backups": "paths of copies from before an upgrade",
        "aside": "paths of files with sessions that could not be recorded into this one",
    },
    CHECK: {
        "schema": "benchdb/check/1",
        "database": "path of the file, or URL without its password",
        "sessions": "closed sessions whose digests were computed again",
        "test_runs": "their test runs",
        "problems": "a line for everything that is wrong",
    },
    PRUNE: {
        "schema": "benchdb/prune/1",
        "database": "path of the file, or URL without its password",
        "dry_run": "whether nothing was removed",
        "sessions": "the sessions, the newest first",
        "sessions[].uid": "UUIDv7; of an imported session UUIDv8",
        "sessions[].digest": "SHA-256 of all its rows",
        "sessions[].started": "when it started",
        "sessions[].runs": "number of test runs",
        "freed": "bytes given back to the system",
    },
    HISTORY: {
        "schema": "benchdb/history/1",
        "remote": "the remote that was read",
        "generation": "how often its manifest was replaced; null where there is none",
        "problem": "what is wrong with its manifest, if anything",
        "horizon": "what began before is forgotten; null where there is none",
        "tombstones": "number of sessions that were erased",
        "months": "months, the newest first",
        "months[].month": "as 2026-11",
        "months[].entries": "sessions and annotations in its snapshot",
        "months[].revision": "revision of the schema of its snapshot",
        "months[].snapshot": "bytes of its snapshot",
        "months[].backups": "bytes of the snapshots before",
        "months[].segments": "number of its segments; some may be folded already",
        "months[].segments_size": "bytes of its segments",
        "months[].newest": "seconds since its newest segment or snapshot was put",
        "files": "number of files of test runs",
        "files_size": "bytes of them",
        "published": "bytes of benchmark.db; null where there is none",
        "published_age": "seconds since that was renewed; below 0 where its date lies ahead",
        "foreign": "names of objects that are none of benchdb's, 100 at most",
        "size": "bytes of it all",
    },
    HISTORY_CHECK: {
        "schema": "benchdb/history-check/1",
        "remote": "the remote that was read",
        "objects": "number of objects that were verified",
        "entries": "number of sessions and annotations that they hold",
        "files_absent": "number of files of test runs that are not there: never pushed, or removed",
        "problems": "a line for everything that is wrong",
    },
}


def document(
    schema: str, source: Location | str, content: dict[str, Any], named: str = "database"
) -> str:
    """Return a document of a schema, in ASCII, which every terminal and parser takes.

    Parameters
    ----------
    schema, content
        Its name, and what is in it.
    source, named
        What it is about, and the field that names that.
    """
    return "".join(parts(schema, source, content, named))


def parts(
    schema: str, source: Location | str, content: dict[str, Any], named: str = "database"
) -> Iterator[str]:
    """Yield a document of a schema piece by piece: items of an iterator are made one at a time."""
    before = "{"
    for name, value in {"schema": schema, named: str(source), **content}.items():
        yield f'{before}\n  "{name}": '
        before = ","
        if not isinstance(value, Iterator):
            yield _written(value, "  ")
            continue
        start = "["
        for item in value:
            yield f"{start}\n    {_written(item, '    ')}"
            start = ","
        yield "\n  ]" if start == "," else "[]"
    yield "\n}\n"


def _written(value: Any, indent: str) -> str:
    # No text in JSON holds a line break of its own.
    return json.dumps(_plain(value), indent=2, allow_nan=False).replace("\n", f"\n{indent}")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, (Path, Server)):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no infinity
    return value
