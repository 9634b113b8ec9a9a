"""Imports run one way, no room opens into another, and only `runner.py` sees the environment."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from tests.house.checkout import PRODUCT, ROOT, python_files, shown, tree


def contract(kind: str) -> dict[str, Any]:
    """The import-linter contract of one kind, as pyproject.toml states it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    [found] = [contract for contract in settings["contracts"] if contract["type"] == kind]
    return found


def test_imports_run_one_way() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_the_contracts_know_every_room() -> None:
    rooms = {path.parent.name for path in (ROOT / "actors").glob("*/__init__.py")}
    assert set(contract("independence")["modules"]) == {f"actors.{room}" for room in rooms}
    rules = {dotted(path) for path in python_files("actors") if path.name == "rules.py"}
    pure = set(contract("forbidden")["source_modules"])
    assert pure == {"schema"} | rules | said_to_be_pure()


def said_to_be_pure() -> set[str]:
    """The modules of rooms whose first words promise it: the contract holds them to that."""
    return {
        dotted(path)
        for path in python_files("actors")
        if re.search(r"\bPure\b", ast.get_docstring(tree(path)) or "")
    }


def dotted(path: Path) -> str:
    """A file's name as a module."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def test_only_the_main_switch_reads_the_environment() -> None:
    readers = {
        shown(path, node.lineno)
        for path in python_files(*PRODUCT)
        if path.name != "runner.py"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    }
    assert readers == set()
