"""The page Translate with models of every kind, the strange ones too."""

import pytest
import torch
from safetensors.torch import save_file

from core import read_back
from core.beam import BeamTrace
from core.config import FILES, preset
from core.runs import Run
from core.translator import Translator, build_model
from core.vocab import EOS, UNK, Vocab
from pages.parts import decodings
from tests.pages.test_pages import checkpoints, run_page, said  # noqa: F401

SOURCE = Vocab.build([["我", "喜欢", "苹果", "。"]] * 3)
TARGET = Vocab.build([["I", "like", "apples", "."]] * 3)


@pytest.fixture
def untrained(checkpoints):  # noqa: F811
    """Makes a run whose words are likelier by some logits: `untrained({UNK: 9.0}, attention="none")`."""

    def make(likelier=None, sharpness=4, **shape):
        config = preset("tiny", corpus=FILES, hidden=16, embedding=16, **shape)
        run = Run.create(checkpoints / "untrained", config)
        torch.manual_seed(1)
        model = build_model(config, SOURCE, TARGET)
        with torch.no_grad():
            model.decoder.output.weight *= sharpness
            for token, logit in (likelier or {}).items():
                model.decoder.output.bias[token] += logit
        SOURCE.save(run.folder / "source_vocab.json")
        TARGET.save(run.folder / "target_vocab.json")
        save_file(model.weights(), run.weights)
        return run

    return make


def table(app):
    return next((str(part.proto.body) for part in app.get("html") if "decodings" in str(part.proto.body)[:80]), "")


@pytest.mark.parametrize("decoding", ["greedy", "beam"])
@pytest.mark.parametrize(
    "shape",
    [
        {"attention": "none", "cell": "lstm", "layers": 2},
        {"attention": "dot", "bidirectional": True, "tied_output": True},
        {"attention": "additive", "cell": "rnn"},
    ],
    ids=lambda shape: shape["attention"],
)
def test_every_kind_of_model_translates_by_both_decodings(untrained, shape, decoding):
    run = untrained({EOS: 2.0}, **shape)
    app = run_page("streamlit_app.py", "zh", run=run.name, sentence="我喜欢苹果。", decoding=decoding)
    translator = Translator.load(run)
    greedy, found = translator.trace("我喜欢苹果。"), translator.beam("我喜欢苹果。")
    assert isinstance(found, BeamTrace)
    if found.best[0].sentence == greedy.sentence:
        assert "找到的是同一句话" in said(app)
    else:
        assert "对数概率" in table(app)
        assert f"{found.best[0].log_probability:.2f}".replace("-", "−") in table(app)


@pytest.mark.parametrize("attention", ["none", "dot"])
def test_a_long_sentence_that_goes_round_in_circles_stays_on_the_page(untrained, attention):
    run = untrained({UNK: 1e3, EOS: -1e3}, attention=attention)
    app = run_page("streamlit_app.py", run=run.name, sentence="我喜欢龘，" * 20)
    assert "went round in circles" in said(app)
    assert ("“…”" in said(app)) == (attention == "none")
    assert ("CC-CEDICT" in said(app)) == (attention == "dot")


def test_as_many_translations_are_read_back_as_the_page_says():
    assert decodings.CANDIDATES == read_back.WIDTH


def test_a_right_translation_is_compared_with_both(untrained):
    run = untrained({EOS: 1.0}, sharpness=10, attention="dot")
    translator = Translator.load(run)
    texts = ["我喜欢苹果。", "苹果喜欢我。", "我。", "苹果。", "喜欢苹果。", "我喜欢。", "我喜欢我。"]
    differing = [text for text in texts if translator.beam(text).best[0].sentence != translator.trace(text).sentence]
    assert differing, "no sentence here is translated in two ways"
    for text in differing:
        greedy = translator.trace(text).sentence
        if not greedy:
            continue
        app = run_page("streamlit_app.py", run=run.name, sentence=text, reference=greedy)
        assert "chrF" in table(app)
        assert "further from the right translation" in said(app)
        assert app.query_params["reference"] in (greedy, [greedy])
