"""Reading back: the reverse model chooses, in a batch as alone, and travels with its run."""

import json

import pytest

from core.archive import export_run, import_run
from core.beam import balanced
from core.decode import Writing
from core.evaluation import evaluate, parts
from core.problems import Problem
from core.read_back import BONUS, WEIGHT, read_back, read_back_one, reverse_of
from core.reverse import add_reverse
from core.runs import REVERSE_FILES
from core.scoring import score
from core.train import train
from core.translator import Translator
from core.vocab import EOS
from tests.conftest import PAIRS
from tests.test_archive import contents, packed

SENTENCES = ["我喜欢苹果。", "他们想要自行车。", "花", "老师们看见书，我们喜欢花。"]


@pytest.fixture
def translator(reading_run):
    return Translator.load(reading_run)


def test_a_score_is_made_of_both_directions(translator):
    reverse = translator.reverse
    for text in SENTENCES:
        source = reverse.target_vocab.encode(reverse.target_tokenizer.tokenize(text))
        for one in read_back_one(translator, text).best:
            (alone,) = reverse.log_probabilities(
                [reverse.source_tokenizer.tokenize(one.sentence)], [Writing(list(source), None)]
            )
            assert one.back == pytest.approx(alone, abs=1e-4)
            length = len(one.ids) + (not one.finished)
            assert one.score == pytest.approx(balanced(one.log_probability + WEIGHT * one.back, length, BONUS))


def test_what_is_read_is_what_beam_search_finds_in_another_order(translator):
    for text in SENTENCES:
        found, read = translator.beam(text, 6), read_back_one(translator, text, 6)
        assert read.words == found.words
        by_place = sorted(read.best, key=lambda one: one.place)
        assert [(one.ids, one.sentence) for one in by_place] == [(one.ids, one.sentence) for one in found.best]
        keys = [(not one.finished, -one.score) for one in read.best]
        assert keys == sorted(keys)


def test_a_translation_that_is_chosen_can_be_traced(translator):
    for text in SENTENCES:
        best = read_back_one(translator, text).best[0]
        trace = translator.trace(text, prefix=best.ids)
        assert trace.sentence == best.sentence
        assert trace.log_probability == pytest.approx(best.log_probability, abs=1e-3)
        assert (best.ids[-1] == EOS) == best.finished


def test_many_sentences_are_read_back_as_each_alone(translator):
    together = read_back(translator, ["", *SENTENCES, "  "], batch_size=3)
    assert together[0] == together[-1] == []
    for text, made in zip(SENTENCES, together[1:-1], strict=True):
        alone = read_back_one(translator, text).best
        assert {one.sentence for one in made} == {one.sentence for one in alone}
        assert made[0].score == pytest.approx(alone[0].score, abs=1e-4)


def test_a_translation_without_words_is_read_too(translator):
    """Nothing but `<eos>`, as a run that has learnt little may find; it used to end the search for the ids' place."""
    reverse = translator.reverse
    writing = Writing(reverse.target_vocab.encode(["我"]), None)
    assert all(value < 0 for value in reverse.log_probabilities([[], ["I"]], [writing, writing]))
    assert all(value < 0 for value in reverse.log_probabilities([["I"], []], [writing, writing]))


def test_a_run_without_reverse_model_says_how_to_get_one(finished_run):
    translator = Translator.load(finished_run)
    assert translator.reverse is None
    with pytest.raises(Problem, match="core reverse"):
        reverse_of(translator)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "target_vocab.json"])
def test_a_damaged_reverse_model_is_named_and_the_run_still_translates(reading_run, file):
    (reading_run.reverse.folder / file).write_bytes(b"{")
    translator = Translator.load(reading_run)
    assert translator.trace("花").steps
    with pytest.raises(Problem, match="reverse model of run 'finished'"):
        read_back_one(translator, "花")
    assert evaluate(translator, PAIRS[:3])[0].read_back is None


def test_reading_back_is_scored_beside_beam_search(reading_run, translator):
    told = []
    evaluation, outputs = evaluate(translator, PAIRS[:20], beam=3, report=told.append)
    assert told == sorted(told) and told[-1] == pytest.approx(1)
    chosen = [made[0].sentence for made in read_back(translator, [source for source, _ in PAIRS[:20]])]
    assert evaluation.read_back.bleu == pytest.approx(score(chosen, [target for _, target in PAIRS[:20]]).bleu)
    for output, sentence in zip(outputs, chosen, strict=True):
        assert (output.read_back or output.beam or output.hypothesis) == sentence
    assert evaluate(translator, PAIRS[:20], beam=0)[0].read_back is None
    assert [len(parts(beam, reads)) for beam, reads in ((0, True), (5, False), (5, True))] == [1, 2, 3]
    # Told to stop on the way, it keeps what was scored until then.
    stopped, _ = evaluate(translator, PAIRS[:20], beam=3, report=lambda share: share < 0.5)
    assert stopped.beam is not None and stopped.read_back is None


