"""Secrets never enter the record; what only looks a bit like them stays readable."""

from __future__ import annotations

import shlex

import pytest

from benchdb.collect.redaction import looks_secret, redact, redact_command_line, redact_value

pytestmark = pytest.mark.portable

# Put together here, so that no scanner of repositories takes them for somebody's.
GITHUB = "ghp" + "_" + "16C7e42F292c6912E7710c838347Ae178B4a"
GITHUB_FINE = "github" + "_pat_" + "11AAAAAAA0abcdefghij_KLMNOPQRSTUVWXYZ0123456789"
GITLAB = "glpat" + "-" + "xYz12345abcde_FGHIJK"
SLACK = "xoxb" + "-" + "123456789012-abcdefABCDEF"
AWS = "AKIA" + "IOSFODNN7EXAMPLE"
JWT = "eyJhbGciOiJIUzI1NiJ9" + "." + "eyJzdWIiOiIxMjM0In0" + "." + "dozjgNryP4J3jVmN"
RANDOM = "q7Zk2Lw9Xb4Vt1Rn8Mc5Hs3Jd6Gf0PyAe"


@pytest.mark.parametrize(
    ("argv", "shown"),
    [
        (["--token", "hunter2"], "--token ***"),
        (["--token=hunter2"], "--token=***"),
        (["--password", "two words"], "--password ***"),
        (["--db-password=a=b=c"], "--db-password=***"),
        (["--api-key", "abc"], "--api-key ***"),
        (["--aws-secret-access-key", "abc"], "--aws-secret-access-key ***"),
        (["--apiKey=abc"], "--apiKey=***"),
        (["FOO_SECRET=abc"], "FOO_SECRET=***"),
        (["--env", "FOO_SECRET=abc"], "--env FOO_SECRET=***"),
        (["-o", "api_token=abc"], "-o api_token=***"),
        (["-oapi_token=abc"], "-oapi_token=***"),
        (["--benchmark-tag", "token=abc"], "--benchmark-tag token=***"),
        (["--tx", "popen//env:API_TOKEN=abc//python=3.12"], None),
        (["--benchmark-db", "postgresql://me:hunter2@host/db"], None),
        (["--benchmark-db=postgresql://me:pa/ss@host/db"], None),
        (["--remote=s3://bucket/x?X-Amz-Signature=abc&region=eu"], None),
        (["https://me:hunter2@host/x.whl"], None),
        (["-H", "Authorization: Basic aGk6aHVudGVyMg=="], None),
        (["--header=Authorization: Bearer abcdefghijkl"], None),
        (["--config", '{"password": "hunter2", "user": "me"}'], None),
        (["-HAuthorization: Basic aGk6aHVudGVyMg=="], None),
        (["--user", "me:hunter2"], "--user me:***"),
        (["-e", "DB_PASSWORD=hunter2,abc;two words"], "-e DB_PASSWORD=***"),
        (["--conn", "host=h password='two words' user=me"], None),
        (["--creds=hunter2"], "--creds=***"),
        (["--benchmark-tag", "k=password=hunter2"], "--benchmark-tag k=password=***"),
        (["--benchmark-tag=k=token=hunter2"], None),
        (["--share=//me:hunter2@host/share"], None),
        ([f"{AWS}:wJalrXUtnFEMI/K7MDENG/bPxRfiCYabcEXAMPLE"], "***"),
        (["https://discord.com/api/webhooks/1234/abc-def"], None),
        (["--vault", "hvs" + ".CAESIabcdefghijklmnopqrstuv"], "--vault ***"),
        (["--jira", "ATATT3" + "xFfGF0abcdefghijklmnopqrstuvwxyz"], "--jira ***"),
        (["--databricks", "dapi" + "0123456789abcdef" * 2], "--databricks ***"),
        (["--seed", RANDOM], "--seed ***"),
        ([f"--seed={RANDOM}"], "--seed=***"),
        ([f"--storage=account={RANDOM}"], "--storage=account=***"),
        *(
            ([option, token], None)
            for token in (GITHUB, GITHUB_FINE, GITLAB, SLACK, AWS, JWT)
            for option in ("--anything", "tests", "-k")
        ),
    ],
)
def test_secrets_in_a_command_line_are_hidden(argv, shown):
    line = redact_command_line(["pytest", "--benchmark", *argv], {})
    assert "***" in line
    for secret in ("hunter2", "two words", "abc", "pa/ss", "b=c", "aGk6", RANDOM, AWS):
        assert secret not in line
    for secret in (GITHUB, GITHUB_FINE, GITLAB, SLACK, JWT):
        assert secret[8:] not in line
    if shown is not None:
        assert line == f"pytest --benchmark {shown}"


