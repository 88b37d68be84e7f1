"""An answer leads to the version, the commit and the data that made it, even after its arrays are gone."""

import json
import shutil

import pytest
from click.testing import CliRunner

from stream.answers import Answer
from stream.store.log import AnswerLog, Batch
from training.__main__ import cli
from training.settings import TrainingSettings
from training.trace import NoSuchAnswer, trace

NOW_NS = 1_795_000_000 * 10**9


@pytest.fixture(scope="module")
def answered(first_training) -> TrainingSettings:
    """User 7 was answered twice by version 1, user 8 before anything was live."""
    settings = first_training.settings
    answers = [
        Answer(f"r{n}", "77", 1, n, NOW_NS + n * 10**9, user, ("heat+1995",), tier, {"list": "a"}, None, version, 0.5)
        for n, (user, tier, version) in enumerate([(7, "personal", "1"), (7, "personal", "1"), (8, "static", "")])
    ]
    log = AnswerLog(settings.store_dir)
    log.append(Batch("00000000000000bb", 0, range(3), [answer.format().encode() for answer in answers]))
    return settings


def test_the_last_answer_until_then_is_found_with_all_that_made_it(answered):
    assert trace(answered, 7, NOW_NS + 10**9).request_id == "r1"
    found = trace(answered, 7, NOW_NS)
    assert (found.request_id, found.movies, found.version) == ("r0", ["heat+1995"], "1")
    assert len(found.made["git"]["commit"]) == 40
    for word in ("version 1", found.made["git"]["commit"], found.made["data"]["digest"]):
        assert word in found.text()
    seen = {check.what: check.holds for check in found.checks}
    assert (seen["arrays"], seen["lock"], seen["data"], found.holds) == (True, True, True, True)
    assert "verified: data: digest" in found.text()


def test_a_version_whose_folder_is_gone_is_found_in_the_registry(answered):
    folder, aside = answered.models_dir / "1", answered.models_dir / "aside"
    before = trace(answered, 7, NOW_NS).made
    shutil.move(folder, aside)
    try:
        registered = trace(answered, 7, NOW_NS).made
    finally:
        shutil.move(aside, folder)
    assert {key: registered[key] for key in ("git", "data", "parameters")} == {
        key: before[key] for key in ("git", "data", "parameters")
    }


def test_an_answer_without_a_model_says_so(answered):
    assert "nothing was live" in trace(answered, 8, NOW_NS + 10**10).text()


def test_without_an_answer_there_is_nothing_to_trace(answered, monkeypatch):
    with pytest.raises(NoSuchAnswer, match="user 7"):
        trace(answered, 7, NOW_NS - 1)
    monkeypatch.setenv("VAR_DIR", str(answered.var_dir))
    assert CliRunner().invoke(cli, ["trace", "9"]).exit_code == 1
    done = CliRunner().invoke(cli, ["trace", "7", "2026-11-19T00:00", "--json"])
    assert json.loads(done.stdout)["version"] == "1"
