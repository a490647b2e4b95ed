"""What can be set, and what is refused."""

import dataclasses
import json
import math

import pytest

from core.config import PRESETS, TrainConfig, preset
from core.problems import Problem

FIELDS = dataclasses.fields(TrainConfig)
NUMBERS = [item for item in FIELDS if item.metadata["low"] is not None]
PRESET_CHOICES = next(item for item in FIELDS if item.name == "preset").metadata["choices"]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_valid_and_knows_its_name(name):
    assert preset(name).preset == name


def test_a_config_can_begin_from_every_preset_and_from_nothing_else():
    assert tuple(PRESETS) == PRESET_CHOICES


def test_the_lesson_is_the_default_and_has_its_sizes():
    lesson = preset("lesson")
    assert lesson == TrainConfig()
    assert (lesson.cell, lesson.embedding, lesson.hidden, lesson.layers, lesson.dropout) == ("gru", 256, 512, 2, 0.5)
    assert (lesson.attention, lesson.bidirectional, lesson.teacher_forcing) == ("none", False, 0.5)
    assert (lesson.max_size, lesson.min_freq, lesson.batch_size, lesson.epochs) == (10_000, 2, 32, 10)


@pytest.mark.parametrize("name", PRESETS)
def test_a_config_survives_json(name):
    config = preset(name, seed=7, pinned=("你好。",))
    assert TrainConfig.from_dict(config.to_dict()) == config
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_an_unknown_setting_is_an_error_that_names_it_and_the_known_ones():
    with pytest.raises(Problem, match=r"'beam_sise'.*batch_size") as error:
        TrainConfig.from_dict({"beam_sise": 3})
    assert "'beam_sise'" in error.value.zh


def test_an_unknown_preset_is_an_error_that_names_the_known_ones():
    with pytest.raises(Problem, match=r"'huge'.*lesson"):
        preset("huge")


@pytest.mark.parametrize("item", NUMBERS, ids=lambda item: item.name)
def test_a_number_out_of_range_is_an_error_that_names_the_value_and_the_range(item):
    low, high = item.metadata["low"], item.metadata["high"]
    for value in (low - 1, high + 1):
        with pytest.raises(Problem) as error:
            TrainConfig(**{item.name: type(item.default)(value)})
        for sentence in (error.value.en, error.value.zh):
            assert item.name in sentence
            assert f"{low:,}" in sentence
            assert f"{high:,}" in sentence
            assert f"{type(item.default)(value):,}" in sentence


@pytest.mark.parametrize("item", NUMBERS, ids=lambda item: item.name)
def test_the_ends_of_a_range_belong_to_it(item):
    for end in (item.metadata["low"], item.metadata["high"]):
        TrainConfig(**{item.name: type(item.default)(end)})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_setting_is_nan_or_infinite(value):
    for item in NUMBERS:
        with pytest.raises(Problem, match=item.name):
            TrainConfig(**{item.name: value})


@pytest.mark.parametrize("item", FIELDS, ids=lambda item: item.name)
@pytest.mark.parametrize("value", [None, [], {}, b"gru", object])
def test_a_value_of_another_type_is_an_error(item, value):
    with pytest.raises(Problem, match=item.name):
        TrainConfig(**{item.name: value})


@pytest.mark.parametrize("item", [item for item in FIELDS if item.metadata["choices"]], ids=lambda item: item.name)
def test_a_choice_that_is_not_there_is_an_error_that_names_those_that_are(item):
    with pytest.raises(Problem, match=", ".join(item.metadata["choices"])):
        TrainConfig(**{item.name: "quantum"})


def test_true_is_no_number_and_one_is_no_truth():
    with pytest.raises(Problem, match="epochs"):
        TrainConfig(epochs=True)
    with pytest.raises(Problem, match="bidirectional"):
        TrainConfig(bidirectional=1)


def test_a_bidirectional_encoder_needs_an_even_hidden_size():
    with pytest.raises(Problem, match="even"):
        TrainConfig(bidirectional=True, hidden=513)
    TrainConfig(bidirectional=False, hidden=513)


def test_every_setting_explains_itself():
    assert all(item.metadata["help"] for item in FIELDS)


def test_a_config_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainConfig().epochs = 3