@pytest.mark.parametrize(
    "argument",
    [
        "tests/test_auth.py::test_login[token=abc-password]",
        "tests/test_array.py::TestRechunk::test_p2p[float64-(100, 100)-<lambda>]",
        "C:\\Users\\me\\project\\tests\\test_a.py",
        "--deselect=tests/test_auth.py::test_x[secret=1]",
        "--basetemp=/tmp/pytest-of-Me/Pytest-0/Test1Long2Name3Of4Some5Folder6",
        "--benchmark-db=/data/benchmark.db",
        "--benchmark-db=postgresql://me@host:5432/db",
        "--benchmark-db=postgresql://host:5432/a@b",
        "--git=ssh://git@github.com/dask/dask",
        "--commit=16c7e42f292c6912e7710c838347ae178b4a16c7",
        "--digest=" + "0123456789abcdef" * 4,
        "--uid=0190b3c4-7d9a-7c3e-8f00-0123456789ab",
        "--tokenizer=bert-base-uncased",
        "--token-file=/run/secrets/token",
        "--max-tokens=512",
        "--token-count=5",
        "--author=me",
        "--user=me",
        "--sort-key=name",
        "--image=registry/app@sha256:" + "0123456789abcdef" * 4,
        "--wheel=numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "--cache-key=a",
        "--monkey=george",
        "--compass=north",
        "--pass-through=yes",
        "--no-auth",
        "--durations=10",
        "--cov=benchdb",
        "-n4",
        "-W",
        "error::DeprecationWarning",
        "-p",
        "no:cacheprovider",
        "PYTHONHASHSEED=0",
        "***",
    ],
)
def test_ordinary_arguments_stay(argument):
    line = redact_command_line(["pytest", argument], {})
    assert shlex.split(line) == ["pytest", argument]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("-k", "token and not password"),
        ("-k", "test_a[key=1] or TestSomeVeryLongNameOfAClass2WithNumbers3Or4More"),
        ("-m", "auth"),
        ("--benchmark-tag", "branch=main"),
        ("--benchmark-tag", "a=b"),
        ("--password-file", "secret.txt"),
        ("--token-count", "5"),
        ("--no-token", "tests"),
        ("--use-auth", "tests/test_a.py::test_b"),
        ("--dist", "loadgroup"),
        ("--sha", "16c7e42f292c6912e7710c838347ae178b4a16c7"),
        ("--rootdir", "some/Where1/Far2/Away3/From4/Here5/And6/There7"),
    ],
)
def test_values_of_ordinary_options_stay(option, value):
    line = redact_command_line(["pytest", option, value], {})
    assert shlex.split(line) == ["pytest", option, value]


def test_a_value_that_a_secret_variable_holds_is_hidden_wherever_it_stands():
    environ = {"COILED_TOKEN": "swordfish-42", "HOME": "/home/me", "DB_PASSWORD": "postgres"}
    argv = ["pytest", "--account=swordfish-42", "swordfish-42", "--url=http://h/swordfish-42/x"]
    assert redact_command_line(argv, environ) == "pytest --account=*** *** --url=http://h/***/x"
    assert redact_command_line(["pytest", "--who", "postgres"], environ) == "pytest --who ***"


