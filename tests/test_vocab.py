"""Token <-> id."""

import pytest

from core.problems import Problem
from core.vocab import EOS, PAD, SOS, SPECIALS, UNK, Vocab

SENTENCES = [["b", "a", "a", "c"], ["a", "b", "d"], ["b", "a", "c", "e"]]


def test_the_special_tokens_are_the_lessons():
    assert (UNK, PAD, SOS, EOS) == (0, 1, 2, 3)
    assert tuple(Vocab.build(SENTENCES).tokens[:4]) == SPECIALS == ("<unk>", "<pad>", "<sos>", "<eos>")


def test_ids_have_no_gaps_and_go_by_frequency():
    vocab = Vocab.build(SENTENCES, min_freq=1)
    assert vocab.tokens[4:] == ["a", "b", "c", "d", "e"]
    assert vocab.counts[4:] == [4, 3, 2, 1, 1]
    assert [vocab.id(token) for token in vocab.tokens[4:]] == list(range(4, len(vocab)))


@pytest.mark.parametrize("max_size", [5, 6, 7, 8, 100])
@pytest.mark.parametrize("min_freq", [1, 2, 3, 5])
def test_both_limits_hold_and_the_most_frequent_stay(max_size, min_freq):
    vocab = Vocab.build(SENTENCES, max_size, min_freq)
    assert len(vocab) <= max_size
    assert all(count >= min_freq for count in vocab.counts[4:])
    frequent = [token for token, count in zip("abcde", (4, 3, 2, 1, 1), strict=True) if count >= min_freq]
    assert vocab.tokens[4:] == frequent[: max_size - 4]


def test_the_order_of_the_sentences_does_not_matter():
    assert Vocab.build(SENTENCES, min_freq=1).tokens == Vocab.build(SENTENCES[::-1], min_freq=1).tokens


def test_words_that_training_did_not_keep_are_unknown():
    vocab = Vocab.build(SENTENCES)
    assert vocab.encode(["a", "d", "zebra"]) == [vocab.id("a"), UNK, UNK]
    assert "a" in vocab
    assert "d" not in vocab


@pytest.mark.parametrize("special", SPECIALS)
def test_a_special_token_written_in_a_text_is_an_unknown_word(special):
    vocab = Vocab.build([[special] * 9, *SENTENCES], min_freq=1)
    assert vocab.id(special) == UNK
    assert special not in vocab
    assert vocab.tokens.count(special) == 1


def test_decoding_ends_at_eos_and_leaves_out_padding():
    vocab = Vocab.build(SENTENCES)
    a, b = vocab.encode(["a", "b"])
    assert vocab.decode([SOS, a, PAD, b, EOS, a]) == ["a", "b"]
    assert vocab.decode(vocab.encode(["b", "a", "c"])) == ["b", "a", "c"]


def test_what_was_saved_is_loaded(tmp_path):
    vocab = Vocab.build([*SENTENCES, ["好", "\u2028", '"', "😀"]], min_freq=1)
    vocab.save(tmp_path / "vocab.json")
    loaded = Vocab.load(tmp_path / "vocab.json")
    assert (loaded.tokens, loaded.counts) == (vocab.tokens, vocab.counts)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"tokens": ["<unk>"]}',
        b'{"tokens": ["a", "b"], "counts": [1, 2]}',
        b'{"tokens": ["<unk>", "<pad>", "<sos>", "<eos>", "a", "a"], "counts": [0, 0, 0, 0, 1, 1]}',
        b'{"tokens": ["<unk>", "<pad>", "<sos>", "<eos>", "a"], "counts": [0, 0, 0, 0]}',
        b'{"tokens": ["<unk>", "<pad>", "<sos>", "<eos>", ["a"]], "counts": [0, 0, 0, 0, 1]}',
    ],
)
def test_a_damaged_file_is_a_problem(tmp_path, content):
    path = tmp_path / "vocab.json"
    path.write_bytes(content)
    with pytest.raises(Problem, match=r"vocab\.json"):
        Vocab.load(path)


def test_a_missing_file_is_a_problem(tmp_path):
    with pytest.raises(Problem, match=r"vocab\.json"):
        Vocab.load(tmp_path / "vocab.json")
