"""What took long to make from the same sentences is kept: Arrow files in one folder, named after what they hang on."""

import hashlib
import os
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from core.encoded import Stored
from core.processes import PROJECT
from core.runs import checkpoints_folder

MAX_BYTES = 4 * 2**30  # of all files; the ones unused for longest go first
ABANDONED = 24 * 3600  # seconds after which a half-written file belongs to nobody

# Where these change, what they once made is not used any more.
_CODE = ("text.py", "corpus.py", "split.py", "encoded.py", "cutting.py", "cache.py")


def folder() -> Path:
    """Where the files lie: `.cache` beside the runs, or what the variable SEQ2SEQ_CACHE names."""
    return Path(os.environ.get("SEQ2SEQ_CACHE") or checkpoints_folder() / ".cache")


def fingerprint(*parts: object) -> str:
    """A name for what hangs on these parts: files by what is in them, all else by how it is written."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (*(PROJECT / "core" / name for name in _CODE), *parts):
        if isinstance(part, Path):
            with open(part, "rb") as file:
                while chunk := file.read(2**20):
                    digest.update(chunk)
        else:
            digest.update(str(part).encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return digest.hexdigest()


def known(name: str) -> Stored | None:
    """What is kept under that name; None where there is nothing, or a damaged file."""
    path = folder() / f"{name}.arrow"
    try:
        stored = Stored.open(path)
        os.utime(path)
    except (OSError, ValueError, KeyError, IndexError, pa.ArrowException):
        return None
    return stored


def keep(name: str, made: pa.RecordBatch) -> Stored:
    """Keep this under that name, and read it from there. Where the folder cannot be written, it is not kept.

    Two processes may make the same at once: a file is written beside and put in place in one step.
    """
    path = folder() / f"{name}.arrow"
    try:
        _write(Stored(made), path)
        _make_room(path)
    except OSError:
        return Stored(made)
    return known(name) or Stored(made)


def _write(stored: Stored, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            stored.write(file)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _make_room(newest: Path) -> None:
    """Remove the files unused for longest until the others fit, and what killed processes left half-written."""
    files = []
    for path in newest.parent.iterdir():
        try:
            stat = path.stat()
        except OSError:  # another process was quicker
            continue
        if path.suffix == ".arrow":
            files.append((stat.st_mtime, stat.st_size, path))
        elif path.suffix == ".part" and time.time() - stat.st_mtime > ABANDONED:
            _remove(path)
    size = sum(bytes for _, bytes, _ in files)
    for _, bytes, path in sorted(files):
        if size <= MAX_BYTES:
            return
        if path != newest and _remove(path):
            size -= bytes


def _remove(path: Path) -> bool:
    """False where it cannot go: on Windows a file that another process has mapped stays."""
    try:
        path.unlink()
    except OSError:
        return False
    return True
