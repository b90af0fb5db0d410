"""meta.yaml from recipe.yaml: it says the same, or the line that it can't say is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("jinja2", reason="recipes need the extra `release`")
pytest.importorskip("yaml", reason="recipes need the extra `release`")

from benchdb.errors import WrongRecipe
from benchdb.release.generated import as_meta_yaml
from benchdb.release.reading import read_recipe
from benchdb.release.variants import selectors

BARE = dict.fromkeys(["VERSION_SUFFIX", "DASK_VERSION", "DISTRIBUTED_VERSION", "PYTHON_VERSION"])

RECIPE = """\
context:
  version: "1.0"
  python: ${{ env.get("PYTHON_VERSION", default="") }}
  both: ${{ version }}-${{ python }}
package:
  name: stack
  version: ${{ version }}
build:
  noarch: generic
requirements:
  run:
    - python >=3.11
"""

PATH = Path("recipe.yaml")

#: What an `if` holds for, and where: platforms, and the Python that is asked for.
CONDITIONS = {
    'python == "3.12"': ("linux-64 3.12", "win-64 3.12"),
    'env.get("PYTHON_VERSION", default="") == ""': ("linux-64", "osx-arm64", "win-64"),
    'env.exists("PYTHON_VERSION")': ("linux-64 3.12", "win-64 3.12"),
    'target_platform in ["linux-64", "osx-64"]': ("linux-64", "linux-64 3.12"),
    'target_platform.startswith("osx")': ("osx-arm64",),
    "(linux or osx) and not x86_64": ("osx-arm64",),
    'version == "1.0" and (win or py < 30)': ("win-64", "win-64 3.12"),
}

PLACES = ("linux-64", "linux-64 3.12", "osx-arm64", "win-64", "win-64 3.12")


def as_conda_build_reads(text: str, platform: str, environ: dict[str, str]) -> dict[str, object]:
    """Return a document as conda-build has it: Python's selectors, then Jinja, then YAML."""
    import jinja2
    import yaml

    names = {**selectors(platform, {**BARE, **environ}), "environ": environ}
    # In brackets in a comment, or at the end of a line without one.
    selected = re.compile(r"(\s*\S.*?)\s*(?:#.*\[([^][]+)\][^()]*|\[([^][]+)\])")
    lines = []
    for line in text.splitlines():
        found = None if line.lstrip().startswith("#") else selected.fullmatch(line.rstrip())
        if found is None:
            lines.append(line)
        elif eval(found[2] or found[3], dict(names)):
            lines.append(found[1])
    template = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string("\n".join(lines))
    document: dict[str, object] = yaml.load(template.render(**names), yaml.BaseLoader)
    return document


def required(text: str, place: str) -> list[str]:
    platform, _, python = place.partition(" ")
    environ = {"PYTHON_VERSION": python} if python else {}
    document = as_conda_build_reads(text, platform, environ)
    requirements = document["requirements"]
    assert isinstance(requirements, dict)
    run: list[str] = requirements["run"]
    return run


def test_conditions_hold_where_they_did() -> None:
    chosen = "".join(
        f"    - if: {condition!r}\n      then: ${{{{ 'yes' }}}}-{number} ==8\n"
        f"      else: [no-{number}]\n"
        for number, condition in enumerate(CONDITIONS)
    )
    meta = as_meta_yaml(PATH, RECIPE + chosen)
    for place in PLACES:
        wanted = [
            f"yes-{number} ==8" if place in holds else f"no-{number}"
            for number, holds in enumerate(CONDITIONS.values())
        ]
        assert required(meta, place) == ["python >=3.11", *wanted], place


def test_choices_within_choices_hold_where_they_did() -> None:
    text = """\
    - if: win or osx
      then:
        - click ==8
        - if: osx or py < 30
          then: tzdata
          else: [numpy, zict]
"""
    meta = as_meta_yaml(PATH, RECIPE + text)
    assert required(meta, "linux-64") == ["python >=3.11"]
    assert required(meta, "osx-arm64") == ["python >=3.11", "click ==8", "tzdata"]
    assert required(meta, "win-64") == ["python >=3.11", "click ==8", "numpy", "zict"]


