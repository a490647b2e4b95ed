"""Training: it learns, it is the same again, and neither a stop nor a kill changes what comes out."""

import json
import math
import random
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import islice

import pytest
import torch
from safetensors.torch import load_file

import core.card
import core.step
import core.train
import core.training
from core.__main__ import new_run as run_from_options
from core.__main__ import parser
from core.batches import encode_pairs, make_batch
from core.config import Architecture, preset
from core.estimate import estimate
from core.evaluation import saved
from core.material import load_corpus, normalized, prepare
from core.problems import Problem
from core.processes import PROJECT
from core.runs import Control, Run, lowest_loss
from core.step import batch_loss, mean_loss
from core.text import tokenizer
from core.train import Ended, EpochEnded, Paused, Prepared, Stepped, _preparing, train
from core.translator import Translator, build_model
from core.vocab import PAD, Vocab
from tests.conftest import PAIRS, tiny_config

EIGHT = [
    ("我喜欢你。", "I like you."),
    ("你喜欢我吗？", "Do you like me?"),
    ("她没有猫。", "She doesn't have a cat."),
    ("我们走吧！", "Let's go!"),
    ("今天下雨了。", "It is raining today."),
    ("他每天早上喝咖啡。", "He drinks coffee every morning."),
    ("这本书是谁的？", "Whose book is this?"),
    ("请再说一遍。", "Please say that again."),
]

LESSON = Architecture(embedding=32, hidden=64, layers=2, dropout=0.0)
ATTENTION = Architecture(embedding=32, hidden=64, layers=1, dropout=0.0, attention="dot", bidirectional=True)

# Three epochs with all that is drawn by chance.
LONG = tiny_config(epochs=3, dropout=0.2, schedule="linear", label_smoothing=0.1)


def learn(shape, pairs, teacher_forcing, steps):
    """Drive a model over the same pairs again and again. Returns a Translator and the losses in nats a word."""
    torch.manual_seed(1)
    chinese, english = tokenizer("jieba"), tokenizer("spacy")
    cut = [(chinese.tokenize(source), english.tokenize(target)) for source, target in pairs]
    vocabularies = [Vocab.build(side, min_freq=1) for side in zip(*cut, strict=True)]
    model = build_model(shape, *vocabularies)
    batch = make_batch(
        encode_pairs([(vocabularies[0].encode(a), vocabularies[1].encode(b)) for a, b in cut]), range(len(cut))
    )
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    tokens, losses = int((batch.target_out != PAD).sum()), []
    for _ in range(steps):
        forced = (torch.rand(len(batch.target_in)) < teacher_forcing).tolist()
        loss, _ = batch_loss(model, batch, forced, 0.0)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item() / tokens)
    return Translator(model.eval(), *vocabularies, tokenizer("jieba"), tokenizer("spacy")), losses


# It learns


@pytest.mark.parametrize(
    ("shape", "teacher_forcing"),
    [(LESSON, 1.0), (LESSON, 0.5), (ATTENTION, 1.0), (ATTENTION, 0.5)],
    ids=["lesson-1.0", "lesson-0.5", "attention-1.0", "attention-0.5"],
)
def test_a_tiny_model_learns_eight_pairs_by_heart(shape, teacher_forcing):
    translator, losses = learn(shape, EIGHT, teacher_forcing, 150)
    assert losses[0] == pytest.approx(math.log(len(translator.target_vocab)), abs=0.5)
    assert losses[-1] < 0.05
    assert translator.translate([source for source, _ in EIGHT]) == [target for _, target in EIGHT]


def test_every_word_of_the_target_is_learnt_the_first_and_the_end_included():
    translator, _ = learn(ATTENTION, EIGHT, 1.0, 150)
    for source, target in EIGHT:
        words = tokenizer("spacy").tokenize(target)
        assert [step.chosen.token for step in translator.trace(source).steps] == [*words, "<eos>"]


def test_the_shown_loss_of_an_epoch_is_per_real_word(new_run):
    config = tiny_config(max_size=1000)
    material = prepare(load_corpus(new_run()), config)
    model = build_model(config, material.source_vocab, material.target_vocab)
    torch.nn.init.zeros_(model.decoder.output.weight)
    torch.nn.init.zeros_(model.decoder.output.bias)
    chance = math.log(len(material.target_vocab))
    for batch_size in (1, 5, 100):  # padding differs with the size of the batches
        assert mean_loss(model, material.train, batch_size, torch.device("cpu")) == pytest.approx(chance, rel=1e-5)


