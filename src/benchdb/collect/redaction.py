"""Keeps secrets out of the record: what looks like a token or a password becomes ``***``.

A value is hidden because of its own form (a GitHub token, a JWT, ``https://user:password@host``),
because of the name it stands under (``--token``, ``DB_PASSWORD=``), because a variable with such a
name holds the same value, or, as the value of an option, because it looks like chance. Hashes and
uids are hexadecimal and stay.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: What stands in the place of a secret.
HIDDEN: Final = "***"


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


#: A name with one of these words holds a secret...
_SECRET_WORDS: Final = _words(
    "token password passwd passphrase passcode pwd secret secrets credential credentials",
    "authorization apikey accesskey secretkey privatekey jwt bearer creds",
)
#: ... and one whose last word is one of these, or "key" after one of those...
_SECRET_ENDS: Final = _words("pass pw auth pat sas sig signature cookie")
_SECRET_KEYS: Final = _words(
    "api access account auth private secret shared signing encryption master storage ssh",
    "subscription session deploy license service hmac fernet client server",
)
#: The same as one word, with another in front of it or not: ``PGPASSWORD``, ``secretaccesskey``.
_SECRET_FORM: Final = re.compile(
    r".*(?:password|passwd|passphrase|passcode|secret|credentials?|token"
    r"|(?:api|access|account|auth|private|secret|encryption)key)|tokens|\w{2,6}pass"
)
#: Words that end like that and are none.
_ORDINARY_WORDS: Final = _words("compass bypass")
#: A variable of the environment that ends so; its value is seldom a key to sort or to look up by.
_KEY_VARIABLE: Final = re.compile(r"(?!.*(?:PUBLIC|PRIMARY|FOREIGN|SORT|CACHE|GROUP)_KEY$)\w+_KEY")
#: ... unless its last word says that it is about one.
_ABOUT_WORDS: Final = _words(
    "file files path dir folder url uri name type kind id count counts limit length size sock",
    "socket ttl expiry expires timeout plugin provider method mode header prefix host port scheme",
    "env issuer endpoint enabled required",
)
#: The shell's own names that only look so.
_ORDINARY_NAMES: Final = frozenset({"PWD", "OLDPWD"})

_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

#: Forms that their makers gave to tokens, so that they can be found.
_TOKENS: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?::[A-Za-z0-9/+]{30,})?"  # AWS, and ID:SECRET
    r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}"
    r"|gl(?:pat|dt|rt|rtr|cbt|ptt|ft|soat|imt|agent|oas|ffct)-[\w.-]{16,}"
    r"|xox[abceoprs](?:\.xox[bp])?-[\w-]{8,}|xapp-[\w-]{10,}"  # Slack
    r"|eyJ[\w-]{6,1000}\.[\w-]{4,}\.[\w-]*"  # JWT
    r"|sk-[A-Za-z0-9_-]{20,}|[rs]k_(?:live|test)_\w{10,}|whsec_\w{10,}"
    r"|pypi-[\w-]{40,}|npm_[A-Za-z0-9]{30,}|hf_[A-Za-z0-9]{30,}|dckr_pat_[\w-]{20,}"
    r"|AIza[\w-]{30,}|ya29\.[\w-]{20,}|dop_v1_[a-f0-9]{40,}|dapi[a-f0-9]{32}"
    r"|SG\.[\w-]{16,200}\.[\w-]{16,}|hv[bsr]\.[\w-]{20,}|AT[AC]TT3[\w=-]{10,}"
    r"|AGE-SECRET-KEY-1[A-Z0-9]{30,}"
    r"|bk(?:ua|aj)_[a-f0-9]{30,}"  # Buildkite
    r")"
)
_PRIVATE_KEY: Final = re.compile(
    r"(-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----).*?"
    r"(-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
#: In http a lone user is a token as often as not; elsewhere it is a name (``ssh://git@host``).
_HTTP_USER: Final = re.compile(r"(https?://)[^\s/?#\"']*@", re.IGNORECASE)
_URL_USER: Final = re.compile(r"((?:^|[\s=:])//)[^\s/?#:@\"']*:[^\s/?#\"']*@")
#: A password with a slash in it; the numbers after a colon are a port.
_UNQUOTED_USER: Final = re.compile(r"(://)[^\s/@:\"']*:(?!\d+(?:/|$))[^\s@\"']{1,500}@")
_WEBHOOK: Final = re.compile(
    r"(https://(?:hooks\.slack\.com/\w+/|discord(?:app)?\.com/api/webhooks/))[\w/-]+"
)
_HEADER: Final = re.compile(
    r"(?:\b|(?<=-H))((?:proxy-)?authorization|(?:x-)?api-key|private-token|job-token"
    r"|x-auth-token|(?:set-)?cookie)"
    r"([\"']?\s*[:=]\s*)[^\"'\r\n]+",
    re.IGNORECASE,
)
_BEARER: Final = re.compile(r"\b([Bb]earer\s+)[\w.~+/=-]{8,}")
#: ``NAME=VALUE``, ``"NAME": "VALUE"``; a name inside brackets is a parameter of a test.
_NAMED: Final = re.compile(
    r"(?:(?<=[\s;&,?:/{\"'#])|^)(?P<name>[A-Za-z_][\w.-]*)"
    r"(?P<between>[\"']?\s*=\s*|[\"']\s*:\s*|:\s+)"
    r"(?P<value>(?P<quote>[\"']).*?(?:(?P=quote)|\Z)|[^\s;&,\"'}]+)",
    re.DOTALL,
)
#: An argument that is one assignment: whatever follows belongs to its value.
_ASSIGNMENT: Final = re.compile(r"(?P<name>[A-Za-z_][\w.-]*)=.*", re.DOTALL)
#: Options of tools that take ``NAME:PASSWORD``.
_USER_OPTIONS: Final = frozenset({"-u", "--user", "--proxy-user", "--userpwd"})
_OPTION: Final = re.compile(r"(?P<name>--?[A-Za-z][\w.-]*)=(?P<value>.*)", re.DOTALL)
_OPTION_ALONE: Final = re.compile(r"--?[A-Za-z][\w.-]*")
_OPTION_AND_VALUE: Final = re.compile(
    r"(?<!\S)(?P<option>--[A-Za-z][\w.-]*)(?P<between>\s+)[^\s-]\S*"
)
_NODE_ID: Final = re.compile(r"[^\s=]*\.py(?:::|$)")
#: Options of pytest whose values are expressions over names.
_EXPRESSIONS: Final = frozenset({"-k", "-m", "-p", "-W", "--deselect", "--ignore", "--ignore-glob"})


def redact_command_line(argv: Iterable[str], environ: Mapping[str, str] | None = None) -> str:
    """Return the command line as one would type it, its secrets hidden.

    Parameters
    ----------
    argv
        The arguments, the program first.
    environ
        Where to look for secrets that the arguments may repeat; by default `os.environ`.
    """
    held = _held_secrets(os.environ if environ is None else environ)
    shown: list[str] = []
    option = ""
    for argument in argv:
        shown.append(_redact_argument(argument, option, held))
        option = argument if argument.startswith("-") and "=" not in argument else ""
    return " ".join(_quoted(argument) for argument in shown)


def _quoted(argument: str) -> str:
    import shlex

    # For the reader's sake `***` stands without quotes: nobody runs it again.
    plain = argument.replace(HIDDEN, "_")
    return argument if shlex.quote(plain) == plain else shlex.quote(argument)


def redact(text: str, environ: Mapping[str, str] | None = None) -> str:
    """Return `text` with its secrets hidden.

    Parameters
    ----------
    text
        Free text: a URL, a header, the value of a variable.
    environ
        Where to look for secrets that the text may repeat; by default `os.environ`.
    """
    held = _held_secrets(os.environ if environ is None else environ)
    return _redact_named(_redact_forms(text, held))


def redact_value(name: str, value: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the value of a variable, tag or setting, hidden if its name or its form says so."""
    return HIDDEN if value and looks_secret(name) else redact(value, environ)


