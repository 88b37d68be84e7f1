"""A version can be made again from what was recorded of it, and what is not as recorded is told."""

import json
import shutil

import pytest
from click.testing import CliRunner
from trainings import append

from stream.events import Watched
from training.__main__ import cli
from training.models import Recipe
from training.registry import Registry
from training.reproduce import CannotReproduce, compared, recorded, reproduce
from training.run import train_and_register
from training.settings import TrainingSettings
from training.verified import check_data, verify


@pytest.fixture(scope="module")
def house(tmp_path_factory, first_training) -> TrainingSettings:
    """A copy of the first training's house, and events that came since: a later one, and one before the newest."""
    settings = first_training.settings.model_copy(update={"var_dir": tmp_path_factory.mktemp("again") / "var"})
    shutil.copytree(first_training.settings.var_dir, settings.var_dir)
    last_ns = facts_of(settings, "1")["data"]["last_ns"]
    append(
        settings.store_dir,
        [Watched(last_ns - 10**9, 3, "movie+1+2000", 5), Watched(last_ns + 10**12, 4, "movie+2+2000", 5)],
    )
    return settings


def facts_of(settings: TrainingSettings, number: str) -> dict:
    registry = Registry(settings.mlflow_dir)
    return registry.facts(registry.get(number))


@pytest.mark.parametrize("model", ["svd", "recent", "popularity"])
def test_every_model_is_reproduced_bit_for_bit_though_the_stream_went_on(house, model):
    found = reproduce(house, model)
    assert (found.other_arrays, found.same_lists) == ([], found.users)
    assert found.users > 0
    assert found.holds


def test_another_seed_is_told_apart(house):
    registry = Registry(house.mlflow_dir)
    version = registry.get("svd")
    recipe = {**version.recipe.parameters, "seed": 99}
    facts = registry.facts(version)
    fitted = Recipe.of("svd", recipe).fit(recorded(house, facts["data"]))
    assert "user_factors" in compared(fitted.arrays(), facts["arrays"])[1]


def test_without_its_data_a_version_cannot_be_reproduced_and_the_data_differ(house, tmp_path):
    settings = house.model_copy(update={"var_dir": tmp_path / "var"})
    shutil.copytree(house.var_dir, settings.var_dir)
    file = sorted((settings.store_dir / "events").glob("date=*/*.parquet"))[0]
    file.unlink()
    with pytest.raises(CannotReproduce, match=r"of \d+ events of those ranges"):
        reproduce(settings, "svd")
    assert check_data(settings.store_dir, facts_of(settings, "1")["data"]).holds is False


def test_everything_that_made_a_version_is_verified_and_damage_is_named(house, tmp_path):
    settings = house.model_copy(update={"var_dir": tmp_path / "var"})
    shutil.copytree(house.var_dir, settings.var_dir)
    live = json.loads((settings.models_dir / "live.json").read_text())["slots"]["default"]["version"]
    facts = facts_of(settings, live)
    whole = {check.what: check.holds for check in verify(settings, live, facts, None)}
    assert (whole["arrays"], whole["lock"], whole["data"]) == (True, True, True)
    array = settings.models_dir / live / "servable/base.npy"
    array.write_bytes(array.read_bytes()[:-1] + b"\7")
    checks = {check.what: check for check in verify(settings, live, facts | {"lock_digest": "0" * 64}, None)}
    assert (checks["arrays"].holds, checks["lock"].holds) == (False, False)
    assert "base.npy" in checks["arrays"].said
    shutil.rmtree(settings.models_dir / live)
    gone = verify(settings, live, facts, "2026-11-02")[0]
    assert (gone.holds, gone.said) == (None, "pruned on 2026-11-02, digests as recorded")


def test_a_pruned_version_is_still_compared_by_its_digests_and_says_when_it_was_pruned(fresh):
    settings = fresh(keep_versions=2)
    train_and_register(["recent", "popularity", "popularity"], settings)
    registry = Registry(settings.mlflow_dir)
    pruned = registry.prune(0)
    assert registry.get(pruned[0]).pruned_ns > 0
    found = reproduce(settings, pruned[0])
    assert (found.same_lists, found.other_arrays, found.holds) == (None, [], True)


def test_commands_reproduce_and_describe_a_version(house, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(house.var_dir))
    done = CliRunner().invoke(cli, ["reproduce", "recent", "--json"])
    assert (done.exit_code, json.loads(done.stdout)["holds"]) == (0, True)
    card = CliRunner().invoke(cli, ["card", "svd"]).stdout
    for word in ("# Version", "Surprise's SVD", "| seed | 1 |", "## Gate", "ndcg@20", "digest `"):
        assert word in card
    assert CliRunner().invoke(cli, ["card", "77"]).exit_code == 1
