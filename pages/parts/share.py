"""A run as a zip, out and in."""

import streamlit as st

from core.config import FILES
from core.problems import Problem
from core.runs import Run
from pages.parts.language import say, t


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
    if not own:
        _download(label, run, True, f"export-{place}-{run.name}", hint)
        return
    with st.popover(label, help=hint):
        st.caption(
            t(
                "This run was trained on your own sentences. Are they for others too?",
                "这个运行是用你自己的句子训练的。要把句子也交给别人吗？",
            )
        )
        _download(t("With the sentences", "包含句子"), run, True, f"export-{place}-{run.name}")
        _download(t("Without them", "不含句子"), run, False, f"export-alone-{place}-{run.name}")


def _download(label: str, run: Run, sentences: bool, key: str, hint: str | None = None) -> None:
    def pack() -> bytes:
        from core.archive import export_run

        return export_run(run, sentences)

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
        try:
            with st.spinner(t("Unpacking and checking …", "正在解压并检查……")):
                from core.archive import import_run

                run = import_run(upload, upload.name)
        except Problem as problem:
            st.warning(say(problem))
            return None
    # A new box, or the same zip would be imported again at the next redraw.
    st.session_state["imported"] = st.session_state.get("imported", 0) + 1
    st.session_state["import-open"] = False
    st.toast(t(f"Imported: {run.name}", f"已导入：{run.name}"))
    return run