def test_label_smoothing_is_trained_for_but_not_shown():
    model = build_model(ATTENTION, *[Vocab.build([["a", "b", "c"]], min_freq=1)] * 2).eval()
    batch = make_batch(encode_pairs([([4, 5], [6, 5]), ([4], [4])]), [0, 1])
    (plain, shown), (smoothed, still) = (batch_loss(model, batch, [True] * 3, share) for share in (0.0, 0.2))
    assert plain == shown == still
    assert smoothed != plain


def test_two_readings_disagree_only_where_dropout_makes_them():
    model = build_model(ATTENTION, *[Vocab.build([["a", "b", "c"]], min_freq=1)] * 2)
    model.encoder.dropout.cut = model.decoder.dropout.cut = 128
    batch = make_batch(encode_pairs([([4, 5], [6, 5]), ([4], [4])]), [0, 1])
    losses = {
        (training, consistency): batch_loss(model.train(training), batch, [True] * 3, 0.1, consistency)[0].item()
        for training in (False, True)
        for consistency in (0.0, 1e-6, 5.0)
    }
    assert losses[False, 5.0] == pytest.approx(losses[False, 0.0], rel=1e-6)
    assert losses[True, 5.0] > losses[True, 1e-6] + 1e-3


# What it trains on


def test_the_vocabularies_come_from_the_training_side_alone(new_run):
    run, config = new_run(), tiny_config()
    material = prepare(load_corpus(run), config)
    chinese = tokenizer("jieba")
    seen = {token for source, _ in material.split.train for token in chinese.tokenize(source)}
    assert set(material.source_vocab.tokens[4:]) == seen
    fewer = prepare(load_corpus(run), tiny_config(pairs=10))
    assert (len(fewer.train), len(fewer.valid)) == (10, len(material.valid))
    assert fewer.split.train == material.split.train[:10]
    assert fewer.split.test == material.split.test


def test_traditional_and_simplified_spellings_are_one_sentence(new_run, pairs):
    run = new_run(
        sentences=[*pairs, *((source.replace("喜欢", "喜歡").replace("。", "."), target) for source, target in pairs)]
    )
    assert sorted(load_corpus(run).pairs) == sorted(pairs)


def test_pairs_that_are_too_long_are_left_out_and_none_left_is_a_problem(new_run, pairs):
    loaded = load_corpus(new_run(sentences=[*pairs, ("好" * 50, "Good."), ("好。", "Good. " * 50)]))
    assert len(prepare(loaded, tiny_config(max_length=8)).train) <= len(pairs)
    with pytest.raises(Problem, match="Raise max_length"):
        prepare(loaded, tiny_config(max_length=1))


def test_what_a_kill_while_writing_left_is_removed_at_the_next_start(new_run):
    run = new_run()
    (run.folder / ".model.safetensors.x1y2").write_bytes(b"half")
    list(train(run))
    assert not list(run.folder.glob(".model*"))


def test_own_files_that_are_gone_are_a_problem(new_run):
    run = new_run()
    (run.folder / "pairs.tsv").unlink()
    with pytest.raises(Problem, match=r"pairs\.tsv"):
        list(train(run))
    assert run.status().state == "failed"


# Before the start


def test_an_estimate_knows_the_model_before_it_is_trained(new_run, finished_run):
    material = prepare(load_corpus(new_run()), tiny_config())
    guess = estimate(material, tiny_config(), seconds=0.05)
    status = finished_run.status()
    assert (guess.parameters, guess.pairs) == (status.parameters, status.training_pairs)
    assert (guess.device, guess.precision, guess.threads) == ("CPU", "float32", 1)
    assert 0 < guess.epoch_seconds < 60


# What a run leaves behind


def without_times(rows):
    timed = ("tokens_per_second", "train_seconds")
    return [{key: value for key, value in row.items() if key not in timed} for row in rows]


