"""A run's folder behind one call."""

import json
import math

import pytest
import torch
from safetensors.torch import load, save

from core.decode import COPIED, GAP, LOOKED_UP, TERM, Writing
from core.dictionary import look_up
from core.problems import Problem
from core.text import tokenizer
from core.translator import MAX_CHARACTERS, Translator
from core.vocab import UNK

SENTENCES = ["我喜欢苹果。", "他们想要自行车。", "老师们看见花。", "麒麟喜欢我？"]


@pytest.fixture
def translator(finished_run):
    return Translator.load(finished_run)


# What it says


def test_many_sentences_are_translated_as_each_alone_in_their_order(translator):
    assert translator.translate(SENTENCES) == [translator.trace(text).sentence for text in SENTENCES]
    assert translator.translate(SENTENCES, batch_size=2) == translator.translate(SENTENCES)


def test_beam_search_gives_many_sentences_what_it_gives_each_alone(translator):
    for width in (1, 2, 5):
        found = [translator.beam(text, width) for text in SENTENCES]
        assert [made.best[0].sentence for made in found] == translator.translate(SENTENCES, beam=width)
        assert {(made.width, len(made.best)) for made in found} == {(width, width)}
    assert translator.translate(SENTENCES, beam=1) == translator.translate(SENTENCES)
    assert translator.translate(["", "花"], beam=3)[0] == ""


def test_what_beam_search_found_can_be_traced(translator):
    for found in translator.beam("他们想要自行车。", 4).best:
        trace = translator.trace("他们想要自行车。", prefix=found.ids)
        assert (trace.sentence, trace.replacements, trace.finished) == (
            found.sentence,
            found.replacements,
            found.finished,
        )
        assert trace.log_probability == pytest.approx(found.log_probability, rel=1e-4)


def test_a_trace_holds_together(translator):
    trace = translator.trace("我們想要麒麟.")
    assert trace.text == "我們想要麒麟."
    assert [token.text for token in trace.source] == ["我们", "想要", "麒麟", "。", "<eos>"]
    assert [token.known for token in trace.source] == [True, True, False, True, True]
    assert trace.log_probability == pytest.approx(sum(math.log(step.chosen.probability) for step in trace.steps))
    assert trace.vocabulary == len(translator.target_vocab)
    assert trace.finished == (trace.steps[-1].chosen.token == "<eos>")


def test_loading_again_gives_the_same_trace(translator, finished_run):
    again = Translator.load(finished_run)
    assert [again.trace(text) for text in SENTENCES] == [translator.trace(text) for text in SENTENCES]


def test_spelling_makes_no_difference(translator):
    assert translator.translate(["我 喜歡 蘋果."]) == translator.translate(["我喜欢苹果。"])


def test_texts_without_words_stay_empty_and_the_others_keep_their_place(translator):
    one = translator.translate(["我喜欢苹果。"])
    assert translator.translate(["", "我喜欢苹果。", "  \x00"]) == ["", *one, ""]
    assert translator.translate([]) == []


# Words that it does not have


def force_unknown(translator):
    """Make the model write nothing else."""
    with torch.no_grad():
        translator.model.decoder.output.bias[UNK] += 1e3


def test_no_translation_has_a_bare_unknown_word(translator):
    force_unknown(translator)
    for text in ["我喜欢长颈鹿。", "龘靐齉", "Tom喜欢花。"]:
        trace = translator.trace(text)
        assert [step.chosen.token for step in trace.steps].count("<unk>") == len(trace.replacements) > 0
        assert translator.translate([text]) == [trace.sentence]
        assert "<unk>" not in trace.sentence
        assert trace.written.count("<unk>") == len(trace.replacements)
        for replacement in trace.replacements:
            end = replacement.start + len(replacement.text)
            assert trace.sentence[replacement.start : end] == replacement.text
            assert trace.steps[replacement.step].chosen.token == "<unk>"
            weights = trace.steps[replacement.step].attention
            assert weights[replacement.source] == max(weights[:-1])
            word = trace.words[replacement.source]
            if replacement.how == LOOKED_UP:
                assert replacement.text.lower() == look_up(word).lower()
            else:
                assert (replacement.how, replacement.text) == (COPIED, word)
        for found in translator.beam(text, 3).best:
            assert "<unk>" not in found.sentence


