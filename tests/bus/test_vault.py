"""Secrets at rest: only the installation's key opens them, and only for their purpose."""

from __future__ import annotations

import os
from base64 import b64encode

import pytest

from bus.errors import OurMistake
from bus.vault import Vault


def _a_key(length: int = 32) -> str:
    return b64encode(os.urandom(length)).decode()


def test_a_secret_opens_for_the_purpose_it_was_sealed_for() -> None:
    vault = Vault(_a_key())
    sealed = vault.seal("口令".encode(), "webhook")
    assert vault.open(sealed, "webhook") == vault.open(sealed, "webhook") == "口令".encode()


def test_the_same_secret_is_never_sealed_the_same_way_twice() -> None:
    vault = Vault(_a_key())
    assert vault.seal(b"secret", "webhook") != vault.seal(b"secret", "webhook")


def test_a_secret_cut_out_of_one_place_does_not_open_in_another() -> None:
    vault = Vault(_a_key())
    sealed = vault.seal(b"secret", "webhook 1")
    assert vault.open(sealed, "webhook 1") == b"secret"
    with pytest.raises(OurMistake, match="webhook 2"):
        vault.open(sealed, "webhook 2")


def test_another_installations_key_opens_nothing() -> None:
    sealed = Vault(_a_key()).seal(b"secret", "webhook")
    with pytest.raises(OurMistake, match="none of ours"):
        Vault(_a_key()).open(sealed, "webhook")


@pytest.mark.parametrize("sealed", ["", "AAAA", "no base64!", "A" * 44])
def test_a_text_that_was_never_sealed_is_our_mistake(sealed: str) -> None:
    with pytest.raises(OurMistake):
        Vault(_a_key()).open(sealed, "webhook")


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_the_wrong_length_is_refused_by_name(length: int) -> None:
    with pytest.raises(ValueError, match="TOMATO_MASTER_KEY"):
        Vault(_a_key(length))
