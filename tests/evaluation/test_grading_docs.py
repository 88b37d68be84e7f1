"""docs/grading.md says what the commands do: every choice with its default, every check, every criterion."""

import re
from dataclasses import fields
from pathlib import Path

from evaluation.choices import Choices
from evaluation.grading_class import IDS
from evaluation.selfcheck_tables import MILESTONES

TEXT = (Path(__file__).parents[2] / "docs" / "grading.md").read_text()


def test_every_choice_stands_there_with_its_default_and_what_else_it_may_be():
    rows = dict(re.findall(r"^\| `--([a-z-]+)[^`]*` \| (.*) \|$", TEXT, re.MULTILINE))
    for each in fields(Choices):
        row = rows[each.name.removesuffix("_ns").replace("_", "-")]
        words = Choices.words().get(each.name, ())
        if words:
            assert row.startswith(f"`{each.default}`")
            assert all(f"`{word}`" in row for word in words)
        elif not each.name.endswith("_ns"):
            assert row.startswith(f"`{each.default}`")
    assert rows["hole"].startswith("`1h`")
    assert rows["slack"].startswith("`10m`")


def test_every_check_and_no_other_stands_there():
    listed = re.findall(r"^\| (M\d-[^|]*) \|", TEXT, re.MULTILINE)
    told = {check for row in listed for check in row.strip().split(", ")}
    assert told == {check.id for checks in MILESTONES.values() for check in checks}


def test_every_criterion_stands_there():
    assert all(f"| `{name}` |" in TEXT for name in IDS)
