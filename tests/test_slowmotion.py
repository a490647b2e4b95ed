"""One batch in slow motion: the numbers are those of the training step."""

import math

import pytest
import torch

from core.problems import Problem
from core.slowmotion import BETAS, EPSILON, slow_motion, training_pairs
from core.train import Stepped, train
from core.vocab import PAD


@pytest.fixture
def shown(finished_run):
    return slow_motion(finished_run, training_pairs(finished_run), 0)


def test_the_batch_is_of_the_runs_own_sentences_padded(shown, finished_run):
    source_vocab, _ = finished_run.vocabularies()
    assert len(shown.pairs) == len(shown.source) == 4
    assert set(shown.pairs) <= set(training_pairs(finished_run))
    for row, lengths in zip(shown.source, shown.encoder, strict=True):
        assert [place is None for place in lengths] == [word.id == PAD for word in row]
        assert all(source_vocab.tokens[word.id] == word.text for word in row)
    assert sum(word.id == PAD for row in shown.target_out for word in row) == shown.padding
    assert [row[0].text for row in shown.target_in] == ["<sos>"] * 4


def test_the_losses_are_minus_the_logarithm_and_padding_counts_nothing(shown):
    assert [lane.name for lane in shown.lanes] == ["forced", "free", "coin"]
    for lane in shown.lanes:
        losses = [place.loss for row in lane.places for place in row if place.loss is not None]
        assert len(losses) == shown.words
        assert shown.words + shown.padding == math.prod(shown.parts["target"])
        assert sum(losses) / len(losses) == pytest.approx(lane.loss, abs=1e-3)
        for row, words in zip(lane.places, shown.target_out, strict=True):
            for place, word in zip(row, words, strict=True):
                assert (place.loss is None) == (word.id == PAD)
                if place.loss is not None:
                    assert math.exp(-place.loss) == pytest.approx(place.probability, abs=2e-3)


def test_a_lane_is_fed_the_true_words_or_its_own(shown):
    forced, free, _ = shown.lanes
    for row, words in zip(forced.places, shown.target_in, strict=True):
        assert [place.fed for place in row] == [word.text for word in words]
    for row in free.places:
        assert [place.fed for place in row[1:]] == [place.guess for place in row[:-1]]


def test_the_update_is_adams(shown, finished_run):
    number = shown.number
    scale = min(1.0, shown.clip / shown.norm)
    assert shown.norm == pytest.approx(math.hypot(*(layer.gradient for layer in shown.layers)), rel=1e-3)
    assert shown.remembers
    assert number.change == pytest.approx(
        -shown.learning_rate * number.m_hat / (math.sqrt(number.v_hat) + EPSILON), rel=0.02, abs=1e-7
    )
    assert abs(number.gradient) <= scale * max(layer.gradient for layer in shown.layers) + 1e-6
    assert number.before + number.change == pytest.approx(number.after)
    assert tuple(torch.optim.Adam([torch.zeros(1)]).defaults["betas"]) == BETAS


def test_looking_changes_nothing_and_gives_the_same_again(finished_run):
    before = {path.name: path.read_bytes() for path in finished_run.folder.iterdir()}
    pairs = training_pairs(finished_run)
    assert slow_motion(finished_run, pairs, 1) == slow_motion(finished_run, pairs, 1)
    assert slow_motion(finished_run, pairs, 1).pairs != slow_motion(finished_run, pairs, 2).pairs
    assert {path.name: path.read_bytes() for path in finished_run.folder.iterdir()} == before


def test_a_run_without_its_save_is_shown_with_a_fresh_adam(finished_run):
    finished_run.state_file.unlink()
    shown = slow_motion(finished_run, training_pairs(finished_run))
    assert not shown.remembers
    assert abs(shown.number.change) == pytest.approx(shown.learning_rate, rel=0.01), "the first step of Adam"
    finished_run.weights.unlink()
    with pytest.raises(Problem, match="no trained weights"):
        slow_motion(finished_run, training_pairs(finished_run))


def test_a_run_in_its_first_epoch_is_shown(new_run):
    run = new_run(attention="none", cell="lstm", layers=2, schedule="linear")
    for event in train(run):
        if isinstance(event, Stepped) and event.step == 3:
            shown = slow_motion(run, training_pairs(run))
            assert shown.loss_after < shown.lanes[2].loss * 1.5
            break
