"""Recipes: what they say, their variants, and those that want more than a recipe may."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("jinja2", reason="recipes need the extra `release`")
pytest.importorskip("yaml", reason="recipes need the extra `release`")
pytest.importorskip("rattler_build", reason="packages are built with the extra `release`")

from benchdb.cli import main
from benchdb.errors import WrongRecipe
from benchdb.recipes import Pin
from benchdb.release.conda.specs import dependency
from benchdb.release.generated import as_meta_yaml
from benchdb.release.reading import read_recipe

RECIPE = Path(__file__).parents[1] / "recipe"

#: The variables that are given to recipes, none of them set.
BARE = dict.fromkeys(["VERSION_SUFFIX", "DASK_VERSION", "DISTRIBUTED_VERSION", "PYTHON_VERSION"])

VARIANTS = [
    {},
    {"VERSION_SUFFIX": "a20261122"},
    {"DASK_VERSION": "2026.9.0a261122", "DISTRIBUTED_VERSION": "2026.9.1"},
    {"PYTHON_VERSION": "3.12"},
]

#: What meta.yaml of such a metapackage looks like, wherever one is kept.
COILED_RUNTIME = """\
{% set version = "0.2.1" %}
{% set version = version + environ.get("VERSION_SUFFIX", '') %}
{% set dask_version = environ.get("DASK_VERSION", "2022.12.1") %}
{% set distributed_version = environ.get("DISTRIBUTED_VERSION", "2022.12.1") %}
{% set python_version = environ.get("PYTHON_VERSION", "3.9") %}

package:
  name: coiled-runtime
  version: {{ version }}

source:
  path: ../

build:
  number: 0
  noarch: generic
  string: py{{ python_version | replace(".", "") }}_0

requirements:
  host:
    - python
  run:
    - python {{ python_version }}.*
    - coiled >=0.2.54
    - click ==8.1.3
    - dask =={{ dask_version }}
    - distributed == {{ distributed_version }}
    - openssl >1.1.0g
    - pyarrow==7.0.0
    - fsspec >=2022.5.0, <2023   # as s3fs
    - s3fs>=2022.5.0
    # as on every [platform] but one
    - uvloop ==0.16.0  # [unix]
    - pywin32          # [win]
    - numba =0.55      # [py >= 38 and not win]
  run_constrained:
    - pandas <2

test:
  imports:
    - dask
    - distributed

about:
  home: https://example.org
  summary: 'Simple and fast way to get started with Dask'
  license: BSD-3-Clause
