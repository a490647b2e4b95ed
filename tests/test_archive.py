"""A run out as a zip and in again; and zips that somebody made to do harm."""

import io
import json
import pickle
import stat
import zipfile

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from core import archive, baselines
from core.archive import export_run, import_run
from core.problems import Problem
from core.runs import STOPPED, TRAINING, Run, Status, list_runs
from core.train import Stepped, train
from core.translator import Translator

SENTENCE = "我们喜欢苹果。"


def contents(zipped: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(zipped)) as file:
        return {name: file.read(name) for name in file.namelist()}


def packed(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return stream.getvalue()


@pytest.fixture
def elsewhere(tmp_path):
    """Another person's checkpoints folder; whatever a test does, nothing but whole runs may stand in it."""
    folder = tmp_path / "elsewhere" / "checkpoints"
    yield folder
    assert not folder.exists() or {path.name for path in folder.iterdir()} == {run.name for run in list_runs(folder)}
    assert {path.name for path in folder.parent.glob("*")} <= {"checkpoints"}


@pytest.fixture
def change(finished_run):
    """Makes a zip of the finished run with some files replaced, added (bytes) or taken away (None)."""

    def make(**files):
        whole = contents(export_run(finished_run))
        for name, content in files.items():
            path = "finished/" + name.replace("__", ".")
            if content is None:
                del whole[path]
            else:
                whole[path] = content if isinstance(content, bytes) else json.dumps(content).encode()
        return packed(whole)

    return make


def test_a_run_that_went_out_and_in_is_the_same_run(finished_run, elsewhere):
    run = import_run(export_run(finished_run), "finished.zip", elsewhere)
    assert run.name == "finished"
    assert run.config == finished_run.config
    assert run.metrics() == finished_run.metrics()
    assert run.samples() == finished_run.samples()
    assert run.scores() == finished_run.scores()
    assert run.status().state == finished_run.status().state
    assert run.status().created == finished_run.status().created
    traces = [Translator.load(one).trace(SENTENCE).to_dict() for one in (run, finished_run)]
    assert traces[0] == traces[1]


def test_unpacking_says_how_far_it_is(change, elsewhere):
    told = []
    import_run(change(), folder=elsewhere, report=told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)


def test_the_zip_explains_itself_and_holds_nothing_of_this_machine(finished_run):
    (finished_run.folder / "train.log").write_text("private")
    (finished_run.folder / "notes.txt").write_text("private")
    files = contents(export_run(finished_run))
    assert {name.split("/")[0] for name in files} == {"finished"}
    names = {name.split("/")[1] for name in files}
    assert {"config.json", "model.safetensors", "metrics.jsonl", "samples.jsonl", "scores.json", "README.md"} <= names
    assert not names & {"train.log", "run.lock", "notes.txt", "training_state.safetensors"}
    assert b"Import" in files["finished/README.md"]
    assert b"BLEU" in files["finished/README.md"]


def test_every_file_of_a_run_either_travels_or_is_known_to_stay(finished_run):
    for path in finished_run.folder.iterdir():
        assert archive.FILES.fullmatch(path.name) or archive.LEFT_BEHIND.fullmatch(path.name), path.name


def test_own_sentences_travel_only_when_wanted(finished_run, elsewhere):
    own = {"finished/pairs.tsv", "finished/test_outputs.jsonl"}
    assert own <= set(contents(export_run(finished_run)))
    without = export_run(finished_run, sentences=False)
    assert not own & set(contents(without))
    assert Translator.load(import_run(without, folder=elsewhere)).trace(SENTENCE).sentence


def test_without_its_sentences_nothing_in_the_zip_holds_one_of_them(new_run, pairs):
    turned = [(english, chinese) for chinese, english in pairs]
    run = new_run(sentences=turned, source_tokenizer="spacy", target_tokenizer="jieba", pinned=("I like rain.",))
    for event in train(run):
        if isinstance(event, Stepped) and event.step == 3:
            run.ask(pinned=("You like apples.",))
    baselines.measure(run)
    everything = b"".join(contents(export_run(run)).values())
    assert all(source.encode() in everything for source, _ in turned)
    zipped = contents(export_run(run, sentences=False))
    for content in zipped.values():
        assert not any(side.encode() in content for pair in turned for side in pair)
    assert b"I like rain." in zipped[f"{run.name}/samples.jsonl"]


def test_a_run_that_never_finished_has_a_readme_too_and_is_stopped_on_the_other_side(finished_run, elsewhere):
    for name in ("README.md", "scores.json"):
        (finished_run.folder / name).unlink()
    finished_run.write_status(Status(TRAINING, epoch=3, epochs=15))
    with (finished_run.folder / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": 99, "los')  # caught while it was writing
    zipped = export_run(finished_run)
    assert b"3 of 15 epochs" in contents(zipped)["finished/README.md"]
    run = import_run(zipped, folder=elsewhere)
    assert run.status().state == STOPPED
    assert run.epochs()


def test_a_run_without_weights_cannot_go_out(new_run):
    with pytest.raises(Problem, match=r"has no .* yet"):
        export_run(new_run())


def test_a_name_that_is_taken_gets_a_number(finished_run):
    folder = finished_run.folder.parent
    names = [import_run(export_run(finished_run), "x.zip", folder).name for _ in range(3)]
    assert names == ["finished-1", "finished-2", "finished-3"]
    assert finished_run.status().state == "finished"


@pytest.mark.parametrize("name", ["CON", "a" * 300, "...", " ", "<b>x"])
def test_a_name_that_no_folder_can_have_is_replaced(change, elsewhere, name):
    whole = {f"{name}/{path.split('/')[1]}": content for path, content in contents(change()).items()}
    assert import_run(packed(whole), folder=elsewhere).name == "imported"


def test_files_without_a_folder_take_the_zips_name(change, elsewhere):
    whole = {path.split("/")[1]: content for path, content in contents(change()).items()}
    assert import_run(packed(whole), "from a friend.zip", elsewhere).name == "from a friend"


def test_what_a_mac_or_windows_packs_along_is_left_behind(change, elsewhere):
    zipped = change(**{
        ".DS_Store": b"x", "._config__json": b"x", "run.lock": b"", "train.log": b"x", "desktop.ini": b"x",
        "../__MACOSX/._finished": b"x",
    })  # fmt: skip
    run = import_run(zipped, folder=elsewhere)
    assert {path.name for path in run.folder.iterdir()} & {".DS_Store", "run.lock", "train.log"} == set()


def test_a_chinese_name_from_windows_is_read(change, elsewhere):
    zipped = packed({f"XXXX/{path.split('/')[1]}": content for path, content in contents(change()).items()})
    assert import_run(zipped.replace(b"XXXX/", "你好/".encode("gbk")), folder=elsewhere).name == "你好"


# To go on with elsewhere


def header(run: Run) -> dict:
    with safe_open(run.state_file, framework="pt") as file:
        return json.loads(file.metadata()["progress"])


def resaved(run: Run, *, tensors=None, **progress) -> Run:
    """The same save with some of its header, or of its tensors (None: taken away), replaced."""
    values = {
        name: value for name, value in {**load_file(run.state_file), **(tensors or {})}.items() if value is not None
    }
    save_file(values, run.state_file, {"progress": json.dumps({**header(run), **progress})})
    return run


def test_with_the_save_an_imported_run_goes_on_to_the_same_losses(finished_run, elsewhere):
    assert "finished/training_state.safetensors" not in contents(export_run(finished_run))
    run = import_run(export_run(finished_run, state=True), folder=elsewhere)
    assert run.extendable
    for one in (run, finished_run):
        one.plan(16)
        list(train(one, resume=True))
    losses = [[(row["step"], row["loss"]) for row in one.steps()] for one in (run, finished_run)]
    assert losses[0] == losses[1]
    assert load_file(run.weights).keys() == load_file(finished_run.weights).keys()
    (run.folder / "run.lock").unlink(missing_ok=True)


def test_a_stopped_run_goes_on_elsewhere_too(new_run, elsewhere):
    run = new_run()
    for event in train(run):
        if isinstance(event, Stepped) and event.step == 9:
            run.request_stop()
    there = import_run(export_run(run, state=True), folder=elsewhere)
    assert there.resumable
    list(train(there, resume=True))
    assert there.status().state == "finished"


def test_without_its_sentences_a_run_does_not_go_on_and_says_why(finished_run, elsewhere):
    run = import_run(export_run(finished_run, sentences=False, state=True), folder=elsewhere)
    assert run.state_file.is_file()
    assert not run.extendable
    run.plan(20)
    before = run.status()
    with pytest.raises(Problem, match=r"without the sentences.*pairs\.tsv"):
        list(train(run, resume=True))
    assert run.status() == before, "it still translates"


@pytest.mark.parametrize(
    "progress",
    [
        {"files": {"metrics.jsonl": 0, "samples.jsonl": 0, "../../outside.txt": 0}}, {"files": {"../config.json": 0}},
        {"files": {"metrics.jsonl": -1, "samples.jsonl": 0}}, {"files": []}, {"step": -1}, {"step": "9"},
        {"step": 1e300}, {"step": 2.5}, {"step": True}, {"seconds": float("nan")}, {"best_loss": "low"},
        {"learning_rate_asked": 1e9}, {"teacher_forcing": -1}, {"asked_at": 10**9}, {"pinned": [1]},
        {"pinned": ["好" * 5000]}, {"pinned": "我"}, {"finished": "yes"}, {"epochs": 0},
    ],
)  # fmt: skip
def test_a_save_whose_header_would_do_harm_is_refused(finished_run, elsewhere, progress):
    with pytest.raises(Problem, match=r"training_state\.safetensors is damaged"):
        import_run(export_run(resaved(finished_run, **progress), state=True), folder=elsewhere)


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, pickle.dumps({"step": 1})])
def test_a_save_that_is_no_safetensors_is_refused(finished_run, elsewhere, content):
    finished_run.state_file.write_bytes(content)
    with pytest.raises(Problem, match=r"training_state\.safetensors is damaged"):
        import_run(export_run(finished_run, state=True), folder=elsewhere)


