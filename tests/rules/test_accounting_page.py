"""The guide to the ledger shows the tables that the code goes by."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from actors.accounting.diagram import drawn

DOCUMENT = Path(__file__).parents[2] / "docs" / "ledger.md"
REWRITE = "REWRITE_DOCS"
"""Set it to have the tables written anew: REWRITE_DOCS=1 pytest tests/rules"""


@pytest.mark.parametrize("name", sorted(drawn()))
def test_the_guide_shows_each_table_as_it_is(name: str) -> None:
    place = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end -->)", re.S)
    text = f"{drawn()[name]}\n"
    if REWRITE in os.environ:
        DOCUMENT.write_text(place.sub(lambda _: text, DOCUMENT.read_text(), count=1))
    assert place.findall(DOCUMENT.read_text()) == [text]
