"""A run as a zip, out and in."""

import streamlit as st

from core.config import FILES
from core.problems import Problem
from core.progress import Bar
from core.runs import Run
from pages.parts.language import say, t
from pages.parts.progress import wait_for
from pages.parts.reading import read_in_background


def export_button(run: Run, place: str) -> None:
    """A button that downloads the run; the zip is made when it is pressed. `place` tells several on a page apart."""
    label, hint = (
        t("Export", "导出"),
        t(
            "Download the run as a zip: settings, vocabularies, weights, curves, samples, scores. Others import it here.",
            "把运行下载为 zip：设置、词表、权重、曲线、样例和分数。别人可以在这里导入。",
        ),
    )
    try:
        own = run.config.corpus == FILES and (run.folder / "pairs.tsv").is_file()
    except Problem:
        return
    if not run.translates:
        return
    key = f"export-{place}-{run.name}"
    if not own and not run.state_file.is_file():
        _download(label, run, True, False, key, hint)
        return
    with st.popover(label, help=hint, key=f"{key}-pop"):
        sentences = own and _with_sentences(key)
        state = run.state_file.is_file() and _with_state(run, key, sentences or not own)
        _download(t("Download the zip", "下载 zip"), run, sentences or not own, state, key)


def _with_sentences(key: str) -> bool:
    """Whether a person's own sentences go along; they decide it each time."""
    wanted = st.checkbox(t("With my sentences", "包含我的句子"), key=f"{key}-sentences")
    if not wanted:
        st.caption(
            t(
                "Your sentences stay here, also those of the test. Weights, curves and the list of words go along, and "
                "the sentences you typed to be followed. Without its sentences a run translates but cannot learn on.",
                "你的句子（包括测试句子）留在这里。权重、曲线、词表和你填写的观察句子会一起导出。没有句子的运行能翻译，但不能接着训练。",
            )
        )
    return wanted


def _with_state(run: Run, key: str, sentences: bool) -> bool:
    """Whether what going on with the training needs goes along."""
    from core.runs import MAX_ZIP

    size = run.state_file.stat().st_size
    fits = size + run.weights.stat().st_size < MAX_ZIP
    why = t(
        "The optimiser's memory and the last weights, so that it can be trained for more epochs elsewhere.",
        "优化器状态和最后的权重，有了它们，别人才能接着训练。",
    )
    if not sentences:
        why = t("Without the sentences it cannot be trained on.", "没有句子就不能接着训练。")
    elif not fits:
        why = t(
            f"Larger than the {MAX_ZIP // 2**20} MB that an import takes. Copy the run's folder instead.",
            f"超过了导入上限 {MAX_ZIP // 2**20} MB。请直接复制运行的文件夹。",
        )
    wanted = st.checkbox(
        t(f"To be trained on elsewhere: {size / 2**20:,.1f} MB more", f"可以接着训练：多 {size / 2**20:,.1f} MB"),
        key=f"{key}-state",
        disabled=not sentences or not fits,
        help=why,
    )
    return wanted and sentences and fits


def _download(label: str, run: Run, sentences: bool, state: bool, key: str, hint: str | None = None) -> None:
    def pack() -> bytes:
        from core.archive import export_run

        return export_run(run, sentences, state)

    st.download_button(
        label, pack, file_name=f"{run.name}.zip", mime="application/zip", key=key, help=hint, on_click="ignore"
    )


def import_box() -> Run | None:
    """A place to drop an exported run. Returns the run just imported, None while there is none."""
    opened = bool(st.session_state.get("import-open"))
    panel = st.expander(
        t("Import a run from a zip", "从 zip 导入运行"), expanded=opened, key="import", on_change="rerun"
    )
    st.session_state["import-open"] = panel.open
    with panel:
        upload = st.file_uploader(
            t(
                "A zip made by “Export”. Its contents are checked, and nothing in it is executed.",
                "由“导出”得到的 zip 文件。内容会先检查，其中的任何东西都不会被执行。",
            ),
            type="zip",
            key=f"import-{st.session_state.get('imported', 0)}",
        )
        if upload is None:
            return None

        def unpack(bar: Bar) -> Run:
            from core.archive import import_run

            return import_run(upload.getvalue(), upload.name, report=bar.stage("unpacking"))

        task = read_in_background("import", upload.file_id, unpack)
        if not wait_for(task, t("unpacking and checking", "正在解压并检查")):
            return None
        try:
            run = task.result()
        except Problem as problem:
            st.warning(say(problem))
            return None
    # A new box, or the same zip would be imported again at the next redraw.
    st.session_state.pop("read-import", None)
    st.session_state["imported"] = st.session_state.get("imported", 0) + 1
    st.session_state["import-open"] = False
    st.toast(t(f"Imported: {run.name}", f"已导入：{run.name}"))
    return run
