"""docs/first-hour.md, followed command by command on a running house."""

import re

import pytest

from houses import CHECKOUT

pytestmark = pytest.mark.system

PAGE = (CHECKOUT / "docs/first-hour.md").read_text()


def blocks() -> list[str]:
    """The page's shell blocks, in order."""
    return re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_page_works_from_top_to_bottom(deployed):
    said = {}
    try:
        for block in blocks():
            local = block.replace("localhost:8082", f"localhost:{deployed.port('SERVE_PORT')}")
            said[block] = deployed.must("bash", "-euo", "pipefail", "-c", local, timeout=300)
    finally:
        (deployed.folder / "training/models/mine.py").unlink(missing_ok=True)

    def answer_to(words: str) -> str:
        return next(answer for block, answer in said.items() if words in block)

    assert len(answer_to("stream record").splitlines()) >= 5
    assert "x-tier: " in answer_to("curl -i").lower()
    assert "passed" in answer_to("tests/contract")
    assert "mine" in answer_to("training models")
    assert '"name":"mine"' in answer_to("promote mine").replace(" ", ""), "it went live"
    assert "hit rate" in answer_to("--by model")
