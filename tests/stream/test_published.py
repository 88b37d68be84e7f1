"""What training publishes is what serving reads, and nothing damaged ever goes live."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.published import (
    DamagedModel,
    Manifest,
    Slot,
    Tables,
    Tier,
    attach_overlay,
    load_model,
    load_servable,
    move_pointer,
    read_pointer,
    read_releases,
    write_model,
    write_overlay,
    write_releases,
)

TABLES = Tables(
    movies=np.array(["heat+1995", "jazz+2001", "up+2009"]),
    users=np.array([-7, 3, 417]),
    lists=np.array([[2, 0], [1, -1], [-1, -1]]),
    tiers=np.array([Tier.PERSONAL, Tier.PERSONAL, Tier.POPULAR]),
    popular=np.array([1, 2]),
)


def publish(models_dir: Path, version: str = "3") -> Path:
    manifest = Manifest(model_version=version, name="recent", metrics={"ndcg@20": 0.2, "rmse": None})
    return write_model(models_dir, TABLES, manifest, {"scores": np.array([0.5, 2.0])})


def test_a_published_list_reads_back_with_its_tier(tmp_path):
    model = load_model(publish(tmp_path))
    assert model.list_of(-7) == (("up+2009", "heat+1995"), Tier.PERSONAL)
    assert model.list_of(3) == (("jazz+2001",), Tier.PERSONAL)
    assert model.popular == ("jazz+2001", "up+2009")
    assert (model.version, len(model), model.manifest.metrics["rmse"]) == ("3", 3, None)


@pytest.mark.parametrize("user_id", [0, 418, 10**18 - 1, -(10**18) + 1])
def test_an_unknown_user_has_no_list(tmp_path, user_id):
    assert load_model(publish(tmp_path)).list_of(user_id) is None


def test_a_user_with_nothing_left_to_offer_has_no_list(tmp_path):
    assert load_model(publish(tmp_path)).list_of(417) is None


def test_the_arrays_that_lists_come_from_are_kept_beside_them(tmp_path):
    assert load_servable(publish(tmp_path))["scores"].tolist() == [0.5, 2.0]


def test_a_model_without_users_still_answers_with_what_is_popular(tmp_path):
    nobody = Tables(TABLES.movies, np.empty(0), np.empty((0, 20)), np.empty(0), TABLES.popular)
    model = load_model(write_model(tmp_path, nobody, Manifest("1", "recent"), {}))
    assert (model.list_of(3), model.popular) == (None, ("jazz+2001", "up+2009"))


def test_a_version_is_never_overwritten_by_accident(tmp_path):
    publish(tmp_path)
    with pytest.raises(FileExistsError, match="version 3 is already published"):
        publish(tmp_path)


def test_an_overlay_replaces_rows_adds_users_and_leaves_the_base_alone(tmp_path):
    folder = publish(tmp_path)
    name = write_overlay(
        folder, 12, np.array([3, 500]), np.array([[0, 2], [2, -1]]), np.array([0, 0]), positions={"a-0": 9}
    )
    base, model = load_model(folder), load_model(folder, name)
    assert (model.list_of(3), model.list_of(500)) == ((("heat+1995", "up+2009"), 0), (("up+2009",), 0))
    assert model.list_of(-7) == base.list_of(-7)
    assert base.with_overlay(name).list_of(3) == model.list_of(3)
    assert (base.list_of(3), model.overlay, base.overlay) == ((("jazz+2001",), 0), "overlay-12", None)


def test_an_overlay_of_a_version_published_anew_comes_with_its_new_arrays(tmp_path):
    old = load_model(publish(tmp_path))
    tables = Tables(**{**vars(TABLES), "lists": np.array([[0, 1], [0, 2], [1, 2]])})
    folder = write_model(tmp_path, tables, Manifest("3", "recent"), {}, replace=True)
    name = write_overlay(folder, 1, np.array([500]), np.array([[2, -1]]), np.array([0]))
    assert old.list_of(3) == (("jazz+2001",), 0)
    assert old.with_overlay(name).list_of(3) == (("heat+1995", "up+2009"), 0)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
@pytest.mark.parametrize("name", ["movies.npy", "users.npy", "lists.npy", "tiers.npy", "popular.npy"])
def test_a_damaged_array_is_refused_by_name(tmp_path, damage, name):
    folder = publish(tmp_path)
    damage(folder / name)
    with pytest.raises(DamagedModel, match=name):
        load_model(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format_version": 2}', '{"format_version": 1}'])
def test_a_damaged_manifest_is_refused(tmp_path, text):
    folder = publish(tmp_path)
    (folder / "manifest.json").write_text(text)
    with pytest.raises(DamagedModel, match=r"manifest\.json"):
        load_model(folder)


def test_a_missing_folder_or_overlay_is_refused(tmp_path):
    with pytest.raises(DamagedModel):
        load_model(tmp_path / "9")
    with pytest.raises(DamagedModel):
        load_model(publish(tmp_path), "overlay-1")


def test_a_damaged_overlay_is_refused(tmp_path):
    folder = publish(tmp_path)
    name = write_overlay(folder, 1, np.array([3]), np.array([[0, 2]]), np.array([0]))
    flip(folder / name / "lists.npy")
    with pytest.raises(DamagedModel, match=r"lists\.npy"):
        load_model(folder, name)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"users": np.array([3, -7, 417])}, "ascending"),
        ({"lists": np.array([[2, 3], [1, -1], [0, 1]])}, "outside the 3 movies"),
        ({"lists": np.array([[2, 1], [1, -1]])}, "2 lists"),
        ({"tiers": np.array([0, 0, 9])}, "unknown tier"),
        ({"popular": np.array([], dtype=np.int32)}, "empty"),
    ],
)
def test_arrays_that_contradict_each_other_are_refused(tmp_path, wrong, reason):
    tables = Tables(**{**vars(TABLES), **wrong})
    with pytest.raises(DamagedModel, match=reason):
        load_model(write_model(tmp_path, tables, Manifest("3", "recent"), {}))


def test_keys_that_a_later_version_adds_do_not_hinder_this_one(tmp_path):
    path = publish(tmp_path) / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"card": "text"}))
    assert load_model(path.parent).version == "3"


@given(bytes_=st.binary(max_size=400), name=st.sampled_from(["manifest.json", "lists.npy", "users.npy", "movies.npy"]))
@settings(max_examples=60)
def test_whatever_bytes_lie_in_the_folder_the_only_error_is_damaged_model(tmp_path_factory, bytes_, name):
    folder = publish(tmp_path_factory.mktemp("models"))
    (folder / name).write_bytes(bytes_)
    with pytest.raises(DamagedModel):
        load_model(folder)


def test_a_model_in_use_survives_the_removal_of_its_folder(tmp_path):
    model = load_model(publish(tmp_path))
    shutil.rmtree(model.folder)
    assert model.list_of(3) == (("jazz+2001",), Tier.PERSONAL)


def test_the_pointer_reads_back_and_is_nothing_before_the_first_move(tmp_path):
    assert read_pointer(tmp_path) is None
    moved = move_pointer(tmp_path, {"default": Slot("3"), "blend": Slot("4", "overlay-1")})
    assert read_pointer(tmp_path) == moved
    assert moved.slots["blend"] == Slot("4", "overlay-1")


def test_an_overlay_of_a_version_that_is_no_longer_live_is_not_attached(tmp_path):
    move_pointer(tmp_path, {"default": Slot("4")})
    assert not attach_overlay(tmp_path, "default", "3", "overlay-9")
    assert attach_overlay(tmp_path, "default", "4", "overlay-1")
    assert read_pointer(tmp_path).slots == {"default": Slot("4", "overlay-1")}


@pytest.mark.parametrize("text", ["", "{}", '{"format_version":1,"slots":{"default":7},"moved_ns":1}'])
def test_a_damaged_pointer_is_refused(tmp_path, text):
    (tmp_path / "live.json").write_text(text)
    with pytest.raises(DamagedModel, match=r"live\.json"):
        read_pointer(tmp_path)


def test_releases_read_back(tmp_path):
    assert read_releases(tmp_path) == []
    write_releases(tmp_path, [{"version": "4", "share": 0.01}])
    assert read_releases(tmp_path) == [{"version": "4", "share": 0.01}]
