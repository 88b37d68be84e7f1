"""A whole training on real MLflow: from stored lines to a live model, and back when it was a mistake."""

import json
import shutil

import numpy as np
import pytest
from interactions import columns, small_world
from trainings import Trainings

from stream import evidence
from stream.published import DamagedModel, load_model, read_pointer
from training import compare_text, comparing, release, tracking
from training.compare import compare
from training.data import read_interactions
from training.due import check
from training.models import Recipe
from training.registry import CHALLENGER, CHAMPION, PREVIOUS, NoSuchVersion, Registry
from training.run import AlreadyTraining, TooLittleData, train_and_register, training_lock
from training.settings import TrainingSettings


def live_version(settings: TrainingSettings) -> str:
    return read_pointer(settings.models_dir).slots["default"].version


@pytest.fixture(scope="module")
def registry(first_training) -> Registry:
    return Registry(first_training.settings.mlflow_dir)


@pytest.fixture(scope="module")
def world(first_store):
    return read_interactions(first_store, (1, 10))


@pytest.fixture(scope="module")
def live(first_training):
    settings = first_training.settings
    return load_model(settings.models_dir / live_version(settings))


def test_every_trained_model_becomes_a_version_best_first(first_training):
    made = [(version.number, version.recipe.name) for version, _ in first_training.trained.versions]
    assert [number for number, _ in made] == ["1", "2", "3"]
    assert {name for _, name in made} == {"recent", "svd", "popularity"}
    ndcg = [version.metrics["ndcg@20"] for version, _ in first_training.trained.versions]
    assert ndcg == sorted(ndcg, reverse=True)


def test_the_first_champion_is_the_best_of_the_sane_ones(first_training, registry):
    assert first_training.trained.live == "1" == live_version(first_training.settings)
    assert registry.aliased(CHAMPION).number == "1"
    assert registry.aliased(PREVIOUS) is None


def test_every_known_user_has_a_list_without_what_was_seen(live, world):
    assert live.users.tolist() == world.users.tolist()
    histories = world.histories()
    for row, user in enumerate(world.users.tolist()):
        movies, _ = live.list_of(user)
        seen = world.movies[histories.between(row, row + 1).movies]
        assert len(movies) == len(set(movies)) == min(20, len(world.movies) - len(seen))
        assert not set(movies) & set(seen.tolist())


def test_strangers_get_what_is_popular_lately(live, world):
    recent = Recipe.of("recent").fit(world)
    best = np.argsort(-recent.base, kind="stable")[:20]
    assert list(live.popular[:20]) == recent.movies[best].tolist()


def test_the_manifest_says_what_code_and_data_made_the_model(live):
    manifest = live.manifest
    assert manifest.name in ("recent", "svd", "popularity")
    assert manifest.gate["verdict"] == "pass"
    sessions, ratings = columns()
    assert manifest.data["events"] == 2 * len(sessions.user_id) + len(ratings.user_id)
    assert len(manifest.data["digest"]) == 32
    assert len(manifest.git["commit"]) == 40
    assert len(manifest.lock_digest) == 64


def test_each_run_is_in_mlflow_with_parameters_metrics_and_arrays(registry):
    by_name = {version.recipe.name: version for version in registry.versions()}
    run = registry.mlflow.get_run(by_name["svd"].run_id)
    assert run.data.params["n_factors"] == "100"
    assert {"ndcg_at_20", "recall_at_20", "hit_rate_at_20", "coverage", "rmse"} <= run.data.metrics.keys()
    assert run.info.status == "FINISHED"
    assert "rmse" not in registry.mlflow.get_run(by_name["recent"].run_id).data.metrics


def test_nothing_of_mlflow_lands_in_the_current_folder(first_training):
    uri = tracking.tracking_uri(first_training.settings.mlflow_dir)
    assert uri.startswith(f"sqlite:///{first_training.settings.var_dir}")
    assert not list(first_training.settings.var_dir.parent.glob("mlruns*"))


def test_arrays_of_old_versions_are_pruned_but_never_those_in_use(registry, first_training):
    held = {version.number: version.pruned for version in registry.versions()}
    assert held == {"3": False, "2": False, "1": False}, "keep_versions is 2, and version 1 is the champion"
    folders = [tracking.artifact_folder(registry.mlflow, version.run_id).exists() for version in registry.versions()]
    assert all(folders)


def test_a_training_leaves_evidence_of_itself_and_of_the_promotion(first_training):
    var = first_training.settings.var_dir
    (promotion,), (training,) = evidence.read(var, "promotion"), evidence.read(var, "training")
    assert (promotion["version"], promotion["gate"]["verdict"]) == ("1", "pass")
    assert training["live"] == "1"
    assert training["data_ns"] == promotion["stream_ns"]


def test_the_result_reads_as_text_and_as_json(first_training):
    text, record = first_training.trained.table(), first_training.trained.record()
    assert "version 1 is live" in text
    assert "python -m training models" in text
    assert json.loads(json.dumps(record))["versions"][0]["verdict"] == "pass"


@pytest.fixture(scope="module")
def second_house(tmp_path_factory, first_store) -> TrainingSettings:
    var = tmp_path_factory.mktemp("second") / "var"
    shutil.copytree(first_store, var / "store")
    return TrainingSettings(var_dir=var, keep_versions=2)


