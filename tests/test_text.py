"""Sentences to tokens and back."""

import pytest

from core.problems import Problem
from core.text import TOKENIZERS, contains_chinese, normalize_chinese, normalize_english, tokenizer


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("ＡＢＣ１２３", "ABC123"),
        ("我愛學習機器學習。", "我爱学习机器学习。"),
        ("你好,世界!", "你好，世界！"),
        ("你好，世界！", "你好，世界！"),
        ("火车3:00开,票价1,000元.", "火车3:00开，票价1,000元。"),
        ("有３个(真的)?", "有3个（真的）？"),
        ("等等...", "等等..."),
        ("「你好」", "“你好”"),
        ("我 喜欢 Python , 真的", "我喜欢Python，真的"),
        ("learn Python, now", "learn Python, now"),
        ("我\x00爱\x07你\r\n", "我爱你"),
        ("", ""),
    ],
)
def test_chinese_that_reads_the_same_is_spelt_the_same(written, read):
    assert normalize_chinese(written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Don’t say “no”.", 'Don\'t say "no".'),
        ("Ｈｅｌｌｏ", "Hello"),
        ("  two\t words\n", "two words"),
        ("a\x00b\x1bc", "a b c"),
        ("I like Tom.", "I like Tom."),
    ],
)
def test_english_that_reads_the_same_is_spelt_the_same_and_keeps_its_case(written, read):
    assert normalize_english(written) == read


def test_normalising_twice_is_normalising_once(real_corpus):
    for chinese, english in [*real_corpus.pairs, ("他 说 OK , 好", "It ’ s “ OK ”")]:
        once = normalize_chinese(chinese), normalize_english(english)
        assert (normalize_chinese(once[0]), normalize_english(once[1])) == once


def test_jieba_cuts_into_words():
    assert tokenizer("jieba").tokenize("我喜歡學習機器學習.") == ["我", "喜欢", "学习", "机器", "学习", "。"]


def test_a_blank_is_no_token():
    assert tokenizer("jieba").tokenize("我们 用 Python 写 字") == ["我们", "用", "Python", "写字"]
    assert tokenizer("spacy").tokenize("two  words\u3000here") == ["two", "words", "here"]


def test_spacy_cuts_contractions_as_the_lesson_does():
    assert tokenizer("spacy").tokenize("Let's go, I don't know.") == [
        "Let", "'s", "go", ",", "I", "do", "n't", "know", ".",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "sentence",
    [
        "I don't know.",
        "Let's go.",
        "I can't do that.",
        "She has a part-time job.",
        "We'll see if they've gone, won't we?",
        "He said, \"It's five o'clock!\"",
        "You're gonna cannot.",
        "It costs $3.50 (or less).",
        "Tom's dogs' food",
        "THAT'S IT, I WON'T!",
    ],
)
def test_english_is_put_together_as_it_was_written(sentence):
    english = tokenizer("spacy")
    assert english.detokenize(english.tokenize(sentence)) == sentence


def test_nearly_all_real_english_is_put_together_exactly(real_corpus):
    english = tokenizer("spacy")
    sentences = {target for _, target in real_corpus.pairs}
    same = sum(english.detokenize(english.tokenize(sentence)) == sentence for sentence in sentences)
    assert same / len(sentences) >= 0.995


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("sentence", ["<b>你好</b>😀", "&lt; <eos> 好 </eos>", "👩‍👩‍👧好{x}", "$a_b$ 好 \\n %s"])
def test_markup_and_emoji_stay_text(name, sentence):
    cutter = tokenizer(name)
    tokens = cutter.tokenize(sentence)
    assert "".join(tokens).replace("▁", "") == cutter.normalize(sentence).replace(" ", "")


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("nothing", ["", "   ", "\x00\t\n", "\u3000"])
def test_no_words_give_no_tokens(name, nothing):
    assert tokenizer(name).tokenize(nothing) == []
    assert tokenizer(name).detokenize([]) == ""


def test_characters_are_put_together_exactly():
    characters = tokenizer("characters")
    assert characters.detokenize(characters.tokenize("Où est-il ?")) == "Où est-il ?"


def test_chinese_is_put_together_without_blanks_but_between_latin_words():
    assert (
        tokenizer("jieba").detokenize(["我", "用", "Visual", "Studio", "写", "3", "行", "。"])
        == "我用Visual Studio写3行。"
    )


def test_contains_chinese_sees_chinese_characters_alone():
    assert contains_chinese("a好b")
    assert contains_chinese("𠀀")
    assert not contains_chinese("Hi, 123。！😀かな")


def test_a_tokenizer_is_made_once_and_an_unknown_one_is_a_problem():
    assert tokenizer("spacy") is tokenizer("spacy")
    with pytest.raises(Problem, match="jieba, spacy, characters"):
        tokenizer("moses")