def same(a, b):
    """True if two runs have the same rows, apart from times, and the same weights to the last bit."""
    weights = load_file(a.weights), load_file(b.weights)
    return (
        without_times(a.metrics()) == without_times(b.metrics())
        and a.samples() == b.samples()
        and a.scores() == b.scores()
        and weights[0].keys() == weights[1].keys()
        and all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    )


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """A run of three epochs that nothing ever interrupted."""
    run = Run.create(tmp_path_factory.mktemp("whole") / "whole", LONG, PAIRS)
    run.events = list(train(run))
    return run


def test_what_happens_is_told_in_order(whole):
    events = whole.events
    first, *between, last = events
    assert isinstance(first, Prepared)
    assert isinstance(last, Ended)
    assert not last.stopped
    assert last.scores.sentences > 0
    assert [event.step for event in between if isinstance(event, Stepped)] == list(range(1, first.steps + 1))
    assert [event.epoch for event in between if isinstance(event, EpochEnded)] == [1, 2, 3]
    assert isinstance(between[-1], EpochEnded)


def test_preparing_and_scoring_are_told_of_and_stand_in_the_status(new_run, monkeypatch):
    monkeypatch.setattr(core.train, "STATUS_SECONDS", 0.0)
    run, told, statuses = new_run(epochs=1), [], []

    def tell(share, stage):
        told.append((stage, share))
        statuses.append(run._written_status())

    list(train(run, tell=tell))
    assert list(dict.fromkeys(stage for stage, _ in told)) == ["reading", "cutting", "scoring"]
    for part in ({"reading", "cutting"}, {"scoring"}):
        shares = [share for stage, share in told if stage in part]
        assert shares == sorted(shares)
        assert shares[-1] == 1
    assert {(status.state, status.stage) for status in statuses if status.share} == {
        ("preparing", "reading"), ("preparing", "cutting"), ("scoring", "scoring"),
    }  # fmt: skip


def test_each_step_and_each_epoch_has_its_row(whole):
    prepared = whole.events[0]
    assert [row["step"] for row in whole.steps()] == list(range(1, prepared.steps + 1))
    assert all(math.isfinite(row["loss"]) for row in whole.steps())
    assert whole.steps()[-1]["loss"] < whole.steps()[0]["loss"]
    epochs = whole.epochs()
    assert [row["epoch"] for row in epochs] == [1, 2, 3]
    for row in epochs:
        assert {"train_loss", "valid_loss", "bleu", "train_seconds", "tokens_per_second"} <= set(row)
        assert 0 <= row["bleu"] <= 100
        assert row["train_loss"] > 0
        assert row["valid_loss"] > 0
        assert row["train_seconds"] > 0
        assert row["tokens_per_second"] > 0


def test_the_loss_of_an_epoch_is_the_mean_over_its_words(whole):
    material = prepare(load_corpus(whole), LONG)
    steps = len(whole.steps()) // 3
    losses = [row["loss"] for row in whole.steps()][:steps]
    assert min(losses) < whole.epochs()[0]["train_loss"] < max(losses)
    assert steps == math.ceil(len(material.train) / LONG.batch_size)


def test_a_linear_schedule_falls_from_the_full_rate_towards_0(whole):
    rates = [row["learning_rate"] for row in whole.steps()]
    count = len(rates)
    assert rates == pytest.approx([LONG.learning_rate * (1 - n / count) for n in range(count)])


def test_a_constant_schedule_stays(finished_run):
    assert {row["learning_rate"] for row in finished_run.steps()} == {finished_run.config.learning_rate}


def test_the_pinned_sentences_are_translated_before_training_and_after_each_epoch(whole):
    samples = whole.samples()
    for epoch in range(4):
        assert [row["source"] for row in samples if row["epoch"] == epoch] == list(LONG.pinned)
    within = {row["step"] for row in samples if 0 < row["epoch"] < 1}
    assert within == {1, 2, 4}, "and at a few points within the first of eight steps"
    assert {row["step"] / 8 for row in samples} == {row["epoch"] for row in samples}
    assert all(isinstance(row["translation"], str) for row in samples)


def test_the_best_weights_are_kept(whole):
    best = min(whole.epochs(), key=lambda row: row["valid_loss"])
    assert whole.status().best_epoch == best["epoch"]
    translator = Translator.load(whole)
    material = prepare(load_corpus(whole), LONG)
    loss = mean_loss(translator.model, material.valid, 128, torch.device("cpu"))
    assert loss == pytest.approx(best["valid_loss"], rel=1e-5)