def test_a_password_that_is_a_plain_word_does_not_blacken_paths():
    environ = {"DB_PASSWORD": "postgres", "PWD": "/home/me/project", "AUTH": "true"}
    argv = ["pytest", "tests/postgres/test_a.py", "/home/me/project", "--flag=true"]
    assert redact_command_line(argv, environ) == " ".join(argv)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:hunter2@host/x", "https://***@host/x"),
        (f"https://{GITHUB}@github.com/dask/dask", "https://***@github.com/dask/dask"),
        ("https://me:p@ss@host/x", "https://***@host/x"),
        ("ssh://git@host/x", "ssh://git@host/x"),
        ("https://host/x?token=abc&page=2", "https://host/x?token=***&page=2"),
        ("Authorization: Bearer abcdefgh", "Authorization: ***"),
        ("curl -H 'X-Api-Key: abc' host", "curl -H 'X-Api-Key: ***' host"),
        ("FOO_SECRET=abc BAR=1", "FOO_SECRET=*** BAR=1"),
        ("password: abc", "password: ***"),
        ("AccountName=me;AccountKey=abc==;x=1", "AccountName=me;AccountKey=***;x=1"),
        ("the token was late", "the token was late"),
        ("16c7e42f292c6912e7710c838347ae178b4a16c7", "16c7e42f292c6912e7710c838347ae178b4a16c7"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----",
        ),
    ],
)
def test_secrets_in_a_text_are_hidden_and_the_rest_stays(text, shown):
    assert redact(text, {}) == shown
    assert redact(shown, {}) == shown


@pytest.mark.parametrize(
    "text",
    ["a" * 20_000 + "://", "x://" + "a://b:" * 20_000, "eyJ-" * 20_000, "https://" * 20_000],
)
def test_the_time_grows_with_the_length_and_no_faster(text):
    """A pattern that starts anew at each letter would take minutes here."""
    assert redact(text, {}) == text


def test_a_pgp_key_is_hidden_too():
    begin, end = (f"-----{word} PGP PRIVATE KEY BLOCK-----" for word in ("BEGIN", "END"))
    assert redact(f"{begin}\nabc\n{end}", {}) == f"{begin}***{end}"


def test_a_value_is_judged_by_its_name_and_by_its_form():
    assert redact_value("DB_PASSWORD", "abc", {}) == "***"
    assert redact_value("INSTANCE_TYPE", "m6i.large", {}) == "m6i.large"
    assert redact_value("REMOTE", f"https://{GITHUB}@host", {}) == "https://***@host"
    assert redact_value("DB_PASSWORD", "", {}) == ""


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "dbPassword", "aws-secret-access-key", "SSH_KEY"])
def test_names_of_secrets_are_known(name):
    assert looks_secret(name)


@pytest.mark.parametrize("name", ["PWD", "SSH_AUTH_SOCK", "TOKEN_FILE", "KEYBOARD", "AUTHOR", ""])
def test_names_that_only_sound_secret_are_not(name):
    assert not looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "PGPASSWORD",
            "MYPASS",
            "KAGGLE_KEY",
            "FERNET_KEY",
            "dbpassword",
            "userpass",
            "pass_word",
        ),
        *("clientsecret", "secretaccesskey", "apitoken", "accesstoken", "accountkey", "hmac_key"),
        *("tokens", "tls_client_key", "encryptionkey", "dbPassword"),
    ],
)
def test_names_of_secrets_however_they_are_spelled(name):
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *("max_tokens", "tokenizer", "compass", "bypass", "SORT_KEY", "PUBLIC_KEY", "monkey"),
        *("n_workers", "memory_limit", "region", "keyboard", "passes", "secretary", "key", "KEY"),
    ],
)
def test_names_that_only_resemble_a_secrets(name):
    assert not looks_secret(name)
