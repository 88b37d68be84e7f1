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
        for number, block in enumerate(blocks()):
            local = block.replace("localhost:8082", f"localhost:{deployed.port('SERVE_PORT')}")
            said[number] = deployed.must("bash", "-euo", "pipefail", "-c", local, timeout=300)
    finally:
        (deployed.folder / "training/models/mine.py").unlink(missing_ok=True)
    story = "\n".join(said.values())
    assert len(said) >= 9
    assert len(said[1].splitlines()) >= 5
    assert "x-tier: " in story.lower()
    assert re.search(r"mine", said[7]), "the model of one's own stands in the table of models"
    assert '"name":"mine"' in said[8].replace(" ", ""), "it went live"
    assert "hit rate" in said[9].lower()