def test_without_versions_there_is_nothing_to_go_back_to(second_house):
    for command in (release.rollback, release.republish):
        with pytest.raises(NoSuchVersion):
            command(second_house)
    assert "no version yet" in release.version_table(release.versions(second_house))


@pytest.fixture(scope="module")
def trained_twice(second_house) -> Trainings:
    train_and_register(["popularity"], second_house)
    return Trainings(second_house, train_and_register(["svd", "popularity"], second_house))


def test_a_later_training_is_compared_with_the_champion_user_by_user(trained_twice):
    verdicts = {version.recipe.name: verdict for version, verdict in trained_twice.trained.versions}
    assert not verdicts["svd"].passed
    assert "of the champion (popularity)" in verdicts["svd"].reasons[1]
    assert verdicts["popularity"].reasons[1] == "the recipe is the champion's, on newer data"


def test_aliases_follow_what_is_live(trained_twice):
    registry, live = Registry(trained_twice.settings.mlflow_dir), trained_twice.trained.live
    assert registry.aliased(CHAMPION).number == live == live_version(trained_twice.settings)
    assert registry.aliased(PREVIOUS).number == "1"
    assert registry.aliased(CHALLENGER).recipe.name == "svd"


def test_any_version_can_go_live_by_hand_and_be_taken_back(trained_twice):
    settings, registry = trained_twice.settings, Registry(trained_twice.settings.mlflow_dir)
    svd = registry.aliased(CHALLENGER).number
    assert not (settings.models_dir / svd).exists(), "refused versions are not published until somebody wants them"
    assert f"version {svd} (svd) is live" in release.promote(settings, svd)
    assert load_model(settings.models_dir / svd).manifest.name == "svd"
    assert registry.aliased(CHALLENGER) is None
    assert "(popularity) is live" in release.rollback(settings)
    assert live_version(settings) == registry.aliased(CHAMPION).number == trained_twice.trained.live
    shutil.rmtree(settings.models_dir / trained_twice.trained.live)
    assert "(popularity) is published anew" in release.republish(settings)
    assert f"version {svd} (svd) is live" in release.promote(settings, "svd")
    release.rollback(settings)
    assert load_model(settings.models_dir / live_version(settings)).version == trained_twice.trained.live
    with pytest.raises(NoSuchVersion, match="no version nope"):
        release.promote(settings, "nope")
    assert "live, champion" in release.version_table(release.versions(settings))


def test_versions_beyond_those_kept_lose_their_arrays_unless_an_alias_holds_them(trained_twice):
    settings, registry = trained_twice.settings, Registry(trained_twice.settings.mlflow_dir)
    for _ in range(2):
        train_and_register(["popularity"], settings)
    newest = [version.number for version in registry.versions()][:2]
    for version in registry.versions():
        assert version.pruned is not (version.number in newest or bool(version.aliases))
        assert (tracking.artifact_folder(registry.mlflow, version.run_id) / "servable").exists() is not version.pruned
        assert registry.facts(version)["name"] == version.recipe.name
    folders = {path.name for path in settings.models_dir.iterdir() if path.name.isdigit()}
    assert folders <= {version.number for version in registry.versions() if not version.pruned}
    with pytest.raises(DamagedModel):
        release.promote(settings, next(version.number for version in registry.versions() if version.pruned))


def test_two_trainings_at_once_are_refused(fresh):
    settings = fresh()
    with training_lock(settings.run_dir), pytest.raises(AlreadyTraining):
        train_and_register(["recent"], settings)


def test_too_few_sessions_are_said_to_be_too_few(fresh):
    settings = fresh(min_sessions=10_000)
    with pytest.raises(TooLittleData, match="MIN_SESSIONS is 10000"):
        train_and_register(["recent"], settings)
    assert "the first training needs 10000" in check(settings).why


def test_training_is_due_at_first_then_only_when_the_stream_moved_on(fresh, first_training):
    settings = fresh()
    assert check(settings).due
    done = first_training.settings
    assert not check(done).due
    assert check(done.model_copy(update={"retrain_stream_hours": 1e-9})).due is False, "no newer data, no training"


def test_a_comparison_is_kept_as_one_run_with_a_child_for_each_model(first_training, tmp_path):
    shutil.copytree(first_training.settings.mlflow_dir, tmp_path / "mlflow")
    settings = TrainingSettings(var_dir=tmp_path)
    found = comparing.Compared(compare(small_world(), [Recipe.of("popularity"), Recipe.of("svd")]), {})
    record = compare_text.record(found.comparison, {})
    parent = comparing.log(settings, found, record)
    mlflow = tracking.client(settings.mlflow_dir)
    runs = mlflow.search_runs([tracking.experiment_id(mlflow, settings.mlflow_dir)])
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent]
    assert {run.info.run_name for run in children} == {"popularity", "svd"}
    logged = {run.info.run_name: run.data.metrics["ndcg_at_20"] for run in children}
    assert logged == {model["name"]: model["ndcg@20"] for model in record["models"]}
    assert mlflow.get_run(parent).data.params["split"] == "time"