def redact_tree(value: Any, name: str = "", environ: Mapping[str, str] | None = None) -> Any:
    """Return mappings and lists of plain values with their secrets hidden, for YAML or JSON.

    Parameters
    ----------
    value
        What is neither a mapping, a list nor a plain value is shown as its text.
    name
        What the value stands under: all of it is hidden where that is a secret's name.
    environ
        As in `redact`.
    """
    if isinstance(value, dict):
        if name and looks_secret(name):
            return HIDDEN
        return {str(key): redact_tree(held, str(key), environ) for key, held in value.items()}
    if isinstance(value, (list, tuple, set)):
        shown, option = [], ""
        for held in value:  # it may be a command line
            shown.append(redact_tree(held, option or name, environ))
            option = held if isinstance(held, str) and _OPTION_ALONE.fullmatch(held) else ""
        return shown
    if value is None or isinstance(value, (bool, int, float)):
        return HIDDEN if value and name and looks_secret(name) else value
    return _OPTION_AND_VALUE.sub(_redact_option, redact_value(name, str(value), environ))


def _redact_option(found: re.Match[str]) -> str:
    return f"{found['option']}{found['between']}{HIDDEN}" if looks_secret(found[1]) else found[0]


def looks_secret(name: str) -> bool:
    """Tell whether a thing of this name holds a secret: ``DB_PASSWORD`` but not ``TOKEN_FILE``."""
    if name in _ORDINARY_NAMES:
        return False
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or words[-1] in _ABOUT_WORDS:
        return False
    if words[-1] in _SECRET_ENDS or not _SECRET_WORDS.isdisjoint(words):
        return True
    whole = "".join(words)
    if _SECRET_FORM.fullmatch(whole) and whole not in _ORDINARY_WORDS:
        return True
    if name.isupper() and _KEY_VARIABLE.fullmatch(name):
        return True
    return len(words) > 1 and words[-1] == "key" and words[-2] in _SECRET_KEYS


