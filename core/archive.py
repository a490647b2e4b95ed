"""A run as one zip file, to give to somebody else; and the way in, where nothing in the zip is trusted."""

import io
import json
import os
import re
import shutil
import stat
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError, safe_open

from core.corpus import from_tsv
from core.evaluation import OUTPUTS
from core.problems import Problem
from core.processes import unwritable
from core.progress import Report
from core.runs import (
    FINISHED,
    MAX_ZIP,
    NEEDED,
    REVERSE,
    REVERSE_FILES,
    STOPPED,
    Run,
    check_name,
    checkpoints_folder,
    free_name,
    read_json_lines,
)
from core.saves import check_save
from core.text import PieceTokenizer
from core.translator import build_model
from core.vocab import Vocab
from core.weights import SCALE

# What belongs to a run and may travel. Everything is text or safetensors: nothing here can hold a pickle.
FILES = re.compile(
    r"(config|source_vocab|target_vocab|status|scores|baselines)\.json"
    r"|(metrics|samples|traces|test_outputs|test_translations)\.jsonl"
    r"|(model|training_state)\.safetensors|(pairs|added)\.tsv|README\.md"
    r"|(source|target)_pieces\.model"
)
# What somebody who zips a folder by hand packs along; it is left behind without a word.
LEFT_BEHIND = re.compile(
    r"run\.lock|scoring\.(lock|json)|stop|control\.json|train\.log|\.DS_Store|desktop\.ini|Thumbs\.db|\._.*"
)

MAX_UNPACKED = 1000 * 2**20
MAX_TEXT = 200 * 2**20  # of one file that is not the weights
MAX_PIECES = 5 * 2**20
MAX_ENTRIES = 100
MAX_NUMBER = 1e12
DTYPES = {"F32", "F16", "BF16"}


# Out


SENTENCES = ("pairs.tsv", "added.tsv", OUTPUTS, "baselines.json")  # hold some of those that a run was trained on


def export_run(run: Run, sentences: bool = True, state: bool = False) -> bytes:
    """The run as a zip: one folder with all that translating, explaining and scoring need, and a README.

    Without `sentences` a person's own stay here, also those that were followed, apart from those in the settings. With
    `state` it can be trained on elsewhere; that is three times as big as the weights. Raises Problem where the run has no
    weights or cannot be read.
    """
    config = run.config
    missing = [name for name in NEEDED if not (run.folder / name).is_file()]
    if missing:
        raise Problem(
            f"Run {run.name!r} has no {missing[0]} yet, so there is nothing to give away. Wait for its first epoch.",
            f"运行 {run.name!r} 还没有 {missing[0]}，暂时没有可以导出的内容。请等第一个训练轮次结束。",
        )
    packed = io.BytesIO()
    try:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            # The save first: a run that trains meanwhile has then written all rows that the save counts on.
            for path in sorted(run.folder.iterdir(), key=lambda path: (path != run.state_file, path.name)):
                wanted = path.is_file() and FILES.fullmatch(path.name)
                kept_here = (path.name in SENTENCES and not sentences) or (path == run.state_file and not state)
                if not wanted or path.name == "README.md" or kept_here:
                    continue
                if path.name == "samples.jsonl" and not sentences:
                    rows = [row for row in run.samples() if row["source"] in config.pinned]
                    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
                    archive.writestr(f"{run.name}/{path.name}", lines)
                    continue
                # Weights are noise to a packer: packing them costs seconds and saves a tenth.
                kind = zipfile.ZIP_STORED if path.suffix == ".safetensors" else zipfile.ZIP_DEFLATED
                archive.write(path, f"{run.name}/{path.name}", kind)
            for path in (run.reverse.folder / name for name in REVERSE_FILES):
                if path.is_file():
                    archive.write(path, f"{run.name}/{REVERSE}/{path.name}", zipfile.ZIP_STORED)
            archive.writestr(f"{run.name}/README.md", _readme(run, config.preset))
    except OSError as error:
        raise Problem(
            f"Run {run.name!r} cannot be read ({error.strerror}). Check that no program uses or deletes it.",
            f"读不了运行 {run.name!r}（{error.strerror}）。请确认没有程序正在使用或删除它。",
        ) from error
    return packed.getvalue()


def _readme(run: Run, preset: str) -> str:
    """The run's own README, or a short one where it has none yet, and how to open the zip."""
    try:
        text = (run.folder / "README.md").read_text("utf-8")
    except (OSError, ValueError):
        status = run.status()
        text = (
            f"# {run.name}\n\nA Seq2Seq model of Seq2Seq Playground, preset `{preset}`, {status.epoch} of "
            f"{status.epochs} epochs ({status.state}). All settings stand in `config.json`.\n"
        )
    how = "Open it: Seq2Seq Playground, page Train, “Import a run”; or unpack this folder into `checkpoints/`."
    return text if how in text else f"{text.rstrip()}\n\n{how}\n"


# In


