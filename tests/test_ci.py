"""Which CI run this is, and on which branch."""

from __future__ import annotations

import pytest

from benchdb.collect.ci import ci_branch, ci_run_url

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "dask/dask",
    "GITHUB_RUN_ID": "123",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_REF": "refs/heads/main",
}
GITHUB_PULL = {**GITHUB, "GITHUB_REF": "refs/pull/7/merge", "GITHUB_BASE_REF": "main"}
GITLAB = {"GITLAB_CI": "true", "CI_JOB_URL": "https://gitlab.com/g/p/-/jobs/9"}
AZURE = {
    "TF_BUILD": "True",
    "SYSTEM_COLLECTIONURI": "https://dev.azure.com/org/",
    "SYSTEM_TEAMPROJECT": "my project",
    "BUILD_BUILDID": "55",
}
BUILDKITE = {
    "BUILDKITE": "true",
    "BUILDKITE_BUILD_URL": "https://buildkite.com/org/pipe/builds/1",
    "BUILDKITE_JOB_ID": "0190-ab",
}
JENKINS = {"JENKINS_URL": "https://ci.org/", "BUILD_URL": "https://ci.org/job/p/12/"}


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        (GITHUB, "https://github.com/dask/dask/actions/runs/123/attempts/2"),
        (GITLAB, "https://gitlab.com/g/p/-/jobs/9"),
        (AZURE, "https://dev.azure.com/org/my%20project/_build/results?buildId=55"),
        (BUILDKITE, "https://buildkite.com/org/pipe/builds/1#0190-ab"),
        (JENKINS, "https://ci.org/job/p/12/"),
        ({}, None),
        ({"GITHUB_ACTIONS": "true"}, None),
        ({"BUILD_URL": "https://somebody/else"}, None),
    ],
)
def test_the_run_is_named_by_a_page_that_a_rerun_does_not_change(environ, url):
    assert ci_run_url(environ) == url


def test_a_password_in_the_page_is_hidden():
    environ = {**JENKINS, "BUILD_URL": "https://me:hunter2@ci.org/job/p/12/"}
    assert ci_run_url(environ) == "https://***@ci.org/job/p/12/"


@pytest.mark.parametrize(
    ("environ", "branch"),
    [
        (GITHUB, "main"),
        ({**GITHUB, "GITHUB_REF": "refs/heads/fix/it"}, "fix/it"),
        ({**GITHUB_PULL, "GITHUB_HEAD_REF": "faster"}, "faster"),
        ({**GITLAB, "CI_COMMIT_BRANCH": "main"}, "main"),
        ({**GITLAB, "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "faster"}, "faster"),
        ({**AZURE, "BUILD_SOURCEBRANCH": "refs/heads/fix/it"}, "fix/it"),
        (
            {
                **AZURE,
                "BUILD_SOURCEBRANCH": "refs/pull/7/merge",
                "SYSTEM_PULLREQUEST_SOURCEBRANCH": "refs/heads/faster",
                "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main",
            },
            "faster",
        ),
        ({**BUILDKITE, "BUILDKITE_BRANCH": "main", "BUILDKITE_PULL_REQUEST": "false"}, "main"),
        ({**BUILDKITE, "BUILDKITE_BRANCH": "faster", "BUILDKITE_PULL_REQUEST": "7"}, "faster"),
        ({**JENKINS, "GIT_BRANCH": "origin/main"}, "main"),
        ({**JENKINS, "BRANCH_NAME": "main"}, "main"),
        ({**JENKINS, "BRANCH_NAME": "PR-7", "CHANGE_BRANCH": "faster"}, "faster"),
        ({}, None),
    ],
)
def test_the_branch_of_a_pull_request_is_its_head(environ, branch):
    assert ci_branch(environ) == branch


@pytest.mark.parametrize(
    "environ",
    [
        {**GITHUB, "GITHUB_REF": "refs/tags/v1.0"},
        {**GITLAB, "CI_COMMIT_TAG": "v1.0"},
        {**AZURE, "BUILD_SOURCEBRANCH": "refs/tags/v1.0"},
        {**BUILDKITE, "BUILDKITE_BRANCH": "v1.0", "BUILDKITE_TAG": "v1.0"},
        {**JENKINS, "BRANCH_NAME": "v1.0", "TAG_NAME": "v1.0"},
    ],
)
def test_a_tag_is_no_branch(environ):
    assert ci_branch(environ) is None


@pytest.mark.parametrize(
    ("environ", "branch"),
    [
        ({**GITHUB_PULL, "GITHUB_HEAD_REF": "main"}, "pull/7:main"),
        ({**GITHUB_PULL, "GITHUB_HEAD_REF": "dev", "GITHUB_BASE_REF": "dev"}, "pull/7:dev"),
        (
            {
                **GITLAB,
                "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "master",
                "CI_MERGE_REQUEST_IID": "3",
            },
            "pull/3:master",
        ),
        (
            {**BUILDKITE, "BUILDKITE_BRANCH": "main", "BUILDKITE_PULL_REQUEST": "7"},
            "pull/7:main",
        ),
        ({**JENKINS, "CHANGE_BRANCH": "main", "CHANGE_ID": "7"}, "pull/7:main"),
    ],
)
def test_the_trunk_of_a_fork_is_not_taken_for_the_trunk(environ, branch):
    assert ci_branch(environ) == branch