def test_a_later_but_worse_epoch_does_not_replace_the_best(new_run, monkeypatch):
    losses = iter([1.0, 0.5, 2.0])
    monkeypatch.setattr(core.training, "mean_loss", lambda *_: next(losses))
    monkeypatch.setattr(core.training.Translator, "translate", lambda self, texts: [""] * len(texts))
    run = new_run(epochs=3)
    kept = [(event.best, run.weights.read_bytes()) for event in train(run) if isinstance(event, EpochEnded)]
    assert [best for best, _ in kept] == [True, True, False]
    assert kept[2][1] == kept[1][1] != kept[0][1]
    assert run.status().best_epoch == 2


def test_a_finished_run_has_all_its_files_and_none_too_many(whole):
    assert {path.name for path in whole.folder.iterdir()} == {
        "config.json", "source_vocab.json", "target_vocab.json", "model.safetensors", "metrics.jsonl",
        "samples.jsonl", "status.json", "scores.json", "test_outputs.jsonl", "README.md",
        "pairs.tsv", "training_state.safetensors",
    }  # fmt: skip
    status = whole.status()
    assert status.state == "finished"
    assert (status.epoch, status.epochs, status.step) == (3, 3, status.steps)
    assert not whole.resumable


def test_the_card_names_the_score_the_command_and_the_attribution(whole):
    card = (whole.folder / "README.md").read_text("utf-8")
    scores = whole.scores()
    assert f"BLEU {scores['bleu']:.1f}" in card
    assert scores["signature"] in card
    assert "python -m core train" in card
    assert "--seed" not in card, "only what differs from the preset is named"
    assert "--schedule linear" in card
    assert load_corpus(whole).attribution in card


def test_the_card_of_the_real_corpora_carries_their_licences(real_corpus, whole, monkeypatch):
    monkeypatch.setattr(core.training, "load_corpus", lambda *_: normalized(real_corpus, config))
    config = tiny_config(corpus="tatoeba+hsk", pairs=30)
    training = core.training.Training(whole, config)
    card = core.card.card(training, whole.events[-1].scores)
    assert real_corpus.attribution in card
    assert "CC BY 2.0 FR" in card


# The same again


def test_the_same_seed_gives_the_same_run_to_the_last_bit(whole, new_run):
    again = new_run(**LONG.to_dict())
    list(train(again))
    assert same(again, whole)


@pytest.mark.parametrize("seed", ["seed", "split_seed"])
def test_another_seed_gives_another_run(whole, new_run, seed):
    other = new_run(**LONG.to_dict() | {seed: 2})
    list(train(other))
    assert without_times(other.steps()) != without_times(whole.steps())


@pytest.mark.parametrize("stops", [(1,), (5,), (8,), (9, 10), (13,), (23,), (24,)])
def test_a_run_that_was_stopped_and_goes_on_ends_like_one_that_was_not(whole, new_run, stops):
    run = new_run(**LONG.to_dict())
    for number, stop in enumerate(stops):
        for event in train(run, resume=number > 0):
            if isinstance(event, Stepped) and event.step == stop:
                run.request_stop()
        assert event == Ended(True, None)
        assert run.status().state == "stopped"
        assert run.status().step == stop
        assert run.resumable
        assert Translator.load(run).trace("我喜欢书。").steps
    resumed = list(train(run, resume=True))
    assert resumed[0].step == stops[-1]
    assert run.status().state == "finished"
    # Stopping before the first epoch translates the pinned sentences once more, to have something to show.
    assert without_times(run.steps()) == without_times(whole.steps())
    assert without_times(run.epochs()) == without_times(whole.epochs())
    assert run.weights.read_bytes() == whole.weights.read_bytes()
    assert run.scores() == whole.scores()


