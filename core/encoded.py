"""Sentences and their ids in Arrow files that are mapped into memory: millions of pairs without a Python object each."""

import mmap
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa

BLOCK = 4096  # sentences that stand in memory as Python objects at once


def portions(count: int, size: int) -> Iterator[slice]:
    """0 to count in slices of that size."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


# Ids


@dataclass(frozen=True)
class Ragged:
    """Rows of ids, of different lengths, one after the other in one array.

    values: the ids of all rows; offsets (rows of the array + 1,): where each row begins and ends. rows: which of
    them these are, None for all in their order. table: what each id in the array stands for, where that is another
    vocabulary's. ending: an id that every row ends with and that does not stand in the array.
    """

    values: np.ndarray
    offsets: np.ndarray
    rows: np.ndarray | None = None
    table: np.ndarray | None = None
    ending: int | None = None
    source: "Stored | None" = field(default=None, repr=False, compare=False)  # the file that the arrays are mapped from

    @classmethod
    def of(cls, sentences: Iterable[Sequence[int] | np.ndarray], ending: int | None = None) -> "Ragged":
        """In memory."""
        lengths: list[int] = []
        values: list[int] = []
        for sentence in sentences:
            lengths.append(len(sentence))
            values.extend(sentence)
        offsets = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
        return cls(np.array(values, np.int32), offsets, ending=ending)

    def __len__(self) -> int:
        return len(self.offsets) - 1 if self.rows is None else len(self.rows)

    @overload
    def __getitem__(self, row: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, row: slice) -> list[np.ndarray]: ...
    def __getitem__(self, row: int | slice) -> np.ndarray | list[np.ndarray]:
        """One row's ids, int64, with the ending; or some rows' ids."""
        if isinstance(row, slice):
            return [self[number] for number in range(len(self))[row]]
        ids, lengths = self.padded(np.array([range(len(self))[row]]), 0)
        return ids[: lengths[0], 0]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    def lengths(self, rows: np.ndarray | slice) -> np.ndarray:
        """How many ids these rows have, `ending` included; int64."""
        if isinstance(rows, slice) and self.rows is None:
            lengths = np.diff(self.offsets[rows.start : rows.stop + 1])
        else:
            places = self._places(np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows)
            lengths = self.offsets[places + 1] - self.offsets[places]
        return lengths + (self.ending is not None)

    def _places(self, rows: np.ndarray) -> np.ndarray:
        return rows if self.rows is None else self.rows[rows].astype(np.int64)

    @property
    def total(self) -> int:
        """Ids in all rows together, without the endings."""
        if self.rows is None:
            return int(self.offsets[-1] - self.offsets[0])
        return sum(
            int(self.lengths(part).sum()) - (part.stop - part.start) * (self.ending is not None)
            for part in portions(len(self), 2**16)
        )

    def part(self, start: int, stop: int) -> "Ragged":
        """Some rows of an array of which all are taken."""
        assert self.rows is None
        return replace(self, offsets=self.offsets[start : stop + 1])

    def padded(self, rows: np.ndarray, filler: int) -> tuple[np.ndarray, np.ndarray]:
        """These rows as the columns (longest, rows) of one int64 array, filled up with `filler`, and their lengths."""
        places = self._places(rows)
        starts = self.offsets[places]
        lengths = self.offsets[places + 1] - starts
        longest = int(lengths.max(initial=0))
        steps = np.arange(longest)[:, None]
        real = steps < lengths
        ids = self.values[(starts + steps)[real]]
        if self.table is not None:
            ids = self.table[ids]
        columns = np.full((longest + (self.ending is not None), len(rows)), filler, np.int64)
        columns[:longest][real] = ids
        if self.ending is not None:
            columns[lengths, np.arange(len(rows))] = self.ending
            lengths = lengths + 1
        return columns, lengths

    def counts(self) -> np.ndarray:
        """How often each id of the array stands in these rows; without table and ending."""
        counts = np.zeros(0, np.int64)
        for part in portions(len(self), 2**16):
            if self.rows is None:
                values = self.values[self.offsets[part.start] : self.offsets[part.stop]]
            else:
                rows = self.rows[part].astype(np.int64)
                starts, lengths = self.offsets[rows], self.offsets[rows + 1] - self.offsets[rows]
                within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
                values = self.values[np.repeat(starts, lengths) + within]
            some = np.bincount(values, minlength=len(counts))
            some[: len(counts)] += counts
            counts = some
        return counts

    def release(self) -> None:
        """Give the memory back into which the file's pages were read; they are read again where they are needed."""
        if self.source is not None:
            self.source.release()


# Arrays that grow


