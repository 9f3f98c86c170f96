"""A project in, its files as sqlfluff would have them out; what would be other SQL to Postgres is left as it is."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from pgproof.errors import SettingsError
from pgproof.lint.run import lint
from pgproof.lint.source import read_sources
from pgproof.lint.style import Style
from pgproof.sqltext import ParseError, canonical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pgproof.lint.source import Source
    from pgproof.settings import Settings


@dataclass(frozen=True)
class Fixed:
    """What became of the files with something to mend.

    Attributes:
        written: these are other files now.
        left: in these something could be mended only by saying something else.
    """

    written: tuple[Path, ...]
    left: tuple[Path, ...]


def fix(settings: Settings, paths: Sequence[Path] = ()) -> Fixed:
    """Mend what sqlfluff can; errors as of `lint`.

    Raises:
        SettingsError: in CI, where nothing is written.
    """
    if settings.ci:
        raise SettingsError("--fix writes files, and nothing is written in CI", hint="run it at your desk, and commit")
    mendable = {each.at.path for each in lint(settings, paths).findings if each.fixable}
    sources = [each for each in read_sources(settings, paths) if each.path in mendable and _meaning(each)]
    style = Style.of(settings)
    done = _keep_meaning(style.fix(sources, "all"))
    left = [each for each in sources if each not in done]
    done |= _keep_meaning(style.fix(left, "looks"))
    changed = {source: fixed for source, fixed in done.items() if fixed.raw != source.raw}
    for source, fixed in changed.items():
        path = settings.root / source.path
        if path.read_bytes() == source.raw:  # somebody may have edited it meanwhile
            _write(path, fixed.raw)
    return Fixed(tuple(sorted(each.path for each in changed)), tuple(sorted(each.path for each in left)))


def _keep_meaning(texts: Mapping[Source, str]) -> dict[Source, Source]:
    """Return what became of each file, where it is the same SQL to Postgres."""
    fixed = {source: replace(source, raw=_with_line_ends(text, source).encode()) for source, text in texts.items()}
    return {source: other for source, other in fixed.items() if _meaning(source) == _meaning(other)}


def _with_line_ends(text: str, source: Source) -> str:
    """Return a text with the line ends of the file; sqlfluff writes those of Unix."""
    return text.replace("\n", "\r\n") if b"\r\n" in source.raw else text


def _meaning(source: Source) -> str | None:
    try:
        return canonical(source.readable)
    except ParseError:
        return None


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; a link stays one, and owner and mode stay what they are."""
    path = path.resolve()
    before = path.stat()
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as draft:
        try:
            draft.write(content)
            draft.flush()
            with suppress(PermissionError):  # only root gives files away
                os.fchown(draft.fileno(), before.st_uid, before.st_gid)
            os.fchmod(draft.fileno(), before.st_mode)
            Path(draft.name).replace(path)
        except BaseException:
            Path(draft.name).unlink()
            raise