# Of 29: the start, eight steps, the end of the first epoch, and so on.
@pytest.mark.parametrize("events", [1, 2, 9, 10, 11, 15, 27, 28])
@pytest.mark.parametrize("save_seconds", [0.0, 3600.0])
def test_a_run_that_was_killed_at_any_moment_and_goes_on_ends_like_one_that_was_not(
    whole, new_run, monkeypatch, events, save_seconds
):
    monkeypatch.setattr(core.train, "SAVE_SECONDS", save_seconds)
    run = new_run(**LONG.to_dict())
    for _ in islice(train(run), events):
        pass
    with open(run.folder / "metrics.jsonl", "ab") as file:
        file.write(b'{"step": 99, "lo')
    assert run.status().state == "interrupted"
    assert run.resumable
    list(train(run, resume=True))
    assert run.status().state == "finished"
    assert same(run, whole)


def test_a_trainer_killed_at_random_moments_ends_like_one_that_was_not(whole, new_run):
    """A real process and a real SIGKILL, wherever it happens to be."""
    run, chance = new_run(**LONG.to_dict()), random.Random()
    kills = 0
    while run.status().state != "finished":
        resume = ["--resume"] if run.status().state == "interrupted" else []
        command = [sys.executable, "-m", "core", "train", "--run", str(run.folder), "--quiet", *resume]
        process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if kills < 3:
            steps = len(run.steps())
            while process.poll() is None and len(run.steps()) <= steps:
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.15))
            process.send_signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
            kills += 1
        process.wait(timeout=120)
    assert same(run, whole)


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_a_run_killed_between_its_weights_and_its_save_goes_on(whole, new_run, monkeypatch, epoch):
    run, saves = new_run(**LONG.to_dict()), iter(range(9))
    save = core.training.Training.save_state

    def killed(training):
        if next(saves) > epoch:
            raise KeyboardInterrupt
        save(training)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(core.training.Training, "save_state", killed)
        list(train(run))
    assert run.weights.exists()
    assert len(run.epochs()) == epoch + 1
    assert run.resumable
    list(train(run, resume=True))
    assert same(run, whole)


def test_the_seconds_of_a_run_go_on_with_it(new_run):
    run = new_run(epochs=2)
    for event in train(run):
        if isinstance(event, Stepped) and event.step == 12:
            run.request_stop()
    before = run.status()
    assert before.seconds > 0
    list(train(run, resume=True))
    assert run.status().seconds > before.seconds
    assert run.status().created == before.created


def test_a_stop_before_the_first_epoch_keeps_weights_that_translate(new_run):
    run = new_run()
    for event in train(run):
        if isinstance(event, Prepared):
            run.request_stop()
    assert run.status().state == "stopped"
    assert run.status().step == 1
    assert not run.stop_requested
    trace = Translator.load(run).trace("我喜欢书。")
    assert trace.steps
    assert run.samples()


def test_loading_gives_the_model_that_was_trained(new_run):
    run = new_run(attention="additive", bidirectional=True, tied_output=True, cell="lstm", layers=2)
    training = core.training.Training(run, run.config)
    training.save_weights()
    for vocab, name in ((training.material.source_vocab, "source"), (training.material.target_vocab, "target")):
        vocab.save(run.folder / f"{name}_vocab.json")
    training.model.eval()
    loaded = Translator.load(run)
    for text in ("我喜欢书。", "他们看见自行车。", "麒麟"):
        assert loaded.trace(text) == training.translator.trace(text)


# A hand on it while it trains


def test_a_pinned_sentence_keeps_what_stood_to_choose_from(whole):
    for row in whole.samples():
        trace = row["trace"]
        assert trace["source"][-1][0] == "<eos>"
        assert len(trace["top"]) == len(trace["attention"]) <= 40
        for top, weights in zip(trace["top"], trace["attention"], strict=True):
            assert len(top) == 5
            assert [p for _, p in top] == sorted((p for _, p in top), reverse=True)
            assert sum(weights) == pytest.approx(100, abs=len(weights))
    final = [row for row in whole.samples() if row["epoch"] == 3]
    assert len(json.dumps(final)) / len(final) < 3000, "bytes a sentence and epoch"


def test_each_epoch_is_measured_on_training_sentences_and_free_running_too(whole):
    for row in whole.epochs():
        assert 0 < row["train_loss_plain"] < row["valid_loss"] * 1.2
        assert row["valid_loss_free"] > row["valid_loss"] * 0.8


