"""Ids in, padded batches out."""

import numpy as np
import pytest
import torch

from core.batches import batch_rows, batches, encode_pairs, pad_columns, source_ids
from core.vocab import EOS, PAD, SOS

# The first id of each side tells the pair.
LENGTHS = [(3, 2), (1, 1), (5, 4), (3, 7), (1, 9), (2, 2), (3, 2), (8, 1), (3, 3), (2, 5), (4, 4)]
ENCODED = encode_pairs([([10 + i] * a, [10 + i] * b) for i, (a, b) in enumerate(LENGTHS)])


def ids_of(batch):
    return batch.source[0].tolist()


@pytest.mark.parametrize("batch_size", [1, 3, 11, 100])
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_each_pair_comes_once_whole_and_beside_its_own_target(batch_size, seed):
    found = []
    for batch in batches(ENCODED, batch_size, seed):
        assert 1 <= batch.source.shape[1] <= batch_size
        for column, (name, length) in enumerate(zip(ids_of(batch), batch.source_lengths.tolist(), strict=True)):
            source_length, target_length = LENGTHS[name - 10]
            assert length == source_length + 1
            source = batch.source[:, column].tolist()
            assert source == [name] * source_length + [EOS] + [PAD] * (len(source) - length)
            target_in = batch.target_in[:, column].tolist()
            padding = [PAD] * (len(target_in) - target_length - 1)
            assert target_in == [SOS, *[name] * target_length, *padding]
            assert batch.target_out[:, column].tolist() == [*[name] * target_length, EOS, *padding]
            found.append(name)
    assert sorted(found) == list(range(10, 10 + len(LENGTHS)))


def test_what_goes_in_is_what_comes_out_one_step_later():
    for batch in batches(ENCODED, 4):
        real = batch.target_out != PAD
        shifted = torch.where(batch.target_in[1:] == PAD, EOS, batch.target_in[1:])
        assert torch.equal(shifted[real[:-1]], batch.target_out[:-1][real[:-1]])
        assert (batch.target_in[0] == SOS).all()


def test_the_same_seed_gives_the_same_batches_and_another_seed_others():
    def order(seed):
        return [ids_of(batch) for batch in batches(ENCODED, 2, seed)]

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_neighbours_in_length_stand_together():
    spread = [batch.source_lengths.max() - batch.source_lengths.min() for batch in batches(ENCODED, 4)]
    assert max(spread) <= 4
    assert [len(batch.source) for batch in batches(ENCODED, 4)] == sorted(len(b.source) for b in batches(ENCODED, 4))


@pytest.mark.parametrize("seed", [None, 1])
def test_batches_by_words_hold_about_as_many_words_each(seed):
    random = np.random.default_rng(1)
    pairs = encode_pairs([([5] * n, [6] * (n + n % 3)) for n in random.integers(1, 30, 400)])
    rows = batch_rows(pairs, 16, seed, by_words=True)
    assert len(rows) == len(batch_rows(pairs, 16, seed)), "as many steps an epoch"
    assert sorted(np.concatenate(list(rows)).tolist()) == list(range(400))
    words = [int((pairs.sources.lengths(some) + pairs.targets.lengths(some)).sum()) for some in rows]
    assert np.ptp(words) < 120, "no more than a sentence's worth apart"
    assert max(map(len, rows)) > 3 * min(map(len, rows))
    assert [some.tolist() for some in rows[7:]] == [some.tolist() for some in rows][7:]


@pytest.mark.parametrize("lengths", [[1, 1, 1, 500], [500, 1, 1, 1, 1], [300, 300, 1], [2], [1] * 7])
def test_no_batch_is_empty_however_long_one_sentence_is(lengths):
    pairs = encode_pairs([([5] * n, [6] * n) for n in lengths])
    for size in (1, 2, 3):
        rows = list(batch_rows(pairs, size, 1, by_words=True))
        assert all(map(len, rows))
        assert sorted(np.concatenate(rows).tolist()) == list(range(len(lengths)))


def test_the_words_of_an_epoch_are_counted_with_eos():
    assert ENCODED.target_tokens == sum(int((batch.target_out != PAD).sum()) for batch in batches(ENCODED, 4))
    assert len(ENCODED) == len(LENGTHS)


def test_ids_are_int64_and_lengths_stay_on_the_cpu():
    batch = next(iter(batches(ENCODED, 4))).to(torch.device("meta"))
    assert {t.dtype for t in (batch.source, batch.source_lengths, batch.target_in, batch.target_out)} == {torch.int64}
    assert batch.source.device.type == "meta"
    assert batch.source_lengths.device.type == "cpu"


def test_padding_fills_the_columns():
    padded = pad_columns([source_ids([7, 8]), np.array([9])])
    assert padded.tolist() == [[7, 9], [8, PAD], [EOS, PAD]]
