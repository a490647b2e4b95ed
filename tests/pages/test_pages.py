"""The pages without a browser: both languages, and folders that are no good."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.processes import PROJECT
from core.runs import SHIPPED

PAGES = [
    "streamlit_app.py",
    "pages/decode.py",
    "pages/train.py",
    "pages/scores.py",
    "pages/compare.py",
    "pages/corpus.py",
]
# A corpus' own sentences, in tables and word by word, which are Chinese in either language.
SENTENCES = re.compile(r'<td>.*?</td>|<span class="word[^>]*>.*?</span>')
CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.fixture(autouse=True)
def main_module_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit puts the page in its place; a process that a later test starts would then run the page once more."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


def run_page(page: str, lang: str = "en", **query: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT / "streamlit_app.py"), default_timeout=60)
    if page != "streamlit_app.py":
        app.switch_page(page)
    app.query_params["lang"] = lang
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception, app.exception
    return app


def said(app: AppTest) -> str:
    """Everything the page says in words."""
    kinds = ("warning", "info", "caption", "markdown", "text")
    html = [str(element.proto.body) for element in app.get("html")]
    return "\n".join([*(str(element.value) for kind in kinds for element in app.get(kind)), *html])


@pytest.fixture
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEQ2SEQ_CHECKPOINTS", str(tmp_path))
    return tmp_path


@pytest.fixture
def shipped(checkpoints: Path) -> Path:
    shutil.copytree(PROJECT / "checkpoints" / SHIPPED[0], checkpoints / SHIPPED[0])
    return checkpoints / SHIPPED[0]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_page_runs_in_both_languages_with_and_without_a_run(page, lang, checkpoints):
    assert bool(CHINESE.search(SENTENCES.sub("", said(run_page(page, lang))))) == (lang == "zh")


@pytest.mark.parametrize("page", PAGES[:2])
def test_without_a_run_the_page_says_where_to_train_one(page, checkpoints):
    assert "no trained model yet" in said(run_page(page))


def test_the_first_visit_follows_the_browsers_language(checkpoints):
    for locale, words in (("zh-CN", "翻译"), ("zh-TW", "翻译"), ("en-US", "Translate"), ("de-DE", "Translate")):
        app = AppTest.from_file(str(PROJECT / "streamlit_app.py"), default_timeout=60)
        app.context["locale"] = locale
        app.run()
        assert words in [link.proto.label for link in app.get("page_link")]


def test_the_keys_for_people_who_automate_the_page(shipped):
    app = run_page("streamlit_app.py")
    app.text_input(key="sentence").set_value("今天天气很好。").run()
    assert not app.exception
    assert "今天" in said(app)
    assert run_page("pages/train.py").button(key="start").label == "Start training"


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.safetensors", b""),
        ("model.safetensors", b"\x10\x00\x00\x00\x00\x00\x00\x00{}"),
        ("model.safetensors", None),
        ("source_vocab.json", b"{"),
        ("source_vocab.json", b"[1, 2]"),
        ("target_vocab.json", None),
        ("config.json", b"\xff\xfe"),
        ("config.json", json.dumps({"hidden": -1}).encode()),
        ("config.json", json.dumps({"unheard_of": 1}).encode()),
        ("config.json", None),
        ("status.json", b"[]"),
        ("metrics.jsonl", b'{"epoch": 1\n\x00\x00garbage\n[]\n{"epo'),
        ("samples.jsonl", b"{}\n"),
        ("scores.json", b"{"),
        ("scores.json", b'{"bleu": 1, "bleu_lowercase": 1, "sentences": 1, "by_length": [3]}'),
        ("scores.json", b'{"bleu": 1, "bleu_lowercase": 1, "sentences": 1}'),
        ("scores.json", None),
        (
            "test_outputs.jsonl",
            b'{"source": 1}\n{"source": "", "reference": "", "hypothesis": "", "score": 0, "unknown": 0}',
        ),
        ("scoring.json", b'{"share": 0.5, "updated": 0, "problem": null}'),
        ("scoring.json", b"[]"),
    ],
)
def test_a_damaged_run_is_explained_on_every_page_and_breaks_none(file, content, shipped):
    path = shipped / file
    path.unlink() if content is None else path.write_bytes(content)
    for page in PAGES:
        for lang in ("en", "zh"):
            run_page(page, lang, run=shipped.name, watch=shipped.name)


def test_a_run_deleted_while_the_form_begins_from_it_is_named_and_the_page_goes_on(shipped, monkeypatch):
    from pages.parts import new_run

    def advanced(*arguments):
        shutil.rmtree(shipped)  # as from another tab, while this one draws
        return drawn(*arguments)

    drawn = new_run.advanced
    app = AppTest.from_file(str(PROJECT / "streamlit_app.py"), default_timeout=60)
    app.switch_page("pages/train.py")
    app.session_state["begin-from"] = shipped.name
    app.run()
    assert not app.exception and "Nothing is changed yet" in said(app)
    monkeypatch.setattr(new_run, "advanced", advanced)
    app.run()
    assert not app.exception and f"There is no run '{shipped.name}'" in said(app)
    monkeypatch.setattr(new_run, "advanced", drawn)
    app.run()
    assert not app.exception and app.button(key="start").label == "Start training"


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", b"{"),
        ("model.safetensors", b""),
        ("source_vocab.json", b"[]"),
        ("source_pieces.model", None),
        ("config.json", None),
    ],
)
def test_a_damaged_reverse_model_is_said_and_its_run_still_translates(file, content, shipped):
    path = shipped / "reverse" / file
    path.unlink() if content is None else path.write_bytes(content)
    for lang, words in (("en", "reverse model"), ("zh", "反向模型")):
        app = run_page("streamlit_app.py", lang, run=shipped.name, decoding="back")
        assert app.get("segmented_control") is not None
        if content is not None or file != "config.json":  # without it there is none to be offered
            assert any(words in warning.value for warning in app.warning)


def test_a_foreign_folder_is_left_alone(checkpoints):
    (checkpoints / "holiday photos").mkdir()
    (checkpoints / "holiday photos" / "beach.jpg").write_bytes(b"\xff\xd8")
    assert "holiday" not in said(run_page("pages/train.py"))


def test_a_damaged_run_in_the_list_can_be_deleted(shipped):
    copy = shipped.with_name("broken")
    shutil.copytree(shipped, copy)
    (copy / "config.json").write_text("{")
    app = run_page("pages/train.py")
    assert "config.json of run" in said(app)
    app.button(key="delete-broken").click().run()
    assert not app.exception
    assert not copy.exists()


def test_the_checkpoints_folder_may_be_unwritable(tmp_path, monkeypatch):
    in_the_way = tmp_path / "a file"
    in_the_way.write_text("")
    monkeypatch.setenv("SEQ2SEQ_CHECKPOINTS", str(in_the_way))
    app = run_page("pages/train.py")
    app.button(key="start").click().run()
    assert not app.exception
    assert "permission" in said(app)


HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def test_what_a_model_wrote_comes_onto_the_page_scores_as_text(shipped):
    row = {"source": HOSTILE, "reference": HOSTILE, "hypothesis": HOSTILE + "<unk>", "score": 1, "unknown": 0.5}
    (shipped / "test_outputs.jsonl").write_text(
        json.dumps(row) + "\n" + json.dumps(row | {"beam": HOSTILE, "beam_score": 0, "beam_gain": 1})
    )
    group = {"low": 0, "high": None, "sentences": 40, "bleu": 1, "bleu_lowercase": 1, "chrf": 1}
    signs = {"common": HOSTILE, "common_share": 0.9, "repeating": HOSTILE, "repeating_share": 0.9}
    scores = group | {"by_length": [group], "signs": signs, "signature": HOSTILE}
    (shipped / "scores.json").write_text(json.dumps(scores))
    app = run_page("pages/scores.py", run=shipped.name)
    words = said(app)
    assert "&lt;script&gt;" in words
    assert "<script" not in words
    assert "<img" not in words


def test_scores_are_shown_without_importing_torch(shipped):
    (shipped / "test_translations.jsonl").unlink()  # there is nothing to fetch, which is done in the background
    code = (
        "import sys; from streamlit.testing.v1 import AppTest;"
        f"app = AppTest.from_file({str(PROJECT / 'streamlit_app.py')!r}, default_timeout=60);"
        "app.switch_page('pages/scores.py'); app.run(); assert not app.exception; print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
