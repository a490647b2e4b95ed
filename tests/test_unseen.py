"""Why a word is unknown: counts agree with the vocabulary, and the settings named are the least that keep the word."""

from core.unseen import training_words
from core.vocab import SPECIALS, Vocab


def test_counts_are_those_of_the_vocabulary(new_run):
    from core.material import load_corpus, prepare

    run = new_run(min_freq=1)
    words = training_words(run)
    vocab = prepare(load_corpus(run), run.config).source_vocab
    for token, count in zip(vocab.tokens[len(SPECIALS) :], vocab.counts[len(SPECIALS) :], strict=True):
        seen = words.seen(token)
        assert seen.count == seen.min_freq == count
        assert seen.max_size == vocab.id(token) + 1


def test_the_settings_named_keep_the_word_and_stricter_ones_do_not(new_run):
    from core.material import load_corpus

    run = new_run(min_freq=1)
    words = training_words(run)
    split = load_corpus(run).split(run.config.split_seed)
    cut = [run.tokenizers()[0].tokenize(source) for source, _ in split.train]
    for word in {word for sentence in cut for word in sentence}:
        seen = words.seen(word)
        assert seen.max_size is not None and seen.min_freq is not None
        assert word in Vocab.build(cut, seen.max_size, seen.min_freq)
        assert word not in Vocab.build(cut, seen.max_size - 1, seen.min_freq)
        assert word not in Vocab.build(cut, seen.max_size, seen.min_freq + 1)


def test_a_word_that_training_never_saw_can_be_kept_by_no_setting(new_run):
    seen = training_words(new_run()).seen("独角兽")
    assert (seen.count, seen.min_freq, seen.max_size) == (0, None, None)