def test_a_save_of_another_model_is_refused(finished_run, elsewhere):
    whole, progress = load_file(finished_run.state_file), header(finished_run)
    some = whole["adam.0.exp_avg"]
    for tensors in (
        {"adam.0.exp_avg": some.flatten()}, {"adam.0.exp_avg": None}, {"adam.0.exp_avg": some.double()},
        {"adam.99.exp_avg": some}, {"extra": some}, {"model.decoder.output.bias": torch.zeros(3)},
    ):  # fmt: skip
        save_file(whole, finished_run.state_file, {"progress": json.dumps(progress)})
        with pytest.raises(Problem, match=r"training_state\.safetensors is damaged"):
            import_run(export_run(resaved(finished_run, tensors=tensors), state=True), folder=elsewhere)


# Made to do harm


@pytest.mark.parametrize(
    "path",
    [
        "../outside.json", "finished/../../outside.json", "/tmp/outside.json", "C:/outside.json", "..\\outside.json",
        "finished/deep/config.json", "finished/config.json/x", "finished/evil.py", "finished/model.pt",
        "finished/model.pkl", "finished/.hidden", "other/config.json",
    ],
)  # fmt: skip
def test_a_path_that_is_no_file_of_one_run_is_refused(change, elsewhere, path):
    zipped = packed({**contents(change()), path: b"{}"})
    with pytest.raises(Problem, match=r"bad\.zip was not imported"):
        import_run(zipped, "bad.zip", elsewhere)


