"""What a reader may expect anywhere: telling names, exact money, no secrets, clean checks."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.checkout import (
    EVERYTHING,
    PRODUCT,
    ROOT,
    definitions,
    files_for_everyone,
    python_files,
    shown,
    tree,
)

EMPTY_NAMES = {"data", "info", "manager", "util", "utils", "helper", "helpers", "misc", "common"}
"""Words that say nothing of what stands behind them. (CloudEvents calls its payload `data`.)"""

EMPTY_DEFINITION = re.compile(r"manager|helper|utils?\b|^_*process(_|$)", re.I)

SECRETS = {
    "a private key": rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}",
    "an API secret of ours": rb"\bsk_[A-Za-z0-9_-]{43}\b",
    "a webhook secret": rb"\bwhsec_[A-Za-z0-9+/]{32,}",
    "a password in an address": rb"(?:amqps?|postgres(?:ql)?|rediss?)://\w*:[A-Za-z0-9_\-]{16,}@",
    "a key of a cloud": rb"\bAKIA[0-9A-Z]{16}\b",
}

PUBLISHED = {b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
"""The example secret of the Standard Webhooks specification is no secret."""

MONEY = re.compile(r"_fen\b|_ppm\b")


def run_tool(*command: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout[-4_000:] + result.stderr[-1_000:]


def test_no_file_has_an_empty_name() -> None:
    assert [shown(p) for p in python_files(*EVERYTHING) if p.stem in EMPTY_NAMES] == []


def test_no_function_or_class_has_an_empty_name() -> None:
    empty = [
        f"{shown(path, node.lineno)} {node.name}"
        for path in python_files(*PRODUCT)
        for node in definitions(path)
        if EMPTY_DEFINITION.search(node.name)
    ]
    assert empty == []


def inexact(node: ast.AST) -> bool:
    """Whether a syntax node makes or names a binary fraction."""
    match node:
        case ast.Constant(value=float()) | ast.BinOp(op=ast.Div()):
            return True
        case ast.Name(id="float" | "round"):
            return True
        case _:
            return False


def money_code(path: Path) -> list[ast.AST]:
    """Functions of a file that speak of fen or of rates, and classes that have only fields."""
    lines = path.read_text().splitlines()
    return [
        node
        for node in definitions(path)
        if any(map(MONEY.search, lines[node.lineno - 1 : node.end_lineno]))
        and not (isinstance(node, ast.ClassDef) and has_functions(node))
    ]


def has_functions(node: ast.ClassDef) -> bool:
    return any(isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) for inner in node.body)


@pytest.mark.parametrize("snippet", ["a / b", "0.5", "float(a)", "round(a)", "x: float = 1"])
def test_a_binary_fraction_is_recognised(snippet: str) -> None:
    assert any(inexact(node) for node in ast.walk(ast.parse(snippet)))
    assert not any(inexact(node) for node in ast.walk(ast.parse("a // b + 5 * c")))


def test_money_is_reckoned_in_whole_numbers() -> None:
    reckoned = [(path, code) for path in python_files(*PRODUCT) for code in money_code(path)]
    fractions = {
        shown(path, node.lineno)
        for path, code in reckoned
        for node in ast.walk(code)
        if inexact(node) and isinstance(node, ast.expr)
    }
    assert len(reckoned) > 10
    assert fractions == set()


def test_words_know_no_fractions_at_all() -> None:
    fractions = [
        shown(path, node.lineno)
        for path in python_files("schema")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.expr) and inexact(node)
    ]
    assert fractions == []


def test_tables_store_money_in_whole_numbers() -> None:
    inexact_type = re.compile(r"\b(numeric|decimal|real|float\d?|double precision|money)\b", re.I)
    for path in (ROOT / "schema" / "tables").glob("*.sql"):
        statements = re.sub(r"--.*", "", path.read_text())
        assert not inexact_type.search(statements), shown(path)
        for column, kind in re.findall(r"^\s+(\w+_fen)\s+(\w+)", statements, re.M):
            assert kind == "bigint", f"{shown(path)} {column}"


@pytest.mark.parametrize("what", SECRETS)
def test_no_secret_is_committed(what: str) -> None:
    pattern = re.compile(SECRETS[what])
    leaks = [
        shown(path)
        for path in files_for_everyone()
        if any(found not in PUBLISHED for found in pattern.findall(path.read_bytes()))
    ]
    assert leaks == []


def test_a_secret_would_be_found() -> None:
    body = b"A" * 40
    samples = {
        "a private key": b"-----BEGIN " + b"RSA PRIVATE KEY-----\n" + body,
        "an API secret of ours": b"sk_" + body + b"-_z",
        "a webhook secret": b"whsec_" + body,
        "a password in an address": b"amqp://tomato:" + body + b"@host",
        "a key of a cloud": b"AKIA" + body[:16],
    }
    assert {what for what in SECRETS if re.search(SECRETS[what], samples[what])} == set(SECRETS)


def test_the_code_is_formatted_and_lints_clean() -> None:
    run_tool("ruff", "format", "--check", ".")
    run_tool("ruff", "check", ".")


def test_types_hold() -> None:
    run_tool("pyright")
