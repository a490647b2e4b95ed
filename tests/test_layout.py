"""Imports run one way: pages, then pages.parts, then core; inside core by levels."""

import ast
from graphlib import TopologicalSorter

from core.processes import PROJECT

# A module imports from its own level and those before it.
LEVELS = [
    {"problems", "config", "progress", "processes"},
    {"text", "terms", "vocab", "model", "gru", "loss", "weights", "machine", "tables", "encoded", "split", "quick"},
    {"corpus", "batches", "survey"},
    {"runs", "dictionary", "cutting"},
    {"decode", "beam", "lanes", "arithmetic", "translator", "scoring"},
    {
        "cache",
        "evaluation",
        "report",
        "material",
        "saves",
        "comparison",
        "baselines",
        "unseen",
        "diversify",
        "read_back",
    },
    {"step"},
    {"training", "slowmotion", "estimate", "archive"},
    {"card"},
    {"train", "scorer"},
    {"benchmark", "compact", "scale"},
    {"reverse"},
    {"__main__"},
]


def imports(*patterns):
    """The files, each with all names it imports: `from core import corpus` counts as `core` and `core.corpus`."""
    found = {}
    for path in (path for pattern in patterns for path in PROJECT.glob(pattern)):
        names = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: write imports in full"
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        found[path.relative_to(PROJECT).as_posix()] = names
    assert found
    return found


def test_core_knows_nothing_of_the_web_page():
    for file, names in imports("core/**/*.py").items():
        assert not {name.split(".")[0] for name in names} & {"streamlit", "altair", "pages", "streamlit_app"}, file


def test_inside_core_imports_run_one_way():
    level = {module: number for number, modules in enumerate(LEVELS) for module in modules}
    uses = {}
    for file, names in imports("core/*.py").items():
        module = file.removeprefix("core/").removesuffix(".py")
        uses[module] = {name.split(".")[1] for name in names if name.startswith("core.")} & set(level)
    assert set(uses) - {"__init__"} <= set(level), "give the new module a level"
    for module, used in uses.items():
        assert all(level[name] <= level[module] for name in used), f"{module} imports {used}"
    TopologicalSorter(uses).prepare()  # raises where two modules import each other


def test_a_page_imports_shared_parts_but_no_page():
    for file, names in imports("pages/*.py", "streamlit_app.py").items():
        pages = {name for name in names if name.split(".")[0] == "pages"} - {"pages"}
        assert all(name == "pages.parts" or name.startswith("pages.parts.") for name in pages), file
        assert "streamlit_app" not in names, file


def test_shared_parts_import_no_page():
    for file, names in imports("pages/parts/**/*.py").items():
        pages = {name for name in names if name.split(".")[0] == "pages"}
        assert all(name == "pages.parts" or name.startswith("pages.parts.") for name in pages), file
        assert "streamlit_app" not in names, file
