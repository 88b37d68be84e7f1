"""Stored events of the small world, and a house in which one training was done."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from trainings import Trainings, append, world_events

from training.run import train_and_register
from training.settings import TrainingSettings


@pytest.fixture(scope="session")
def first_store(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("events") / "store"
    append(folder, world_events())
    return folder


@pytest.fixture(scope="session")
def first_training(tmp_path_factory, first_store) -> Trainings:
    """`train --model svd,recent,popularity` on an empty registry; to be read, not changed."""
    var = tmp_path_factory.mktemp("first") / "var"
    shutil.copytree(first_store, var / "store")
    settings = TrainingSettings(var_dir=var, keep_versions=2)
    return Trainings(settings, train_and_register(["svd", "recent", "popularity"], settings))


@pytest.fixture
def fresh(tmp_path, first_store) -> Callable[..., TrainingSettings]:
    """Settings of a house with stored events and no model yet."""

    def make(**settings: object) -> TrainingSettings:
        shutil.copytree(first_store, tmp_path / "var" / "store")
        return TrainingSettings(var_dir=tmp_path / "var", **settings)  # type: ignore[arg-type]

    return make