def test_a_stop_asked_for_while_the_run_starts_counts_and_one_from_before_does_not(new_run):
    run = new_run()  # waits to be started
    run.request_stop()
    *_, last = train(run)
    assert last == Ended(True, None)
    assert run.status().step == 1
    run.request_stop()  # nobody is at it
    assert list(train(run, resume=True))[-1].stopped is False


def test_a_pause_holds_the_step_and_changes_nothing(whole, new_run):
    run, paused_at = new_run(**LONG.to_dict()), []
    for event in train(run):
        if isinstance(event, Stepped) and event.step in (3, 8):
            run.ask(paused=True)
        if isinstance(event, Paused):
            status = run.status()
            assert (run._written_status().state, status.step) == ("paused", event.step)
            paused_at.append(event.step)
            run.ask(paused=False)
    assert paused_at == [3, 8]
    assert same(run, whole)


def test_a_paused_run_can_be_stopped_and_one_killed_in_its_pause_goes_on(whole, new_run):
    run = new_run(**LONG.to_dict())
    for event in train(run):
        if isinstance(event, Stepped) and event.step == 11:
            run.ask(paused=True)
        if isinstance(event, Paused):
            run.request_stop()
    assert run.status().state == "stopped"
    assert run.status().step == 11
    run.ask(paused=True)
    for event in train(run, resume=True):
        if isinstance(event, Stepped) and event.step == 13:
            run.ask(paused=True)
        if isinstance(event, Paused):
            break  # killed
    assert run.status().state == "interrupted"
    run.start(resume=True)
    assert not run.control().paused  # at once: the page asks while the process still starts
    deadline = time.monotonic() + 120
    while run.status().state != "finished":
        assert time.monotonic() < deadline, run.status()
        time.sleep(0.1)
    assert same(run, whole)


@pytest.mark.parametrize("schedule", ["constant", "linear"])
@pytest.mark.parametrize("kill", [False, True])
def test_rates_changed_on_the_way_count_from_the_next_step_also_after_a_kill(new_run, schedule, kill):
    run = new_run(epochs=3, schedule=schedule)
    for event in train(run):
        if isinstance(event, Stepped) and event.step == 11:
            run.ask(learning_rate=0.5, teacher_forcing=1.0)
        if kill and isinstance(event, Stepped) and event.step == 14:
            break
    if kill:
        list(train(run, resume=True))
    rates = [row["learning_rate"] for row in run.steps()]
    before = [0.01 * (1 - n / 24 if schedule == "linear" else 1) for n in range(11)]
    after = [0.5 * (1 - n / 13 if schedule == "linear" else 1) for n in range(13)]
    assert rates == pytest.approx([*before, *after])
    assert [(row["change"], row["to"], row["at_step"]) for row in run.changes()] == [
        ("learning_rate", 0.5, 11), ("teacher_forcing", 1.0, 11),
    ]  # fmt: skip
    assert "learning_rate was changed from" in (run.folder / "README.md").read_text("utf-8")


def test_a_rate_changed_on_the_way_gives_the_same_losses_killed_or_not(new_run):
    def changed(name, kill):
        run = new_run(name, epochs=2)
        for event in train(run):
            if isinstance(event, Stepped) and event.step == 5:
                run.ask(learning_rate=0.05, teacher_forcing=0.9)
            if kill and isinstance(event, Stepped) and event.step == 6:
                break
        if kill:
            list(train(run, resume=True))
        return run

    assert same(changed("whole", False), changed("killed", True))


def test_a_rate_asked_for_after_the_last_step_is_dropped_and_said(new_run):
    run = new_run(epochs=1)
    for event in train(run):
        if isinstance(event, EpochEnded):
            run.ask(learning_rate=0.5, teacher_forcing=0.25)
    assert run.changes() == []
    assert run.control() == Control()
    assert "learning rate 0.5, teacher forcing 0.25" in run.status().reason_en
    assert "0.5" in run.status().reason_zh
    run.plan(2)
    preparing = _preparing(run, run.status().created)
    assert (preparing.state, preparing.epoch, preparing.epochs) == ("preparing", 1, 2)
    assert preparing.steps == 2 * preparing.step > 0, "its curves stay where they were"
    list(train(run, resume=True))
    assert {row["learning_rate"] for row in run.steps()} == {0.01}
    assert run.status().reason_en == ""