def test_a_link_in_the_zip_is_refused(change, elsewhere):
    stream = io.BytesIO(change(scores__json=None))
    with zipfile.ZipFile(stream, "a") as file:
        link = zipfile.ZipInfo("finished/scores.json")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc/passwd")
    with pytest.raises(Problem, match="leave its folder"):
        import_run(stream, folder=elsewhere)


def test_a_file_that_stands_in_the_zip_twice_is_refused(change, elsewhere):
    stream = io.BytesIO(change())
    with zipfile.ZipFile(stream, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("finished/config.json", "{}")
    with pytest.raises(Problem, match="twice"):
        import_run(stream, folder=elsewhere)


def test_a_pickle_in_place_of_the_weights_is_refused_and_never_run(change, elsewhere, tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    stream = io.BytesIO()
    torch.save({"weights": torch.zeros(2)}, stream)
    for content in (pickle.dumps(Trap()), stream.getvalue()):
        with pytest.raises(Problem, match=r"model\.safetensors is damaged"):
            import_run(change(model__safetensors=content), folder=elsewhere)
    assert not (tmp_path / "sprung").exists()


def test_a_bomb_is_stopped_by_what_it_unpacks_to_whatever_it_says(change, elsewhere, monkeypatch):
    monkeypatch.setattr(archive, "MAX_TEXT", 10**6)
    bomb = change(scores__json=b" " * 10**7)
    assert len(bomb) < 10**6
    with pytest.raises(Problem, match=r"scores\.json unpacks to more"):
        import_run(bomb, folder=elsewhere)
    lying = bomb.replace((10**7).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert lying != bomb
    with pytest.raises(Problem, match="was not imported"):
        import_run(lying, folder=elsewhere)


def test_all_files_together_and_the_zip_itself_are_bounded(change, elsewhere, monkeypatch):
    zipped = change()
    monkeypatch.setattr(archive, "MAX_UNPACKED", 20_000)
    with pytest.raises(Problem, match="unpacks to more"):
        import_run(zipped, folder=elsewhere)
    monkeypatch.setattr(archive, "MAX_ZIP", 1000)
    with pytest.raises(Problem, match="MB"):
        import_run(zipped, folder=elsewhere)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a zip", b"\x00" * 1000])
def test_what_is_no_zip_is_refused(content, elsewhere):
    with pytest.raises(Problem, match="no zip file"):
        import_run(content, "photo.zip", elsewhere)


@pytest.mark.parametrize("at", [0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
def test_a_zip_cut_short_or_with_flipped_bytes_is_refused(change, elsewhere, at):
    whole = change()
    place = int(len(whole) * at)
    with pytest.raises(Problem, match="was not imported"):
        import_run(whole[:place], folder=elsewhere)
    flipped = whole[:place] + bytes(255 - byte for byte in whole[place : place + 40]) + whole[place + 40 :]
    with pytest.raises(Problem, match="was not imported"):
        import_run(flipped, folder=elsewhere)


@pytest.mark.parametrize("name", archive.NEEDED)
def test_a_missing_file_is_named(change, elsewhere, name):
    with pytest.raises(Problem, match=f"{name} is missing"):
        import_run(change(**{name.replace(".", "__"): None}), folder=elsewhere)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", b"{"),
        ("config.json", {"hidden": -1}),
        ("config.json", {"unheard_of": 1}),
        ("config.json", {"pinned": [1, 2]}),
        ("config.json", b"[" * 100_000),
        ("source_vocab.json", {"tokens": [], "counts": []}),
        ("source_vocab.json", {"tokens": ["<unk>", "<pad>", "<sos>", "<eos>", 5], "counts": [0, 0, 0, 0, 1]}),
        ("target_vocab.json", {"tokens": ["<unk>", "<pad>", "<sos>", "<eos>", "a"], "counts": [0, 0, 0, 0, "x"]}),
        ("model.safetensors", b""),
        ("model.safetensors", b"\xff" * 100),
        ("metrics.jsonl", b'{"step": 1, "loss": NaN, "tokens_per_second": 1}'),
        ("metrics.jsonl", b'{"step": 1, "loss": 1' + b"0" * 400 + b', "tokens_per_second": 1}'),
        ("metrics.jsonl", b"[" * 100_000),
        ("metrics.jsonl", b"\x00\xff garbage\nand more of it\n"),
        ("samples.jsonl", b"[1]\n"),
        ("status.json", {"state": "finished", "seconds": float("inf")}),
        ("scores.json", b"\xff\xfe"),
        ("pairs.tsv", b"one column\n"),
    ],
)
def test_a_file_that_no_page_could_show_is_named(change, elsewhere, name, content):
    with pytest.raises(Problem, match=f"its {name} is damaged"):
        import_run(change(**{name.replace(".", "__"): content}), folder=elsewhere)


@pytest.mark.parametrize("model", [None, b"", b"garbage" * 100])
def test_word_pieces_without_their_model_are_refused(finished_run, change, elsewhere, model):
    config = {**finished_run.config.to_dict(), "source_tokenizer": "pieces"}
    files = {} if model is None else {"source_pieces__model": model}
    with pytest.raises(Problem, match=r"its source_pieces\.model is damaged"):
        import_run(change(config__json=config, **files), folder=elsewhere)


def test_weights_of_another_shape_are_refused_before_they_are_loaded(finished_run, change, elsewhere):
    config = finished_run.config.to_dict()
    for changes in ({"hidden": 4096, "layers": 8}, {"attention": "none"}, {"cell": "lstm"}, {"tied_output": True}):
        with pytest.raises(Problem, match="do not fit"):
            import_run(change(config__json={**config, **changes}), folder=elsewhere)
    weights = load_file(finished_run.weights)
    name = next(iter(weights))
    for wrong in ({**weights, "extra": torch.zeros(1)}, {**weights, name: weights[name].flatten()}):
        save_file(wrong, finished_run.weights)
        with pytest.raises(Problem, match="do not fit"):
            import_run(export_run(finished_run), folder=elsewhere)
    save_file({**weights, name: weights[name].long()}, finished_run.weights)
    with pytest.raises(Problem, match=r"model\.safetensors is damaged"):
        import_run(export_run(finished_run), folder=elsewhere)


def test_a_folder_that_cannot_be_written_is_said(change, tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(Problem, match="Cannot write"):
        import_run(change(), folder=in_the_way)


def test_the_imported_run_is_open_to_others_who_may_read_the_folder(change, elsewhere):
    run: Run = import_run(change(), folder=elsewhere)
    assert stat.S_IMODE(run.folder.stat().st_mode) & 0o500 == 0o500
    run.rename("mine").delete()
