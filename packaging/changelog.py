#!/usr/bin/python3
"""CHANGELOG.md, read for the package's changelog and NEWS, and closed for a release.

    changelog.py package VERSION SECONDS MAINTAINER FOLDER   write changelog and NEWS to FOLDER
    changelog.py release VERSION YYYY-MM-DD                  name the unreleased changes VERSION

SECONDS since 1970 date what is not released yet. Needs nothing but Python 3.8.
"""

from __future__ import annotations

import datetime
import email.utils
import re
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
UNRELEASED = "Unreleased"
COLUMNS = 78
NOTHING_TO_DO = "Nothing to do."
NO_NEWS = (NOTHING_TO_DO, "The first release")
"""How an "Upgrading" begins that NEWS does not repeat."""

_HEADING = re.compile(r"^## \[([^\]]+)\](?: - (\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
_RELEASED = re.compile(r'^RELEASED = .*\n"""\d{4}-\d{2}-\d{2}', re.MULTILINE)


class Mistake(Exception):
    """A sentence for the person who releases."""


class Release(NamedTuple):
    """A section of the changelog. `date` is "" for what is not released yet."""

    version: str
    date: str
    upgrading: str
    entries: list[str]


def releases(text: str) -> list[Release]:
    """The sections, newest first."""
    parts = _HEADING.split(text)[1:]
    return [
        Release(version, date or "", _upgrading(body), _entries(body))
        for version, date, body in zip(parts[::3], parts[1::3], parts[2::3])
    ]


def _upgrading(body: str) -> str:
    found = re.search(r"^### Upgrading\n(.*?)(?=^### |\Z)", body, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


def _entries(body: str) -> list[str]:
    """The items below all headings but "Upgrading", each on one line."""
    lists = re.sub(r"^### Upgrading\n.*?(?=^### |\Z)", "", body, flags=re.MULTILINE | re.DOTALL)
    items = re.findall(r"^- (.*?)(?=^\S|^$|\Z)", lists, re.MULTILINE | re.DOTALL)
    return [" ".join(item.split()) for item in items]


def for_package(text: str, version: str, seconds: float) -> list[Release]:
    """The releases that a package of this version contains, newest first, each with its date."""
    found = releases(text)
    now = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    named = [
        release._replace(version=version, date=now.strftime("%Y-%m-%d"))
        if release.version == UNRELEASED
        else release
        for release in found
        if release.version != UNRELEASED or release.entries
    ]
    known: dict[str, Release] = {}
    for each in named:  # between two releases, the package still has the older one's version
        first = known.setdefault(each.version, each)
        if first is not each:
            known[each.version] = first._replace(entries=first.entries + each.entries)
    return list(known.values())


def changelog(contained: list[Release], maintainer: str) -> str:
    """debian/changelog."""
    return "\n".join(_entry(each, _items(each), maintainer) for each in contained)


def news(contained: list[Release], maintainer: str) -> str:
    """debian/NEWS: what an operator has to know; "" if that is nothing."""
    told = [each for each in contained if each.upgrading and not each.upgrading.startswith(NO_NEWS)]
    return "\n".join(_entry(each, _plain(each.upgrading), maintainer) for each in told)


def _entry(release: Release, body: str, maintainer: str) -> str:
    day = datetime.datetime.strptime(release.date + " +0000", "%Y-%m-%d %z")
    head = f"hawkeye-signaling ({release.version}) unstable; urgency=medium"
    return f"{head}\n\n{body}\n\n -- {maintainer}  {email.utils.format_datetime(day)}\n"


def _items(release: Release) -> str:
    return "\n".join(_wrapped(_LINK.sub(r"\1", item), "  * ", "    ") for item in release.entries)


def _wrapped(text: str, first: str, then: str) -> str:
    """Without breaking words such as names of keys."""
    options = {"break_long_words": False, "break_on_hyphens": False}
    return textwrap.fill(text, COLUMNS, initial_indent=first, subsequent_indent=then, **options)


def _plain(markdown: str) -> str:
    """Text for NEWS: paragraphs and items wrapped, without links."""
    text = _LINK.sub(r"\1", markdown)
    blocks = re.split(r"\n\n|\n(?=- )", text)
    told = []
    for block in blocks:
        words = " ".join(block.split())
        item = words.startswith("- ")
        told.append(_wrapped(words, "  ", "    " if item else "  "))
    return "\n\n".join(told)


def closed(text: str, version: str, date: str) -> str:
    """The changelog with its unreleased changes named. Raises Mistake."""
    if not _VERSION.fullmatch(version):
        raise Mistake(f"{version!r} is not a version such as 0.2.0")
    first, *older = releases(text)
    if first.version != UNRELEASED or not first.entries:
        raise Mistake("CHANGELOG.md lists no unreleased changes")
    if not first.upgrading:
        raise Mistake('CHANGELOG.md does not say, under "Upgrading", what an operator has to do')
    if older and _numbers(version) <= _numbers(older[0].version):
        raise Mistake(f"{version} is not newer than {older[0].version}")
    empty = f"## [{UNRELEASED}]\n\n### Upgrading\n\n{NOTHING_TO_DO}\n\n## [{version}] - {date}"
    return text.replace(f"## [{UNRELEASED}]", empty, 1)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def dated(source: str, version: str, date: str) -> str:
    """signaling_server/version.py with the version and the date of a release."""
    day = datetime.datetime.strptime(date + " +0000", "%Y-%m-%d %z")
    source = re.sub(r'^VERSION = ".*"$', f'VERSION = "{version}"', source, flags=re.MULTILINE)
    return _RELEASED.sub(f'RELEASED = {int(day.timestamp()):_}.0\n"""{date}', source)


def release(root: Path, version: str, date: str) -> None:
    """Release what is in CHANGELOG.md. Raises Mistake, and no file changes."""
    file, source = root / "CHANGELOG.md", root / "signaling_server/version.py"
    text = closed(file.read_text(encoding="utf-8"), version, date)
    program = dated(source.read_text(encoding="utf-8"), version, date)
    file.write_text(text, encoding="utf-8")
    source.write_text(program, encoding="utf-8")


def main(arguments: list[str]) -> None:
    """Run a command; exits with a sentence if it cannot."""
    try:
        if arguments[:1] == ["package"]:
            version, seconds, maintainer, folder = arguments[1:]
            text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
            contained = for_package(text, version, float(seconds))
            Path(folder, "changelog").write_text(changelog(contained, maintainer), "utf-8")
            Path(folder, "NEWS").write_text(news(contained, maintainer), "utf-8")
        elif arguments[:1] == ["release"]:
            version, date = arguments[1:]
            release(ROOT, version, date)
        else:
            sys.exit(__doc__)
    except Mistake as error:
        sys.exit(f"changelog.py: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
