"""Sentences cut into words in blocks: the same whoever does it, and however many."""

import functools
import os

import numpy as np
import pytest

from core.cutting import Cut, GrowingTokens, cut_block, in_blocks, normalize_block
from core.split import hashes, split_rows
from core.text import PieceTokenizer, tokenizer

WORDS = Cut("jieba"), Cut("spacy")


def cut_all(pairs, size, processes, cuts=WORDS):
    sides = GrowingTokens(), GrowingTokens()
    blocks = (pairs[start : start + size] for start in range(0, len(pairs), size))
    for block in in_blocks(functools.partial(cut_block, cuts=cuts), blocks, processes):
        for side, tokens in zip(sides, block, strict=True):
            side.append(tokens)
    return [[[side.words[i] for i in row] for row in side.lists().to_pylist()] if side.words else [] for side in sides]


@pytest.mark.parametrize(("size", "processes"), [(1000, 1), (7, 1), (20, 2)])
def test_words_are_the_tokenizers_in_blocks_of_any_size_and_on_any_number_of_cores(pairs, size, processes):
    given = [*pairs, ("", "<eos> <unk>")]
    names = ("jieba", "spacy")
    expected = [[tokenizer(name).tokenize(pair[side]) for pair in given] for side, name in enumerate(names)]
    assert cut_all(given, size, processes) == expected


def test_pieces_are_cut_by_the_model_that_comes_along(pairs):
    learnt = PieceTokenizer.learn([target for _, target in pairs], 320)
    source, target = cut_all(pairs, 30, 1, (Cut("characters"), Cut.of(learnt)))
    assert target == [learnt.tokenize(text) for _, text in pairs]
    assert source == [list(text) for text, _ in pairs]


def test_normalising_leaves_out_what_has_an_empty_side():
    source, target, hashed = normalize_block([("你好!", "Hi\u2019"), ("\x00", "x"), ("我愛你", "b  b")], WORDS, 1)
    normal = [("你好！", "Hi'"), ("我爱你", "b b")]
    assert source.text.tobytes().decode() == "".join(a for a, _ in normal)
    assert target.lengths.tolist() == [len(b) for _, b in normal]
    assert [column.tolist() for column in hashed] == [column.tolist() for column in hashes(normal, 1)]


def test_a_process_that_dies_loses_nothing():
    assert list(in_blocks(die_elsewhere(os.getpid()), range(5), 2)) == list(range(5))


def die_elsewhere(home):
    return functools.partial(_die_elsewhere, home)


def _die_elsewhere(home, block):
    if os.getpid() != home:
        os._exit(1)
    return block


def test_blocks_are_taken_only_as_they_are_needed():
    taken = []
    results = in_blocks(str, (taken.append(i) or i for i in range(1000)), 2)
    assert [next(results) for _ in range(3)] == ["0", "1", "2"]
    assert len(taken) < 20


def test_a_split_by_known_hashes_is_the_split(real_corpus):
    pairs = real_corpus.pairs[:3000]
    one, other = split_rows(pairs, 3), split_rows(pairs, 3, hashes(pairs, 3))
    for side in ("train", "valid", "test"):
        assert np.array_equal(getattr(one, side), getattr(other, side))