class Growing:
    """An array that is written from its beginning to its end, in a temporary file that goes when nobody needs it."""

    def __init__(self, dtype: Any, folder: Path | None = None) -> None:
        self.dtype = np.dtype(dtype)
        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        except OSError:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._bytes = 0

    def append(self, values: np.ndarray) -> None:
        if values.size:
            self._bytes += self._file.write(np.ascontiguousarray(values, self.dtype).data.cast("B"))

    def array(self) -> np.ndarray:
        """All that was written, mapped into memory and not to be changed. After this nothing can be added."""
        with self._file:
            if not self._bytes:
                return np.zeros(0, self.dtype)
            self._file.flush()
            return np.frombuffer(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ), self.dtype)


class GrowingRows:
    """Rows of different lengths: `values` one after the other, and where each begins and ends."""

    def __init__(self, dtype: Any, folder: Path | None = None) -> None:
        self._values, self._offsets = Growing(dtype, folder), Growing(np.int64, folder)
        self._offsets.append(np.zeros(1, np.int64))
        self._end = 0

    def append(self, values: np.ndarray, lengths: np.ndarray) -> None:
        self._values.append(values)
        ends = self._end + np.cumsum(lengths, dtype=np.int64)
        self._offsets.append(ends)
        self._end += int(np.sum(lengths, dtype=np.int64))

    def texts(self) -> pa.Array:
        """The rows, of bytes, as an Arrow array of strings."""
        offsets = self._offsets.array()
        return pa.LargeStringArray.from_buffers(
            len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(self._values.array())
        )

    def lists(self) -> pa.Array:
        return pa.LargeListArray.from_arrays(pa.array(self._offsets.array()), pa.array(self._values.array()))

    def ragged(self, ending: int | None = None) -> Ragged:
        return Ragged(self._values.array(), self._offsets.array(), ending=ending)


# Files


@dataclass(frozen=True)
class Stored:
    """Columns of an Arrow file, mapped into memory, or of arrays that are in no file. `notes` are the schema's."""

    batch: pa.RecordBatch
    path: Path | None = None
    _mapped: mmap.mmap | None = None

    @classmethod
    def open(cls, path: Path) -> "Stored":
        """Raises OSError, ValueError (`pa.ArrowInvalid` is one) or KeyError where it is missing or damaged."""
        with open(path, "rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        batch = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(mapped))).get_batch(0)
        batch.validate(full=True)
        return cls(batch, path, mapped)

    def write(self, file: Any) -> None:
        with pa.ipc.new_file(file, self.batch.schema) as writer:
            writer.write_batch(self.batch)

    @cached_property
    def notes(self) -> dict[str, bytes]:
        return {key.decode(): value for key, value in (self.batch.schema.metadata or {}).items()}

    def ragged(self, column: str) -> Ragged:
        """A column of lists of numbers."""
        lists = self.batch.column(column)
        return Ragged(lists.values.to_numpy(), lists.offsets.to_numpy(), source=self)

    def release(self) -> None:
        if self._mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._mapped.madvise(mmap.MADV_DONTNEED)


@lru_cache(maxsize=2)
def _opened(path: Path) -> Stored:
    return Stored.open(path)


class StoredPairs(Sequence[tuple[str, str]]):
    """Sentence pairs in the columns `source` and `target` of an Arrow file; Python strings only while they are read.

    rows: which of the file's rows, None for all. Another process gets the file's path in place of the sentences.
    """

    def __init__(self, stored: Stored, rows: np.ndarray | None = None) -> None:
        self.stored, self.rows = stored, rows

    def __len__(self) -> int:
        return self.stored.batch.num_rows if self.rows is None else len(self.rows)

    @overload
    def __getitem__(self, index: int) -> tuple[str, str]: ...
    @overload
    def __getitem__(self, index: slice) -> "StoredPairs": ...
    def __getitem__(self, index: int | slice) -> "tuple[str, str] | StoredPairs":
        if isinstance(index, slice):
            return self.take(np.arange(len(self), dtype=np.uint32)[index])
        row = range(len(self))[index]
        row = row if self.rows is None else int(self.rows[row])
        source, target = (self.stored.batch.column(side)[row].as_py() for side in ("source", "target"))
        return source, target

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for part in portions(len(self), BLOCK):
            if self.rows is None:
                block = self.stored.batch.slice(part.start, part.stop - part.start)
            else:
                block = self.stored.batch.take(pa.array(self.rows[part]))
            yield from zip(*(block.column(side).to_pylist() for side in ("source", "target")), strict=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        if self.stored.path is None:
            return list, (list(self),)
        return _reopened, (self.stored.path, self.rows)

    def numbers(self, column: str) -> np.ndarray:
        """What a column of numbers says of each pair."""
        values = self.stored.batch.column(column).to_numpy()
        return np.asarray(values if self.rows is None else values[self.rows])

    def take(self, rows: np.ndarray) -> "StoredPairs":
        """The pairs in these rows, in this order."""
        return StoredPairs(self.stored, rows if self.rows is None else self.rows[rows])


def _reopened(path: Path, rows: np.ndarray | None) -> StoredPairs:
    return StoredPairs(_opened(path), rows)