"""


def write(folder: Path, text: str | bytes, name: str = "meta.yaml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# -- what they say


def test_meta_yaml_of_this_repository_is_generated_from_recipe_yaml() -> None:
    source = RECIPE / "recipe.yaml"
    assert as_meta_yaml(source, source.read_text("utf-8")) == (RECIPE / "meta.yaml").read_text(
        "utf-8"
    )


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: "-".join(variant) or "none")
def test_both_files_say_the_same(variant: dict[str, str]) -> None:
    one, two = (
        read_recipe(RECIPE / name, {**BARE, **variant}) for name in ("recipe.yaml", "meta.yaml")
    )
    assert one == replace(two, file=one.file)
    assert dict(one.variables) == variant


def test_variables_make_variants() -> None:
    given = dict(item for variant in VARIANTS for item in variant.items())
    found = read_recipe(RECIPE / "recipe.yaml", {**BARE, **given})
    plain = read_recipe(RECIPE / "recipe.yaml", BARE)
    assert found.version == f"{plain.version}a20261122"
    assert found.released == plain.version
    assert found.is_nightly
    assert not plain.is_nightly
    assert found.build == "py312_0"
    assert found.pin("python") == Pin("python", "=3.12")
    assert found.pin("dask") == Pin("dask", "==2026.9.0a261122")
    assert found.pin("distributed") == Pin("distributed", "==2026.9.1")


def test_rattler_build_takes_recipe_yaml() -> None:
    from rattler_build import Stage0Recipe

    recipe = Stage0Recipe.from_yaml((RECIPE / "recipe.yaml").read_text("utf-8"))
    (rendered,) = recipe.render()
    assert "benchdb-runtime" in str(rendered.recipe.to_dict())


def test_meta_yaml_of_others_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, COILED_RUNTIME)
    found = read_recipe(path, {**BARE, "VERSION_SUFFIX": "a221122"}, "linux-64")
    assert (found.name, found.version, found.released) == (
        "coiled-runtime",
        "0.2.1a221122",
        "0.2.1",
    )
    assert (found.number, found.build, found.noarch) == (0, "py39_0", "generic")
    assert [str(pin) for pin in found.pins] == [
        "python 3.9.*",
        "coiled >=0.2.54",
        "click ==8.1.3",
        "dask ==2022.12.1",
        "distributed ==2022.12.1",
        "openssl >1.1.0g",
        "pyarrow ==7.0.0",
        "fsspec >=2022.5.0,<2023",
        "s3fs >=2022.5.0",
        "uvloop ==0.16.0",
        "numba =0.55",
    ]
    assert found.constrains == ("pandas <2",)
    assert found.imports == ("dask", "distributed")
    assert dict(found.about)["homepage"] == "https://example.org"
    other = read_recipe(path, BARE, "win-64")
    assert other.pin("pywin32")
    assert not other.pin("uvloop")
    assert not other.pin("numba")


def test_a_name_may_be_set_to_a_list(tmp_path: Path) -> None:
    text = """\
context:
  version: "2026.3.0.1"
  parts: ${{ version | split(".") | list }}
  dask: ${{ parts[:3] | join(".") if parts | length == 4 else version }}
package: {name: mine, version: "${{ version }}"}
build: {noarch: generic}
requirements:
  run: ["dask ==${{ dask }}"]
"""
    (tmp_path / "recipe.yaml").write_text(text)
    (pin,) = read_recipe(tmp_path / "recipe.yaml", BARE).pins
    assert str(pin) == "dask ==2026.3.0"


def test_a_v1_recipe_chooses_by_if(tmp_path: Path) -> None:
    text = """\
context:
  name: Mine
package: {name: "${{ name | lower }}", version: 1.10}
requirements:
  run:
    - if: linux and x86_64
      then: [uvloop]
      else: winloop
    - pip