def _redact_argument(argument: str, option: str, held: frozenset[str]) -> str:
    if argument.startswith("-"):
        found = _OPTION.fullmatch(argument)
        if found is None:
            return _redact_forms(argument, held)
        name, value = found["name"], found["value"]
        # `-oapi_token=x` is `-o api_token=x`.
        secret = looks_secret(name) or (name[1] != "-" and looks_secret(name[2:]))
        return f"{name}={_redact_option_value(name, value, secret, held)}"
    flag = option.startswith(("--no-", "--disable-", "--without-"))
    secret = bool(option) and not flag and looks_secret(option) and not _NODE_ID.match(argument)
    return _redact_option_value(option, argument, secret, held)


def _redact_option_value(option: str, value: str, secret: bool, held: frozenset[str]) -> str:
    if value and (secret or value in held):
        return HIDDEN
    if option in _USER_OPTIONS and ":" in value:
        return f"{value.partition(':')[0]}:{HIDDEN}"
    found = _ASSIGNMENT.fullmatch(value)
    if found is not None and option not in _EXPRESSIONS and looks_secret(found["name"]):
        return f"{found['name']}={HIDDEN}"
    shown = _redact_forms(value, held)
    if option in _EXPRESSIONS or _NODE_ID.match(value):
        return shown
    if not option:
        return _redact_named(shown)
    name, equals, rest = shown.rpartition("=")
    if _looks_random(rest or name):
        return f"{name}{equals}{HIDDEN}" if rest else HIDDEN
    return _redact_named(shown)


def _redact_forms(text: str, held: frozenset[str]) -> str:
    """Hide what is known by its form, and what a variable holds."""
    if text in held:
        return HIDDEN
    for secret in held:
        # A short or plain word ("postgres") may stand in a path too.
        if len(secret) >= 8 and secret in text and (len(secret) >= 20 or _is_mixed(secret)):
            text = text.replace(secret, HIDDEN)
    if "//" in text:
        text = _HTTP_USER.sub(rf"\1{HIDDEN}@", text)
        text = _URL_USER.sub(rf"\1{HIDDEN}@", text)
        text = _UNQUOTED_USER.sub(rf"\1{HIDDEN}@", text)
        text = _WEBHOOK.sub(rf"\1{HIDDEN}", text)
    text = _PRIVATE_KEY.sub(rf"\1{HIDDEN}\2", text)
    text = _TOKENS.sub(HIDDEN, text)
    text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    return _BEARER.sub(rf"\1{HIDDEN}", text)


def _redact_named(text: str, nested: int = 3) -> str:
    def hidden(found: re.Match[str]) -> str:
        if not looks_secret(found["name"]):
            # What it is given may be an assignment itself: ``--tag key=password=…``.
            given = _redact_named(found["value"], nested - 1) if nested else found["value"]
            return found[0][: found.start("value") - found.start()] + given
        quote = found["quote"] or ""
        return f"{found['name']}{found['between']}{quote}{HIDDEN}{quote}"

    return _NAMED.sub(hidden, text)


def _held_secrets(environ: Mapping[str, str]) -> frozenset[str]:
    """Return the values of variables whose names look secret; "true" and "basic" hide nothing."""
    return frozenset(
        value for name, value in environ.items() if len(value) >= 6 and looks_secret(name)
    )


def _is_mixed(text: str) -> bool:
    return bool(re.search(r"[0-9]", text)) and bool(re.search(r"[^\W\d_]", text))


def _looks_random(text: str) -> bool:
    """Tell whether a long value looks drawn by chance; hexadecimal ones are hashes and uids.

    32 letters and digits drawn by chance hold five digits on average, strewn about; names that
    people choose hold them in one or two places, and separate their words.
    """
    if len(text) < 32 or not re.fullmatch(r"[A-Za-z0-9+/_=-]+", text):
        return False
    if re.fullmatch(r"[0-9a-fA-F-]+", text) or text.startswith(("/", "-")):
        return False
    if len(re.findall(r"[/_-]", text)) * 8 > len(text):
        return False
    places = len(re.findall(r"[0-9]+", text))
    both_cases = bool(re.search(r"[A-Z]", text)) and bool(re.search(r"[a-z]", text))
    return places >= (3 if both_cases else 5)