def test_text_stays_text_and_what_a_recipe_may_say_stays() -> None:
    text = """\
    - msgpack-python ==1.2
tests:
  - python:
      imports: dask
  - script: [echo hi]
    requirements: {run: [pip]}
about:
  summary: 'Use {{ braces }}, {% blocks %} and {# comments #} at ${{ "home" }} {'
  description: |
    One ${{ version }}
      "two", 'three'

    é
  license_family: BSD
extra:
  recipe-maintainers: [jo, mira]
"""
    build = "  noarch: generic\n  skip: [win, osx and arm64]\n"
    build += "  string: ${{ version | split('.') | first }}_0\n"
    source = "source:\n  - url: https://x/${{ version }}\n    sha256: abc\n  - path: .\nbuild:\n"
    recipe = RECIPE.replace("  noarch: generic\n", build).replace("build:\n", source)
    meta = as_meta_yaml(PATH, recipe + text)
    assert as_conda_build_reads(meta, "linux-64", {}) == {
        "package": {"name": "stack", "version": "1.0"},
        "source": [{"url": "https://x/1.0", "sha256": "abc"}, {"path": "."}],
        "build": {"noarch": "generic", "string": "1_0"},
        "requirements": {"run": ["python >=3.11", "msgpack-python ==1.2"]},
        "test": {"imports": ["dask"], "requires": ["pip"], "commands": ["echo hi"]},
        "about": {
            "summary": "Use {{ braces }}, {% blocks %} and {# comments #} at home {",
            "description": "One 1.0\n  \"two\", 'three'\n\né\n",
            "license_family": "BSD",
        },
        "extra": {"recipe-maintainers": ["jo", "mira"]},
    }
    assert as_conda_build_reads(meta, "win-64", {})["build"] == {
        "noarch": "generic",
        "string": "1_0",
        "skip": "true",
    }


REFUSED = {
    "    - if: python | length > 3\n      then: click\n": "13: the filter `length`",
    "    - if: both == '1'\n      then: click\n": "13: the name `both`",
    "    - if: python == '[x]'\n      then: click\n": "13: brackets",
    "about:\n  summary: read this  [docs]\n": "14: such brackets",
    "about:\n  summary: 'see #1 in [docs] of it'\n": "14: such brackets",
    "about:\n  authors: me\n": "14: `about/authors`",
    "tests:\n  - package_contents: {files: [x]}\n": "14: `tests/package_contents`",
    "  run_exports: [x]\n": "13: `requirements/run_exports`",
    "staging: {}\n": "13: `staging`",
    "extra: {'${{ version }}': x}\n": "13: a key that is a template",
    "extra:\n  - if: win\n    then: [{a: b}]\n": "15: a choice of what is no text",
}


@pytest.mark.parametrize("text", REFUSED, ids=REFUSED.values())
def test_what_meta_yaml_cannot_say_is_refused_by_its_line(text: str) -> None:
    line, what = REFUSED[text].split(": ")
    with pytest.raises(WrongRecipe) as raised:
        as_meta_yaml(PATH, RECIPE + text)
    assert str(raised.value).startswith(f"recipe.yaml: line {line}: meta.yaml can't say {what}")
    assert str(raised.value).endswith(": write it otherwise, or remove meta.yaml")


def test_what_would_be_read_otherwise_is_refused() -> None:
    # YAML has this in double quotes, where Jinja's would end the text.
    text = RECIPE + "about:\n  summary: \"a\\u0085b ${{ 'c' }}\"\n"
    assert read_recipe(PATH, BARE, text=text).about == (("summary", "a\x85b c"),)
    with pytest.raises(WrongRecipe, match=r"can't be said in meta\.yaml"):
        as_meta_yaml(PATH, text)
