"""Takes the pictures in docs/images: ``python docs/screenshots.py [FOLDER]``.

Of a site of `made_up_project`, by the Chromium that is on the machine. Fonts differ from machine to
machine, so pictures do; commit them when the page looks different.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote

import made_up_project

IMAGES: Final = Path(__file__).resolve().parent / "images"

#: A test with several changes, and the session that the last of them began with.
TEST: Final = "tests/test_scheduler.py::test_order[deep]"
SESSION: Final = datetime(2026, 11, 4, 2, tzinfo=UTC)

WIDE: Final = {"width": 1280, "height": 1100}
#: Series that one commit moves; a new machine moves all.
FEW: Final = 50

#: Of the page.
Theme = Literal["light", "dark"]
NARROW: Final = {"width": 390, "height": 844}


def main() -> None:
    """Make the project, build its site, and take all pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=IMAGES, help="where they go")
    folder = parser.parse_args().folder
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        site = built(Path(temporary))
        for name, picture in pictures(site):
            (folder / f"{name}.png").write_bytes(picture)
            print(f"{name}.png: {len(picture) / 1000:.0f} kB")


def built(folder: Path) -> Path:
    """Make the project and return the site of it."""
    code, table = made_up_project.make(folder)
    database, site = folder / "benchmark.db", folder / "site"
    benchdb = [sys.executable, "-m", "benchdb"]

    def run(*arguments: object) -> str:
        command = [*benchdb, *map(str, arguments), "--db", str(database)]
        return subprocess.run(command, cwd=code, check=True, stdout=subprocess.PIPE).stdout.decode()

    run("import", "csv", table, "--subject", "distlib")
    said = json.loads(run("changes", "--format", "json"))
    for event in said["events"]:
        for word, state, why in made_up_project.SETTLED:
            if len(event["moved"]) < FEW and any(word in one["case"] for one in event["moved"]):
                run("ack", event["id"], f"--{state}", "--by", "ana", "-m", why)
                break
    run("dashboard", "-o", site, "--last", 60)
    return site


def pictures(site: Path) -> list[tuple[str, bytes]]:
    """Return the pictures by name."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)))
    test = f"#/test?id={quote(TEST, safe='/:')}&env=py3.13-linux"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)

        def opened(theme: Theme, size: Any = WIDE, scale: int = 1) -> Any:
            return browser.new_context(
                offline=True, color_scheme=theme, viewport=size, device_scale_factor=scale
            ).new_page()

        def taken(page: Any, address: str, *keys: str) -> bytes:
            page.goto("about:blank")
            page.goto(f"{site.as_uri()}/index.html{address}")
            page.wait_for_selector("html[data-ready]")
            for key in keys:
                page.keyboard.press(key)
            page.evaluate("() => new Promise(done => requestAnimationFrame(() => done()))")
            return small(page.screenshot())

        light, dark, phone = opened("light"), opened("dark"), opened("dark", NARROW, 2)
        made = [
            ("overview-light", taken(light, "#/")),
            ("overview-dark", taken(dark, "#/")),
            ("test-light", taken(light, test, "]", "]", "]", "]", "Enter")),
            ("test-phone", taken(phone, test)),
            ("compare-light", taken(light, "#/compare")),
            ("releases-light", taken(light, "#/releases")),
            ("session-light", taken(light, f"#/session?uid={session_of(site)}")),
        ]
        browser.close()
    return made


def session_of(site: Path) -> str:
    """Return the uid of the session that is shown."""
    script = (site / "data" / "index.js").read_text("ascii")
    sessions = json.loads(script.partition(", ")[2].rpartition(")")[0])["sessions"]
    started = dict(zip(sessions["started"], sessions["uid"], strict=True))
    return str(started[int(SESSION.timestamp())])


def small(picture: bytes) -> bytes:
    """Return a picture with a palette: a third of the bytes, and nobody sees the difference."""
    from PIL import Image

    with Image.open(io.BytesIO(picture)) as whole:
        few = whole.convert("RGB").quantize(
            method=Image.Quantize.MAXCOVERAGE,  # rare colours are what matters
            dither=Image.Dither.NONE,
        )
    stream = io.BytesIO()
    few.save(stream, "PNG", optimize=True)
    return stream.getvalue()


if __name__ == "__main__":
    main()