def test_a_followed_sentence_is_kept_as_the_model_wrote_it(new_run):
    run = new_run(epochs=2, max_size=12)
    list(train(run))
    for row in run.samples():
        written = [step[0][0] for step in row["trace"]["top"]]
        assert row["translation"].count("<unk>") >= written.count("<unk>")
    assert any("<unk>" in row["translation"] for row in run.samples())


def test_a_sentence_added_on_the_way_is_translated_at_once_and_from_then_on(whole, new_run):
    run = new_run(**LONG.to_dict())
    for event in train(run):
        if isinstance(event, Stepped) and event.step == 10:
            run.ask(pinned=("他们喜欢花。", "nothing to read", "他们喜欢花。"))
        if isinstance(event, Stepped) and event.step == 11:
            break  # killed: it stays followed
    assert [row["step"] for row in run.samples() if row["source"] == "他们喜欢花。"] == [10]
    list(train(run, resume=True))
    assert [row["epoch"] for row in run.samples() if row["source"] == "他们喜欢花。"] == [1.25, 2, 3]
    assert "nothing to read" not in {row["source"] for row in run.samples()}
    assert without_times(run.metrics()) == without_times(whole.metrics()), "looking on changes nothing"


def test_a_corpus_that_is_not_chinese_is_followed_by_sentences_of_its_own(new_run):
    turned = [(english, chinese) for chinese, english in PAIRS]
    run = new_run(sentences=turned, source_tokenizer="spacy", target_tokenizer="jieba")
    list(train(run))
    sources = {row["source"] for row in run.samples()}
    assert sources
    assert sources <= {source for source, _ in load_corpus(run).pairs}


def test_more_epochs_with_a_constant_rate_are_those_of_a_run_planned_for_all(new_run):
    all_at_once, in_two = new_run("all", epochs=3), new_run("two", epochs=2)
    list(train(all_at_once))
    list(train(in_two))
    in_two.plan(3)
    for event in train(in_two, resume=True):
        if isinstance(event, Prepared):
            assert not in_two.scores(), "that score was of other weights"
    assert without_times(in_two.steps()) == without_times(all_at_once.steps())
    assert without_times(in_two.epochs()) == without_times(all_at_once.epochs())
    assert in_two.samples() == all_at_once.samples()
    assert in_two.scores() == all_at_once.scores()
    assert in_two.changes() == [{"change": "epochs", "from": 2, "to": 3, "at_step": 16}]


def test_more_epochs_with_a_linear_rate_take_up_the_line_of_a_run_planned_for_all(new_run):
    run = new_run(epochs=2, schedule="linear")
    list(train(run))
    run.plan(4)
    list(train(run, resume=True))
    rates = [row["learning_rate"] for row in run.steps()]
    assert rates[16:] == pytest.approx([0.01 * (1 - n / 32) for n in range(16, 32)])


@pytest.mark.parametrize(("measure", "values"), [("loss", [3.0, 2.0, 2.5, 2.1]), ("bleu", [1.0, 5.0, 5.0, 4.0])])
def test_an_early_stop_ends_the_run_once_its_patience_is_over(new_run, monkeypatch, measure, values):
    told = iter([*values, 1.0, 1.0, 1.0, 1.0])
    if measure == "loss":
        monkeypatch.setattr(core.training, "mean_loss", lambda *_: next(told))
    else:
        real = core.training.score
        monkeypatch.setattr(core.training, "score", lambda *sides: replace(real(*sides), bleu=next(told, 0.0)))
    run = new_run(epochs=9, early_stop=measure, patience=2)
    *_, ended = train(run)
    assert isinstance(ended, Ended)
    assert not ended.stopped
    status = run.status()
    assert (status.state, status.epoch, status.epochs) == ("finished", 4, 9)
    assert "not better for 2 epochs" in status.reason_en
    # Whatever it stopped by, the weights kept are those of the lowest loss, and it says so.
    kept = lowest_loss(run.epochs())["epoch"]
    assert f"those of epoch {kept}, where the validation loss was lowest" in status.reason_en
    assert f"保留的是第 {kept} 轮的权重" in status.reason_zh
    # Going on gives it its patience back.
    list(train(run, resume=True))
    assert run.status().epoch > 5