@pytest.mark.parametrize(
    ("word", "how", "text"),
    [
        ("长颈鹿", LOOKED_UP, "giraffe"),
        ("机器学习", TERM, "machine learning"),
        ("龘靐齉", COPIED, "龘靐齉"),
        ("OK", COPIED, "OK"),
        ("<unk>", COPIED, "<unk>"),
    ],
)
def test_a_word_that_it_does_not_have_is_looked_up_or_copied(translator, word, how, text):
    like = translator.target_vocab.id("like")
    sentence, (replacement,) = translator.read(Writing([like, UNK], [0, 1]), ["喜欢", word])
    assert (sentence, replacement.how, replacement.text) == (f"like {text}", how, text)


def test_a_sentence_that_begins_with_what_was_looked_up_begins_with_a_capital(translator):
    for word, text in (("长颈鹿", "Giraffe"), ("机器学习", "Machine learning"), ("ok", "ok")):
        sentence, (replacement,) = translator.read(Writing([UNK], [0]), [word])
        assert sentence == replacement.text == text


def test_it_stands_where_the_model_wrote_it(translator):
    like = translator.target_vocab.id("like")
    dot = translator.target_vocab.id(".")
    sentence, replacements = translator.read(
        Writing([UNK, like, UNK, dot], [2, 1, 0, 3]), ["长颈鹿", "喜欢", "汤姆", "。"]
    )
    assert sentence == "Tom like giraffe."
    assert [(part.step, part.source, part.start) for part in replacements] == [(0, 2, 0), (2, 0, 9)]


def test_no_english_stands_in_a_sentence_of_another_language(translator):
    translator.target_tokenizer = tokenizer("characters")
    sentence, (replacement,) = translator.read(Writing([UNK], [0]), ["长颈鹿"])
    assert (sentence, replacement.how) == ("长颈鹿", COPIED)


def test_a_word_that_reads_like_the_stand_in_is_no_unknown_word(translator):
    translator.target_vocab.tokens[5] = "a\ua66eb"
    sentence, replacements = translator.read(Writing([5, UNK], [0, 0]), ["汤姆"])
    assert [(part.text, part.step, part.start) for part in replacements] == [("Tom", 1, sentence.index("Tom"))]


def test_without_attention_a_sign_of_the_gap_stands_there(translator):
    sentence, (replacement,) = translator.read(Writing([UNK], None), ["长颈鹿"])
    assert (sentence, replacement.how, replacement.source) == ("…", GAP, None)


def test_an_unknown_word_tells_how_rare_it_was_at_most_and_what_would_have_kept_it(translator):
    def unknown():
        (token,) = [token for token in translator.trace("我喜欢长颈鹿。").source if not token.known]
        return token.at_most, token.kept_by

    assert unknown() == (0, None), "this run keeps every word that it has seen"
    translator.min_freq = 3
    assert unknown() == (2, "min_freq")
    translator.max_size = len(translator.source_vocab)
    assert unknown() == (min(translator.source_vocab.counts[4:]), "max_size")
    assert {token.at_most for token in translator.trace("我喜欢花。").source} == {None}


# The person's hand in it


def test_the_sentence_may_be_cut_by_hand(translator):
    text = "我們喜歡蘋果."
    cut = translator.trace(text).words
    assert cut == ["我们", "喜欢", "苹果", "。"]
    assert translator.trace(text, words=cut) == translator.trace(text)
    by_hand = translator.trace(text, words=["我", "们喜欢", "苹果。"])
    assert [token.text for token in by_hand.source] == ["我", "们喜欢", "苹果。", "<eos>"]
    assert [token.known for token in by_hand.source] == [True, False, False, True]


@pytest.mark.parametrize("words", [[], [""], ["我", "", "喜欢花。"], ["我喜欢"], ["我喜欢花。", "好"], ["花喜欢我。"]])
def test_words_that_are_not_the_sentence_are_a_problem(translator, words):
    with pytest.raises(Problem, match="do not make up the sentence"):
        translator.trace("我喜欢花。", words=words)


def test_blanks_of_the_sentence_belong_to_no_word(translator):
    assert translator.trace("Tom 说 very good").words == ["Tom", "说", "very", "good"]
    assert translator.trace("Tom 说 very good", words=["Tom", "说very", "good"]).steps