"""
    path = write(tmp_path, text, "recipe.yaml")
    on_linux, elsewhere = (read_recipe(path, BARE, one) for one in ("linux-64", "win-64"))
    assert (on_linux.name, on_linux.version) == ("mine", "1.10")
    assert [one.name for one in on_linux.pins] == ["uvloop", "pip"]
    assert [one.name for one in elsewhere.pins] == ["winloop", "pip"]
    generated = write(tmp_path, as_meta_yaml(path, text))
    for platform in ("linux-64", "win-64"):
        same = read_recipe(generated, BARE, platform)
        assert same.pins == read_recipe(path, BARE, platform).pins


def test_lines_on_one_package_hold_together(tmp_path: Path) -> None:
    lines = ("numpy >=1.2", "python", "numpy <3", "python >=3.11", "numpy =1.26", "python >=3.11")
    text = "".join(f"    - {one}\n" for one in (*lines, "dask 2026.8.0=py_0"))
    found = read_recipe(write(tmp_path, f"{HEAD}requirements:\n  run:\n{text}"), BARE)
    assert [str(one) for one in found.pins] == [
        "numpy >=1.2,<3,=1.26",
        "python >=3.11",
        "dask 2026.8.0 py_0",
    ]
    assert dependency(found.pins[0]) == "numpy >=1.2,<3,1.26.*"


# -- hostile ones

HEAD = "package: {name: mine, version: 1.0}\n"

HOSTILE_TEMPLATES = {
    "classes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "globals": "{{ environ.get.__globals__ }}",
    "class of environ": "{{ environ.__class__ }}",
    "cycler": "{{ cycler.__init__.__globals__.os.popen('touch hit').read() }}",
    "attribute by filter": "{{ 'x' | attr('__class__') }}",
    "format": "{{ '{0.__class__}'.format(1) }}",
    "undefined": "{{ nothing_sets_this }}",
    "secret": "{{ environ.get('AWS_SECRET_ACCESS_KEY', '') }}",
    "home": "{{ environ['HOME'] }}",
    "all of the environment": "{{ environ }}",
    "a function": "{{ load_setup_py_data() }}",
    "include": "{% include '/etc/passwd' %}",
    "import": "{% import 'os' as os %}",
    "extends": "{% extends 'x' %}",
    "macro": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "power": "{{ 9 ** 9 ** 9 }}",
    "repeated": "{{ 'a' * 1000000000 }}",
    "percent": "{{ '%1000000000d' % 1 }}",
    "centered": "{{ 'a'.center(1000000000) }}",
    "range": "{% for a in range(1000000000) %}x{% endfor %}",
    "doubling": "{% set a = 'aaaaaaaa' %}" + "{% set a = a + a %}" * 40 + "{{ a }}",
    "joining": "{% set a = 'aaaaaaaa' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
    "doubling lists": "{% set a = [1, 2] %}" + "{% set a = a + a %}" * 40,
    "lists of themselves": "{% set a = [1] %}" + "{% set a = [a, a] %}" * 40 + "{{ a | string }}",
    "no text to join by": "{{ [1] | join(5) }}",
    "many names": "".join(f"{{% set a{n} = 1 %}}" for n in range(2000)),
    "nested lists": "{% set a = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1] %}"
    + "{% for i in a %}" * 9
    + "x"
    + "{% endfor %}" * 9,
    "deep": "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "long chains": "{{ 1" + " + 1" * 5000 + " }}",
    "many digits": "{{ " + "9" * 5000 + " }}",
    "no template": "{{ 1 + }}",
    "list as text": "{{ [1] }}",
    "division": "{{ 1 / 0 }}",
}

HOSTILE_SELECTORS = {
    "import": "__import__('os').system('touch hit')",
    "chain": "os.environ.get('HOME')",
    "secret": "environ.get('GITHUB_TOKEN', '') != ''",
    "comprehension": "(lambda: 1)()",
    "statement": "1 }}{{ ''.__class__ }}{{ 1",
    "unknown": "amiga",
}

HOSTILE_FILES: dict[str, str | bytes] = {
    "aliases": "a: &a [x, x]\n" + "".join(f"b{n}: [*a, *a]\n" for n in range(9)) + HEAD,
    "tags": "package: !!python/object/apply:os.system ['touch hit']\n",
    "deep": HEAD + "extra: " + "- " * 2000 + "\n",
    "large": HEAD + "#" * 300_000,
    "no text": b"\xff\xfe\x00",
    "a list": "- 1\n",
    "empty": "",
    "twice": HEAD + HEAD,
    "no yaml": "package: [",
    "control characters": HEAD + "about: {summary: 'a\x07b'}\n",
    "no version": "package: {name: mine}\n",
    "version of lists": "package: {name: mine, version: [1]}\n",
    "a path as name": "package: {name: ../../mine, version: 1.0}\n",
    "a path as version": "package: {name: mine, version: 1/../../2}\n",
    "a path as build": HEAD + "build: {string: ../../x}\n",
    "a pin that is none": HEAD + "requirements: {run: ['dask; touch hit']}\n",
    "two pins for one": HEAD + "requirements: {run: [dask >1, dask <0.5|>2]}\n",
    "two builds of one": HEAD + "requirements: {run: [dask >1 py_0, dask >1 py_1]}\n",
    "a pin of a channel": HEAD + "requirements: {run: ['conda-forge::dask 1.5.*']}\n",
    "pins as mapping": HEAD + "requirements: {run: {dask: 1}}\n",
    "requirements as list": HEAD + "requirements: [dask]\n",
    "an import that is none": HEAD + "test: {imports: ['os; print(1)']}\n",
    "a script": HEAD + "build: {script: 'touch hit'}\n",
    "a script by its parts": HEAD + "build: {script: {content: 'touch hit'}}\n",
    "nearly a selector": HEAD + "extra: x " + "#" * 60_000 + "[a\n- 1\n",
    "several packages": HEAD + "outputs: [{name: a}]\n",
    "a build number that is none": HEAD + "build: {number: -1}\n",
}


def refused(capsys: pytest.CaptureFixture[str], folder: Path) -> str:
    """Build, and return the one line that is said."""
    code = main(["release", "build", str(folder), "-o", str(folder / "channel")])
    said = capsys.readouterr()
    assert code == 2, said
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("benchdb: ")
    assert len(line) < 600
    assert "bug" not in line
    assert not (folder / "channel").exists()
    assert not Path("hit").exists()
    return line


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "swordfish")
    return tmp_path


@pytest.mark.parametrize("template", HOSTILE_TEMPLATES.values(), ids=HOSTILE_TEMPLATES)
def test_a_template_gets_nothing_but_what_recipes_are_given(
    folder: Path, template: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, HEAD + "about: {summary: '" + template.replace("'", '"') + "'}\n")
    assert "swordfish" not in refused(capsys, folder)


@pytest.mark.parametrize("selector", HOSTILE_SELECTORS.values(), ids=HOSTILE_SELECTORS)
def test_a_selector_gets_no_more(
    folder: Path, selector: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, HEAD + f"about: {{summary: x}}  # [{selector}]\n")
    refused(capsys, folder)
    text = HEAD + f"requirements:\n  run:\n    - if: {selector!r}\n      then: x\n"
    (folder / "meta.yaml").unlink()
    write(folder, text, "recipe.yaml")
    refused(capsys, folder)


@pytest.mark.parametrize("text", HOSTILE_FILES.values(), ids=HOSTILE_FILES)
def test_a_file_that_is_no_recipe_is_refused_in_a_line(
    folder: Path, text: str | bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, text)
    refused(capsys, folder)


def test_a_recipe_that_isnt_there_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "has neither recipe.yaml nor meta.yaml" in refused(capsys, folder)
    assert main(["release", "build", "nowhere"]) == 2
    assert "nowhere is no recipe: name a folder" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such pipes")
def test_a_pipe_is_no_recipe_and_nobody_waits_for_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(folder / "meta.yaml")
    assert "has neither recipe.yaml nor meta.yaml" in refused(capsys, folder)
    assert main(["release", "env", str(folder / "meta.yaml")]) == 2
    assert "meta.yaml is no file: name another one" in capsys.readouterr().err


def test_a_variable_that_was_named_is_given(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MINE", "7")
    text = "package: {name: mine, version: '{{ environ[\"MINE\"] }}'}\n"
    path = write(folder, text)
    assert read_recipe(path, {**BARE, "MINE": "7"}).version == "7"
    assert "--variable" in refused(capsys, folder)


def test_a_variable_that_is_no_version_never_reaches_a_recipe(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, COILED_RUNTIME)
    monkeypatch.setenv("VERSION_SUFFIX", "\nbuild: {script: touch hit}")
    assert "VERSION_SUFFIX is no version" in refused(capsys, folder)


def test_a_nightly_of_a_recipe_that_takes_no_suffix_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, HEAD)
    monkeypatch.setenv("VERSION_SUFFIX", "a20261122")
    said = refused(capsys, folder)
    assert "asks for no VERSION_SUFFIX, so it would be the release that is built" in said
    assert main(["release", "validate", str(folder)]) == 2
    assert capsys.readouterr().err.endswith(f"{said.partition('meta.yaml')[2]}\n")
    monkeypatch.setenv("DASK_VERSION", "2026.9.0")
    monkeypatch.setenv("PYTHON_VERSION", "3.12")  # as Python's own images have it
    assert main(["release", "env", str(folder)]) == 0
    said = capsys.readouterr().err
    assert said.endswith("meta.yaml asks for no VERSION_SUFFIX, DASK_VERSION: without effect\n")


def test_upstream_is_dask_in_all_its_packages(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, HEAD + "requirements: {run: [dask ==1.0, dask-core ==1.0, distributed ==1.0]}\n")
    assert main(["release", "env", str(folder), "--upstream"]) == 0
    named = [f"- dask/label/dev::{name}" for name in ("dask", "dask-core", "distributed")]
    assert capsys.readouterr().out.splitlines()[-3:] == named
    add = ("--add", "msgpack-python>=1", "--add", "conda-forge::toolz >=1")
    assert main(["release", "env", str(folder), "--upstream", "--for", "pip", *add]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "dask @ git+https://github.com/dask/dask",
        "distributed @ git+https://github.com/dask/distributed",
        "msgpack>=1",
        "toolz>=1",
    ]
    write(folder, HEAD + "requirements: {run: [toolz]}\n")
    assert main(["release", "env", str(folder), "--upstream"]) == 2
    assert "meta.yaml pins neither dask nor distributed" in capsys.readouterr().err


def test_an_error_says_where(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + "about:\n  summary: {{ nobody }}\n")
    with pytest.raises(WrongRecipe, match="line 3: nothing sets 'nobody'"):
        read_recipe(path, BARE)


WRONG = {
    "a selector": ("meta.yaml", "requirements:\n  run:\n    - dask\n    - x  # [amiga]\n", 5),
    "no expression": ("meta.yaml", "requirements:\n  run:\n    - x  # [win or]\n", 4),
    "a template": ("recipe.yaml", "requirements:\n  run:\n    - dask\n    - ${{ amiga }}\n", 5),
    "a condition": ("recipe.yaml", "requirements:\n  run:\n    - if: amiga\n      then: x\n", 4),
    "a name": ("recipe.yaml", "\ncontext:\n  a: x\n  b: ${{ amiga }}\n", 5),
    "a block": ("recipe.yaml", "about:\n  description: |\n    One.\n    ${{ amiga }}\n", 5),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_message_names_the_line_of_the_recipe(
    tmp_path: Path, wrong: tuple[str, str, int]
) -> None:
    name, text, line = wrong
    with pytest.raises(WrongRecipe, match=f"can't be rendered: line {line}: "):
        read_recipe(write(tmp_path, HEAD + text, name), BARE)


def test_selectors_know_the_platforms_and_names_that_conda_build_does(tmp_path: Path) -> None:
    lines = {
        "one": "linux and not (aarch64 or ppc64le)",
        "two": "s390x or armv7l or linux32 or win32 or freebsd",
        "three": "py3k and not py2k and np >= 120 and vc",
        "four": "linux and ppc64le",
        "five": "osx or arm64",
        "six": "os.environ.get('DASK_VERSION', '') == '' and environ.get('DASK_VERSION', '') == ''",
        "seven": "arm64 or arm",
    }
    text = "".join(f"    - {name}  # [{selector}]\n" for name, selector in lines.items())
    path = write(tmp_path, f"{HEAD}requirements:\n  run:\n{text}")
    names = {
        platform: [pin.name for pin in read_recipe(path, BARE, platform).pins]
        for platform in ("linux-64", "linux-ppc64le", "linux-armv7l", "osx-arm64")
    }
    assert names == {
        "linux-64": ["one", "three", "six"],
        "linux-ppc64le": ["three", "four", "six"],
        "linux-armv7l": ["one", "two", "three", "six", "seven"],
        "osx-arm64": ["three", "five", "six", "seven"],
    }


def test_a_requirement_is_one_line(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + 'requirements: {run: ["dask ==1\\n- more"]}\n')
    with pytest.raises(WrongRecipe, match="requirement that is none"):
        read_recipe(path, BARE)
