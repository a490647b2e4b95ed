"""Ids and sentences in arrays and Arrow files: what goes in comes out, from memory as from a file."""

import pickle

import numpy as np
import pyarrow as pa
import pytest

from core.encoded import Growing, GrowingRows, Ragged, Stored, StoredPairs

ROWS = [[5, 6, 7], [8], [], [9, 9, 4, 4], [5]]
PAIRS = [("你好。", "Hello."), ("<b>", "ünïcode 😀"), ("再见。", "Bye.")]


def in_file(rows, path):
    growing = GrowingRows(np.int32)
    for some in (rows[:2], rows[2:]):
        growing.append(np.array([i for row in some for i in row]), np.array([len(row) for row in some]))
    Stored(pa.record_batch({"ids": growing.lists()})).write(path)
    return Stored.open(path).ragged("ids")


@pytest.fixture(params=["memory", "file"])
def ragged(request, tmp_path):
    return Ragged.of(ROWS) if request.param == "memory" else in_file(ROWS, tmp_path / "ids.arrow")


def as_lists(ragged):
    return [row.tolist() for row in ragged]


def test_rows_come_out_as_they_went_in(ragged):
    assert as_lists(ragged) == ROWS
    assert ragged[-1].tolist() == [5]
    assert [row.tolist() for row in ragged[1:4]] == ROWS[1:4]
    assert ragged[0].dtype == np.int64
    with pytest.raises(IndexError):
        ragged[len(ROWS)]
    assert ragged.total == sum(map(len, ROWS))
    assert ragged.lengths(np.array([3, 0])).tolist() == [4, 3]
    assert ragged.lengths(slice(1, 4)).tolist() == [1, 0, 4]
    assert ragged.counts().tolist() == np.bincount([i for row in ROWS for i in row]).tolist()


def test_some_rows_another_vocabulary_and_an_end(ragged):
    from dataclasses import replace

    table = np.arange(10) * 10
    some = replace(ragged, rows=np.array([3, 2, 0], np.uint32), table=table, ending=3)
    assert as_lists(some) == [[90, 90, 40, 40, 3], [3], [50, 60, 70, 3]]
    assert some.lengths(np.arange(3)).tolist() == some.lengths(slice(0, 3)).tolist() == [5, 1, 4]
    assert some.total == 7
    assert some.counts().tolist() == np.bincount([9, 9, 4, 4, 5, 6, 7]).tolist()
    assert as_lists(ragged.part(1, 4)) == ROWS[1:4]
    ragged.release()
    assert as_lists(ragged) == ROWS


def test_columns_are_filled_up(ragged):
    columns, lengths = ragged.padded(np.array([0, 2, 3]), 1)
    assert columns.tolist() == [[5, 1, 9], [6, 1, 9], [7, 1, 4], [1, 1, 4]]
    assert lengths.tolist() == [3, 0, 4]
    # An empty row that comes first and stands last.
    columns, lengths = Ragged.of([[5, 6], []]).padded(np.array([1, 0]), 1)
    assert (columns.tolist(), lengths.tolist()) == ([[1, 5], [1, 6]], [0, 2])


def test_an_array_grows_over_blocks_and_may_be_empty():
    assert len(Growing(np.uint64).array()) == 0
    growing = Growing(np.uint64)
    for block in ([1, 2], [], [2**63]):
        growing.append(np.array(block, np.uint64))
    assert growing.array().tolist() == [1, 2, 2**63]


@pytest.fixture
def stored_pairs(tmp_path):
    sides = GrowingRows(np.uint8), GrowingRows(np.uint8)
    for side, growing in enumerate(sides):
        for pair in PAIRS:
            text = np.frombuffer(pair[side].encode(), np.uint8)
            growing.append(text, np.array([len(text)]))
    batch = pa.record_batch({"source": sides[0].texts(), "target": sides[1].texts(), "n": pa.array([7, 8, 9])})
    Stored(batch).write(tmp_path / "pairs.arrow")
    return StoredPairs(Stored.open(tmp_path / "pairs.arrow"))


def test_stored_pairs_are_a_sequence_of_pairs(stored_pairs):
    assert stored_pairs == PAIRS
    assert list(stored_pairs) == PAIRS
    assert (stored_pairs[1], stored_pairs[-1]) == (PAIRS[1], PAIRS[2])
    assert stored_pairs[1:] == PAIRS[1:]
    assert stored_pairs[::-1][:2] == PAIRS[::-1][:2]
    some = stored_pairs.take(np.array([2, 0]))
    assert some == [PAIRS[2], PAIRS[0]]
    assert some.numbers("n").tolist() == [9, 7]
    with pytest.raises(IndexError):
        stored_pairs[3]


def test_another_process_gets_the_path_alone(stored_pairs):
    many = stored_pairs.take(np.zeros(1000, np.uint32))
    packed = pickle.dumps(many)
    assert len(packed) < 5000
    assert pickle.loads(packed) == [PAIRS[0]] * 1000
    unkept = StoredPairs(Stored(stored_pairs.stored.batch))
    assert pickle.loads(pickle.dumps(unkept)) == PAIRS


@pytest.mark.parametrize("keep", [0, 1, 10, -1, -20])
def test_a_file_cut_short_cannot_be_opened(stored_pairs, keep):
    path = stored_pairs.stored.path
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises((OSError, ValueError)):
        Stored.open(path)