def import_run(
    zipped: BinaryIO | bytes,
    file_name: str = "run.zip",
    folder: Path | None = None,
    report: Report = lambda share: None,
) -> Run:
    """Unpack a zip that `export_run` made, or that somebody made of a run's folder, into a new run.

    Nothing in it is trusted: files are taken by name from a fixed list and land in one new folder; sizes are
    counted while unpacking, not believed; the weights must be safetensors of exactly the shapes that the config
    and the vocabularies ask for. The run takes the name of the folder in the zip, with a number where that is
    taken. Raises Problem, and leaves nothing behind, where anything is wrong.
    """
    folder = folder or checkpoints_folder()
    stream = io.BytesIO(zipped) if isinstance(zipped, bytes) else zipped
    size = stream.seek(0, os.SEEK_END)
    if size > MAX_ZIP:
        raise _refused(
            file_name,
            f"it has {size / 2**20:,.0f} MB, and at most {MAX_ZIP // 2**20} MB are taken",
            f"它有 {size / 2**20:,.0f} MB，最多接受 {MAX_ZIP // 2**20} MB",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Hidden from the list of runs until all is checked, and on the same disk, so that renaming is one step.
        workplace = Path(tempfile.mkdtemp(prefix=".import-", dir=folder))
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        name = _unpack(stream, file_name, workplace, report)
        run = Run(workplace)
        _check(run, file_name)
        written = run.status()
        # The zip's word on how far it is is kept; that it trains somewhere, or failed there, means nothing here.
        state = FINISHED if written.state == FINISHED else STOPPED
        created = min(max(0.0, written.created), time.time())
        run.write_status(replace(written, state=state, created=created, reason_en="", reason_zh="", seconds_left=0.0))
        return _settle(workplace, folder, name)
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def _refused(file_name: str, why: str, why_zh: str) -> Problem:
    return Problem(
        f"{file_name} was not imported: {why}. Export the run again, or take another zip.",
        f"没有导入 {file_name}：{why_zh}。请重新导出这个运行，或换一个 zip 文件。",
    )


def _unpack(stream: BinaryIO, file_name: str, workplace: Path, report: Report) -> str:
    """Write the known files of the zip into the folder; returns the name that the run had."""
    try:
        with zipfile.ZipFile(stream) as archive:
            top, files = _contents(archive, file_name)
            left = MAX_UNPACKED
            promised = max(1, sum(entry.file_size for entry in files.values()))  # for the bar alone
            for name, entry in files.items():
                largest = left if name.endswith(".safetensors") else MAX_PIECES if "pieces" in name else MAX_TEXT
                limit = min(left, largest)
                (workplace / name).parent.mkdir(exist_ok=True)
                with archive.open(entry) as packed, open(workplace / name, "wb") as file:
                    while chunk := packed.read(2**20):
                        left, limit = left - len(chunk), limit - len(chunk)
                        if limit < 0:
                            raise _refused(
                                file_name,
                                f"{name} unpacks to more than a run ever has",
                                f"{name} 解压后大得不像一个运行的文件",
                            )
                        file.write(chunk)
                        report((MAX_UNPACKED - left) / promised)
            return top
    except (Problem, OSError):
        raise
    except Exception as error:
        # A damaged zip ends in zlib.error, struct.error, BadZipFile, NotImplementedError and more.
        raise _refused(file_name, "it is no zip file, or a damaged one", "它不是 zip 文件，或者已经损坏") from error


def _contents(archive: zipfile.ZipFile, file_name: str) -> tuple[str, dict[str, zipfile.ZipInfo]]:
    """The run's name and its files in the zip. Raises Problem where there is anything else or too little."""
    files: dict[str, zipfile.ZipInfo] = {}
    folders = set()
    for entry in archive.infolist():
        file_path = _path(entry)
        path = PurePosixPath(file_path)
        if entry.is_dir() or path.parts[:1] == ("__MACOSX",) or LEFT_BEHIND.fullmatch(path.name):
            continue
        shown = file_path[:80]
        outside = path.is_absolute() or ".." in path.parts or re.search(r"[\\\\:\x00]", file_path)
        if outside or stat.S_ISLNK(entry.external_attr >> 16):
            raise _refused(file_name, f"{shown!r} would leave its folder", f"{shown!r} 会写到文件夹外面")
        reverse = len(path.parts) == 3 and path.parts[1] == REVERSE and path.name in REVERSE_FILES
        name = f"{REVERSE}/{path.name}" if reverse else path.name
        if not (reverse or (len(path.parts) <= 2 and FILES.fullmatch(name))) or len(files) >= MAX_ENTRIES:
            raise _refused(file_name, f"{shown!r} is no file of a run", f"{shown!r} 不是运行里的文件")
        if entry.flag_bits & 1:
            raise _refused(file_name, "it is locked with a password", "它加了密码")
        if name in files:
            raise _refused(file_name, f"it holds {name} twice", f"其中的 {name} 出现了两次")
        files[name] = entry
        folders.add(path.parts[0] if len(path.parts) > 1 else Path(file_name).stem)
    missing = [name for name in NEEDED if name not in files]
    if missing:
        raise _refused(
            file_name, f"{missing[0]} is missing, so it is no trained run", f"缺少 {missing[0]}，不是训练过的运行"
        )
    if len(folders) > 1:
        raise _refused(file_name, "it holds more than one folder", "它有不止一个文件夹")
    return folders.pop(), files


def _path(entry: zipfile.ZipInfo) -> str:
    """The file's path as its maker saw it: Windows writes Chinese names in GBK and does not say so."""
    if entry.flag_bits & 0x800 or entry.filename.isascii():
        return entry.filename
    raw = entry.filename.encode("cp437", "replace")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return entry.filename


def _check(run: Run, file_name: str, place: str = "") -> None:
    """Raises Problem unless all files can be read, hold what pages can draw, and fit each other; those of the reverse
    model too, which lie in `place`."""

    def read(name: str, check: Callable[[Path], Any]) -> Any:
        try:
            return check(run.folder / name)
        except (
            Problem,
            OSError,
            RuntimeError,
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            SafetensorError,
        ) as error:
            raise _refused(
                file_name,
                f"its {place}{name} is damaged, or from another version of this app",
                f"其中的 {place}{name} 已损坏，或来自本应用的其他版本",
            ) from error

    config = read("config.json", lambda path: _config(Run(path.parent)))
    for side, name in (("source", config.source_tokenizer), ("target", config.target_tokenizer)):
        if name == PieceTokenizer.name:
            read(f"{side}_pieces.model", lambda path: PieceTokenizer(path.read_bytes()).pieces)
    source, target = (read(name, _vocabulary) for name in ("source_vocab.json", "target_vocab.json"))
    for path in sorted(run.folder.iterdir()):
        if path.name in ("status.json", "scores.json", "baselines.json"):
            read(path.name, lambda path: _plain(json.loads(path.read_text("utf-8"))))
        elif path.suffix == ".jsonl":
            read(path.name, _lines)
        elif path.suffix == ".tsv":
            read(path.name, lambda path: from_tsv(path.read_bytes()))
        elif path.name == "README.md":
            read(path.name, lambda path: path.read_text("utf-8"))
    with torch.device("meta"):  # shapes alone: a config may ask for more than there is memory
        model = build_model(config, source, target)
    wanted = {name: list(value.shape) for name, value in model.weights().items()}
    found = read("model.safetensors", _shapes)
    if found != wanted:
        raise _refused(
            file_name, "its weights do not fit its config and vocabularies", "其中的权重与它的配置、词表对不上"
        )
    if run.state_file.exists():
        read(run.state_file.name, lambda path: check_save(path, model))
    if run.reverse.folder.is_dir():
        _check(run.reverse, file_name, f"{REVERSE}/")


def _config(run: Run) -> Any:
    config = run.config
    if not all(isinstance(text, str) and len(text) <= 1000 for text in config.pinned) or len(config.pinned) > 100:
        raise ValueError("pinned holds something else than sentences")
    return config


def _vocabulary(path: Path) -> Vocab:
    vocab = Vocab.load(path)
    if not all(isinstance(token, str) for token in vocab.tokens) or not all(type(n) is int for n in vocab.counts):
        raise ValueError("a vocabulary holds texts and whole numbers")
    _plain(vocab.counts)
    return vocab


def _plain(value: Any) -> None:
    """Raises ValueError where JSON holds a number that could not be drawn: NaN, infinite or far too large."""
    if isinstance(value, (int, float)) and not abs(value) <= MAX_NUMBER:
        raise ValueError(f"{value!r} is no number of a run")
    if isinstance(value, (list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            _plain(part)


def _lines(path: Path) -> None:
    """Raises ValueError where a number could not be drawn, or where lines stand there and none of them is a row. Single
    damaged lines may be: a trainer was cut off as it wrote them."""
    rows = read_json_lines(path)
    if not rows and path.read_bytes().strip():
        raise ValueError("no line is a row")
    _plain(rows)


def _shapes(path: Path) -> dict[str, list[int]]:
    """The tensors' shapes by name; opening checks the header against the file's size and reads no tensor."""
    with safe_open(path, framework="pt") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        packed = {name for name in slices if name + SCALE in slices}
        if not {part.get_dtype() for name, part in slices.items() if name not in packed} <= DTYPES:
            raise ValueError("weights are floating-point numbers")
        shapes = {name: list(part.get_shape()) for name, part in slices.items()}
    for name in packed:
        if slices[name].get_dtype() != "I8" or shapes.pop(name + SCALE) != shapes[name][:1]:
            raise ValueError("a packed matrix is whole numbers with one scale a row")
    return shapes


def _settle(workplace: Path, folder: Path, name: str) -> Run:
    """Give the folder its name, or the next free one."""
    try:
        name = check_name(name)
    except Problem:
        name = "imported"
    workplace.chmod(0o755)
    target = folder / name
    while target.exists():
        target = folder / free_name(name[:50], folder)
    workplace.rename(target)
    return Run(target)
