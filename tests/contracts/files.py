"""Where the exact bytes of messages are kept, today's and those of released versions.

python -m tests.contracts.files golden           writes today's examples anew; review the diff
python -m tests.contracts.files release 0.1.0    freezes today's examples and schemas, once
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from schema.contract_schemas import file_name, json_schema
from schema.events import encode_events
from tests.contracts.examples import CONTRACTS, EXAMPLES, event_of

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
RELEASED = HERE / "released"


def golden_bytes(name: str) -> bytes:
    """What the example of a message looks like on the wire."""
    body, _ = encode_events([event_of(EXAMPLES[name])])
    return body


def golden_file(name: str) -> Path:
    return GOLDEN / file_name(CONTRACTS[name])


def releases() -> list[Path]:
    """The folders of released versions, each with `golden` and `schemas`."""
    return sorted(path for path in RELEASED.iterdir() if path.is_dir())


def write_golden() -> None:
    """Replaces today's golden files."""
    shutil.rmtree(GOLDEN, ignore_errors=True)
    GOLDEN.mkdir()
    for name in EXAMPLES:
        golden_file(name).write_bytes(golden_bytes(name))


def freeze(version: str) -> None:
    """Keeps today's messages as what `version` wrote and read. A release is never frozen again."""
    folder = RELEASED / version
    (folder / "schemas").mkdir(parents=True)
    shutil.copytree(GOLDEN, folder / "golden")
    for contract in CONTRACTS.values():
        text = json.dumps(json_schema(contract), indent=2, ensure_ascii=False) + "\n"
        (folder / "schemas" / file_name(contract)).write_text(text)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["golden"]:
            write_golden()
        case ["release", version]:
            freeze(version)
        case _:
            sys.exit(__doc__)
