"""What a corpus holds, told without training: the same words and the same split as a run has."""

from collections import Counter

import pytest

from core.corpus import ParallelCorpus
from core.problems import Problem
from core.survey import LANGUAGE, RATIO, SAME, count, curve, cut, guess_language, suspicious, without
from core.text import tokenizer
from core.vocab import Vocab


@pytest.fixture(scope="module")
def some(request):
    return request.getfixturevalue("real_corpus").pairs[:3000]


@pytest.fixture(scope="module")
def counted(some):
    return count(cut(some))


def split_words(some, side, name):
    split = ParallelCorpus("", some, "").split()
    cutter = tokenizer(name).tokenize
    return [[cutter(pair[side]) for pair in pairs] for pairs in (split.train, [*split.test, *split.valid])]


@pytest.mark.parametrize(("side", "name"), [(0, "jieba"), (1, "spacy")])
@pytest.mark.parametrize(("min_freq", "max_size"), [(1, 10_000), (2, 10_000), (3, 500), (2, 5), (50, 10_000)])
def test_it_knows_the_words_that_a_runs_vocabulary_would(some, counted, side, name, min_freq, max_size):
    train, unseen = split_words(some, side, name)
    vocab = Vocab.build(train, max_size, min_freq)
    kept = counted[side].kept(min_freq, max_size)
    assert counted[side].words[:kept] == vocab.tokens[4:]
    assert counted[side].counts[:kept] == vocab.counts[4:]
    words = [word for sentence in unseen for word in sentence]
    assert counted[side].known_words(kept) == pytest.approx(sum(word in vocab for word in words) / len(words))
    for sentences, share in (
        (unseen, counted[side].whole_sentences(kept)),
        (train, counted[side].whole_training_sentences(kept)),
    ):
        whole = sum(all(word in vocab for word in sentence) for sentence in sentences)
        assert share == pytest.approx(whole / len(sentences))


def test_fewer_training_pairs_are_the_first_of_the_split_as_in_training(some):
    text = cut(some)
    side = count(text, training_pairs=500)[0]
    split = ParallelCorpus("", some, "").split()
    words = Counter(word for pair in split.train[:500] for word in tokenizer("jieba").tokenize(pair[0]))
    assert dict(zip(side.words, side.counts, strict=True)) == dict(words)
    assert (text.training, text.validation, text.test) == tuple(map(len, (split.train, split.valid, split.test)))


def test_longer_sentences_than_allowed_are_not_trained_on(some):
    text = cut(some)
    assert sum(count(text, max_length=5)[0].counts) < sum(count(text, max_length=60)[0].counts)
    assert len(count(text, max_length=5)[0].lengths) == len(some)


def test_a_larger_vocabulary_never_knows_less(counted):
    for side in counted:
        points = curve(side)
        assert points == sorted(points)
        assert [known for _, known, _ in points] == sorted(known for _, known, _ in points)
        assert [whole for _, _, whole in points] == sorted(whole for _, _, whole in points)
        assert side.kept(1, 10**9) == len(side.words) == points[-1][0]
        assert side.kept(10**9, 10**9) == side.kept(1, 4) == side.kept(1, 0) == 0


def test_an_examples_unknown_words_are_those_past_the_vocabulary(counted):
    kept = counted[0].kept(2, 1000)
    vocabulary = set(counted[0].words[:kept])
    for example in counted[0].examples[:50]:
        assert [place < kept for place in example.places] == [word in vocabulary for word in example.words]


def test_only_a_sample_of_very_many_pairs_is_cut(some, monkeypatch):
    monkeypatch.setattr("core.survey.SAMPLE", 600)
    text = cut(some)
    assert 600 <= len(text.words[0]) <= 602
    assert len(text.pairs) == len(some)
    held_out = sum(place < 0 for place in text.order)
    assert held_out / 600 == pytest.approx((text.validation + text.test) / len(some), abs=0.01)
    assert count(text)[0].words


def test_progress_is_told_and_only_grows(some):
    told = []
    cut(some[:300], progress=told.append)
    assert told == sorted(told)
    assert 0 <= told[0] < told[-1] <= 1


def test_too_few_pairs_are_a_problem(pairs):
    with pytest.raises(Problem, match="at least 20"):
        cut(pairs[:10])


@pytest.mark.parametrize("languages", [("english", "chinese"), ("other", "other"), ("chinese", "other")])
def test_other_directions_are_counted_too(pairs, languages):
    turned = [(b, a) for a, b in pairs] if languages[0] == "english" else pairs
    source, target = count(cut(turned, languages))
    assert source.words
    assert target.words
    assert source.known_words(len(source.words)) > 0.9


# What looks wrong


@pytest.mark.parametrize(
    ("pair", "kind"),
    [
        (("你好！", "你好"), SAME),
        (("OK!", "ok"), SAME),
        (("Hello.", "Hello there."), LANGUAGE),
        (("你好。", "你好 everyone."), LANGUAGE),
        (("你好。", "Привет всем."), LANGUAGE),
        (("好。", "This sentence goes on and on about something that the other side never says."), RATIO),
        (("这句话很长很长，说了很多很多别的事情，英文里却一点也没有提到，真是奇怪。", "Odd."), RATIO),
    ],
)
def test_a_pair_that_looks_wrong_is_found(pairs, pair, kind):
    found = suspicious([*pairs, pair], ("chinese", "english"))
    assert found == {SAME: [], LANGUAGE: [], RATIO: []} | {kind: [len(pairs)]}
    assert without([*pairs, pair], found[kind]) == pairs


@pytest.mark.parametrize(
    "pair", [("好。", "OK."), ("2024。", "2024."), ("我爱你。", "I love café crème."), ("用ＵＳＢ。", "Use USB.")]
)
def test_a_pair_that_is_fine_is_not(pairs, pair):
    assert not any(suspicious([*pairs, pair], ("chinese", "english")).values())


@pytest.mark.parametrize(
    ("sentences", "language"),
    [
        (["你好。", "我们走吧。", "OK"], "chinese"),
        (["Where are you?", "It's on the table.", "Don’t do that."], "english"),
        (["Wo bist du?", "Das Buch liegt auf dem Tisch.", "Nein."], "other"),
        (["こんにちは。", "私は学生です。", "本を読みます。"], "other"),
        (["123", "!!!"], "other"),
        ([], "other"),
    ],
)
def test_languages_are_guessed(sentences, language):
    assert guess_language(sentences) == language


def test_the_real_corpora_look_right(real_corpus):
    found = suspicious(real_corpus.pairs, ("chinese", "english"))
    assert sum(map(len, found.values())) < len(real_corpus.pairs) / 100