def test_a_run_that_learnt_the_other_way_becomes_a_reverse_model(finished_run, new_run):
    turned = new_run(
        "other", [(two, one) for one, two in PAIRS], epochs=1, source_tokenizer="spacy", target_tokenizer="jieba"
    )
    list(train(turned))
    scores = add_reverse(finished_run, turned)
    assert scores.read_back is not None
    assert finished_run.scores()["read_back"]["bleu"] == pytest.approx(scores.read_back.bleu)
    assert "Read back" in (finished_run.folder / "README.md").read_text("utf-8")
    files = {path.name for path in finished_run.reverse.folder.iterdir()}
    assert {"config.json", "model.safetensors"} < files <= set(REVERSE_FILES)
    assert finished_run.reverse.weights.stat().st_size < 0.6 * turned.weights.stat().st_size
    assert not list(finished_run.folder.glob(".reverse-*"))
    add_reverse(finished_run, turned)  # in the place of the first one
    assert (finished_run.folder / "README.md").read_text("utf-8").count("Read back") == 1


def test_a_run_of_the_same_direction_is_refused(finished_run, new_run):
    same = new_run("same", epochs=1)
    list(train(same))
    with pytest.raises(Problem, match="other way"):
        add_reverse(finished_run, same)
    assert not finished_run.reverse.folder.exists()


def test_it_travels_with_its_run(reading_run, tmp_path):
    whole = contents(export_run(reading_run))
    inside = {name.split("/")[-1] for name in whole if name.startswith("finished/reverse/")}
    assert {"config.json", "model.safetensors"} < inside <= set(REVERSE_FILES)
    run = import_run(packed(whole), folder=tmp_path / "elsewhere")
    one, other = (read_back_one(Translator.load(each), SENTENCES[0]) for each in (run, reading_run))
    assert one == other


def test_a_run_that_cannot_be_scored_gets_none(finished_run, new_run):
    (finished_run.folder / "pairs.tsv").unlink()
    turned = new_run("other", [(two, one) for one, two in PAIRS], source_tokenizer="spacy", target_tokenizer="jieba")
    with pytest.raises(Problem, match=r"pairs\.tsv"):
        add_reverse(finished_run, turned)
    assert not finished_run.reverse.folder.exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("reverse/config.json", json.dumps({"hidden": -1}).encode()),
        ("reverse/model.safetensors", b"none"),
        ("reverse/target_vocab.json", None),
        ("reverse/added.tsv", b"a\tb"),
        ("reverse/reverse/config.json", b"{}"),
        ("other/config.json", b"{}"),
    ],
)
def test_a_zip_with_a_reverse_model_that_is_no_good_is_refused(reading_run, tmp_path, name, content):
    whole = contents(export_run(reading_run))
    if content is None:
        del whole[f"finished/{name}"]
    else:
        whole[f"finished/{name}"] = content
    with pytest.raises(Problem):
        import_run(packed(whole), folder=tmp_path / "elsewhere")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_from_the_command_line(reading_run, capsys):
    from core.__main__ import main

    assert main(["translate", "--run", str(reading_run.folder), "--read-back", SENTENCES[0]]) == 0
    best = read_back_one(Translator.load(reading_run), SENTENCES[0])
    assert capsys.readouterr().out.strip() == best.best[0].sentence
    assert main(["translate", "--run", str(reading_run.folder), "--read-back", "--json", SENTENCES[0]]) == 0
    assert json.loads(capsys.readouterr().out) == best.to_dict()
    assert main(["translate", "--run", str(reading_run.reverse.folder), "--read-back", "Books."]) == 2
    assert "no reverse model" in capsys.readouterr().err
    run = ["--run", str(reading_run.folder)]
    assert main(["translate", *run, "--read-back", "--beam", "20", SENTENCES[0]]) == 0
    assert capsys.readouterr().out.strip() == best.best[0].sentence
    assert main(["translate", *run, "--read-back", "--beam", "21", SENTENCES[0]]) == 2
    assert "1 to 20" in capsys.readouterr().err
    reading_run.reverse.weights.write_bytes(b"")
    assert main(["evaluate", *run]) == 0
    printed = capsys.readouterr()
    assert "not read back" in printed.err and "read back" not in printed.out