@pytest.mark.parametrize("prefix", [[-1], [10**9], [3, 4], [4] * 1000])
def test_a_beginning_that_no_translation_has_is_a_problem(translator, prefix):
    with pytest.raises(Problem, match="does not belong to this model"):
        translator.trace("我喜欢花。", prefix=prefix)


def test_a_beginning_is_kept_and_the_rest_is_greedy(translator):
    like = translator.target_vocab.id("You")
    trace = translator.trace("我喜欢花。", prefix=[like])
    assert trace.sentence.startswith("You")
    assert [step.forced for step in trace.steps][:2] == [True, False]


# What it refuses


@pytest.mark.parametrize(
    "text",
    ["", "   ", "\u3000\n\t", "\x00", "好" * 10_000, "😀👍", "How are you?", "12:30", "...", "かな", "<b></b>"],
    ids=lambda text: repr(text[:8]),
)
def test_a_text_that_cannot_be_translated_is_a_problem_in_both_languages(translator, text):
    for ask in (translator.check, translator.trace):
        with pytest.raises(Problem) as problem:
            ask(text)
        assert problem.value.en.isascii()
        assert not problem.value.zh.isascii()
        assert str(problem.value) == problem.value.en


def test_the_limit_itself_is_translated(translator):
    assert translator.trace("好" * MAX_CHARACTERS).steps
    with pytest.raises(Problem, match=r"501 characters.*at most 500"):
        translator.check("好" * (MAX_CHARACTERS + 1))


@pytest.mark.parametrize("text", ["我爱你😀", "<b>你好</b>", "Tom说OK", "好\x00", "𠀀", "<eos>好<pad>"])
def test_a_chinese_text_with_something_else_in_it_is_translated(translator, text):
    assert translator.trace(text).steps


# Folders that are no good


@pytest.mark.parametrize("size", [0, 7, 1000, -1])
def test_truncated_weights_are_a_problem(finished_run, size):
    finished_run.weights.write_bytes(finished_run.weights.read_bytes()[:size])
    with pytest.raises(Problem, match=r"model\.safetensors of run 'finished' is damaged"):
        Translator.load(finished_run)


def test_weights_of_another_run_are_a_problem(finished_run):
    weights = load(finished_run.weights.read_bytes())
    for name in weights:
        others = {key: value for key, value in weights.items() if key != name}
        for foreign in (
            others,
            {**others, name: weights[name].new_zeros(3, 3)},
            {**weights, "more": weights[name] + 1},
        ):
            finished_run.weights.write_bytes(save(foreign))
            with pytest.raises(Problem, match="belongs to another run"):
                Translator.load(finished_run)


@pytest.mark.parametrize("name", ["source_vocab.json", "target_vocab.json", "config.json", "model.safetensors"])
def test_a_missing_file_is_a_problem(finished_run, name):
    (finished_run.folder / name).unlink()
    with pytest.raises(Problem, match="finished"):
        Translator.load(finished_run)


def test_a_vocabulary_of_another_run_is_a_problem(finished_run):
    path = finished_run.folder / "target_vocab.json"
    content = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({key: value[:-1] for key, value in content.items()}), "utf-8")
    with pytest.raises(Problem, match="belongs to another run"):
        Translator.load(finished_run)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"[1]", b'"gru"', b"\xff", b'{"cells": 3}', b'{"epochs": "ten"}']
)
def test_a_damaged_config_is_a_problem(finished_run, content):
    (finished_run.folder / "config.json").write_bytes(content)
    with pytest.raises(Problem):
        Translator.load(finished_run)
    assert finished_run.status().state == "damaged"


def test_a_writings_probability_is_that_of_its_steps(finished_run):
    translator = Translator.load(finished_run)
    sentences = ["我喜欢苹果。", "老师们想要自行车。", "书。"]
    cut = [translator.source_tokenizer.tokenize(sentence) for sentence in sentences]
    found = translator.log_probabilities(cut, translator.write(cut))
    for sentence, value in zip(sentences, found, strict=True):
        trace = translator.trace(sentence)
        assert trace.finished
        assert value == pytest.approx(trace.log_probability, abs=1e-4)
    for sentence, value in zip(
        sentences, translator.log_probabilities(cut, translator.write(cut, beam=3)), strict=True
    ):
        assert value == pytest.approx(translator.beam(sentence, 3).best[0].log_probability, abs=1e-4)