def test_the_last_weights_are_kept_where_that_is_asked(new_run, monkeypatch):
    losses = [1.0, 2.0, 3.0]
    told = iter(losses)
    monkeypatch.setattr(core.training, "mean_loss", lambda *_: next(told))
    run = new_run(epochs=3, keep="last")
    list(train(run))
    status = run.status()
    assert (status.best_epoch, status.kept_epoch, status.weights_epoch) == (1, 3, 3)
    state = load_file(run.state_file)
    kept = load_file(run.weights)
    assert kept and all(torch.equal(kept[name], state[f"model.{name}"]) for name in kept)
    assert "kept are the weights of epoch 3, the last" in (run.folder / "README.md").read_text("utf-8")
    assert "--keep last" in (run.folder / "README.md").read_text("utf-8")
    assert saved(run).epoch == 3


# When it goes wrong


def test_a_loss_that_is_no_number_fails_with_a_reason_and_keeps_the_weights(new_run, monkeypatch):
    run = new_run()
    real = core.step.batch_loss

    def blown_up(model, batch, *rest):
        loss, plain = real(model, batch, *rest)
        return (loss * math.nan, plain * math.nan) if len(run.steps()) == 11 else (loss, plain)

    monkeypatch.setattr(core.step, "batch_loss", blown_up)
    with pytest.raises(Problem, match=r"no longer a number at step 12.*lower learning rate"):
        list(train(run))
    status = run.status()
    assert status.state == "failed"
    assert "step 12" in status.reason_en
    assert "第 12 步" in status.reason_zh
    assert len(run.steps()) == 11
    assert Translator.load(run).trace("我喜欢书。").steps


def test_an_error_nobody_thought_of_is_written_down_too(new_run, monkeypatch):
    run = new_run()
    monkeypatch.setattr(core.train, "make_batch", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        list(train(run))
    assert run.status().state == "failed"
    assert "ZeroDivisionError" in run.status().reason_en
    assert "ZeroDivisionError" in run.status().reason_zh


def test_too_few_pairs_fail_with_a_reason(new_run, pairs):
    run = new_run(sentences=pairs[:5])
    with pytest.raises(Problem, match="too few"):
        list(train(run))
    assert run.status().state == "failed"
    assert "too few" in run.status().reason_en


def test_going_on_with_a_finished_run_is_refused_and_changes_nothing(finished_run):
    before = {path.name: path.read_bytes() for path in finished_run.folder.iterdir()}
    with pytest.raises(Problem, match="has done all its 15 epochs"):
        list(train(finished_run, resume=True))
    assert {path.name: path.read_bytes() for path in finished_run.folder.iterdir()} == before


def stopped(new_run):
    run = new_run()
    for event in train(run):
        if isinstance(event, Stepped) and event.step == 12:
            run.request_stop()
    return run


@pytest.mark.parametrize("size", [0, 9, 1000, -1])
def test_a_damaged_save_is_a_problem_and_the_weights_still_translate(new_run, size):
    run = stopped(new_run)
    run.state_file.write_bytes(run.state_file.read_bytes()[:size])
    with pytest.raises(Problem, match="missing or damaged"):
        list(train(run, resume=True))
    assert run.status().state == "failed"
    assert Translator.load(run).trace("我喜欢书。").steps


def test_a_lost_save_is_a_problem_and_the_weights_still_translate(new_run):
    run = stopped(new_run)
    run.state_file.unlink()
    with pytest.raises(Problem, match="nothing to go on from"):
        list(train(run, resume=True))
    assert run.status().state == "stopped"
    assert Translator.load(run).trace("我喜欢书。").steps


# The command that makes a run again


@pytest.mark.parametrize(
    "config",
    [
        preset("lesson"),
        preset("attention", corpus="tatoeba+hsk", seed=9, learning_rate=1e-05),
        preset("attention", bidirectional=False, tied_output=False, attention="none", clip=1e9),
        preset("tiny", pairs=0, cell="lstm", target_tokenizer="characters", device="cpu", threads=2),
    ],
)
def test_the_command_of_a_run_makes_the_same_config(tmp_path, monkeypatch, config):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(core.card.command_line(Run("checkpoints/mine"), config))
    assert words[:4] == ["python", "-m", "core", "train"]
    assert run_from_options(parser().parse_args(words[3:])).config == config
