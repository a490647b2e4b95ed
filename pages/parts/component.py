"""Components that the browser draws: plain JavaScript and SVG in files, joined into one module without a build step."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import streamlit as st

_PARTS = Path(__file__).parent
_SHARED = _PARTS / "drawing.js"  # what all of them draw with


def script(files: Iterable[Path]) -> str:
    """One module: what every component shares, then the files in their order. The last has the `export default`."""
    return "\n".join(path.read_text("utf-8") for path in (_SHARED, *files))


def component(name: str, root: str, style: str, files: Iterable[Path]) -> Any:
    """Register a component whose script finds its place as `.root`; call what comes back to draw it."""
    return st.components.v2.component(
        f"seq2seq_{name}", html=f'<div class="{root}"></div>\n', css=style, js=script(files)
    )


def live_component(name: str, root: str) -> Any:
    """A component of one script and one stylesheet of that name, which is drawn again while a run goes on (live.js)."""
    style = (_PARTS / f"{name}.css").read_text("utf-8")
    return component(name, root, style, [_PARTS / "live.js", _PARTS / f"{name}.js"])
