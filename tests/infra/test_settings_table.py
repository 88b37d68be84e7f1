"""Every setting stands in `.env.example` and in the documentation, as the classes say."""

import importlib

import pytest

from infra import settings_table
from infra.setup import CHECKOUT
from stream.settings import HouseSettings, read_settings


def settings_classes():
    modules = [
        ".".join(file.relative_to(CHECKOUT).with_suffix("").parts)
        for file in CHECKOUT.glob("[a-z]*/**/settings.py")
        if ".venv" not in file.parts
    ]
    kinds = [kind for module in modules for kind in vars(importlib.import_module(module)).values()]
    return {kind for kind in kinds if isinstance(kind, type) and issubclass(kind, HouseSettings)}


def test_no_settings_class_is_left_out():
    assert settings_classes() == set(settings_table.CLASSES)


def test_every_setting_is_explained():
    for kind in settings_table.CLASSES:
        for name, field in kind.model_fields.items():
            assert field.description, name
            assert f"\n#{name.upper()}=" in settings_table.example()
            assert f"| `{name.upper()}` |" in settings_table.table()


def test_the_example_is_current():
    assert (CHECKOUT / ".env.example").read_text() == settings_table.example(), "run python -m infra.settings_table"


def test_the_documented_table_is_current():
    assert (CHECKOUT / "docs/settings.md").read_text() == settings_table.table(), "run python -m infra.settings_table"


def test_the_defaults_of_the_example_are_what_the_classes_take(tmp_path, monkeypatch):
    lines = [
        line[1:] for line in settings_table.example().splitlines() if line.startswith("#") and "=" in line.split(" ")[0]
    ]
    (tmp_path / ".env").write_text("\n".join(lines))
    plain = {kind: read_settings(kind) for kind in settings_table.CLASSES}
    monkeypatch.chdir(tmp_path)
    for kind, expected in plain.items():
        assert read_settings(kind) == expected


def test_a_setting_that_two_classes_share_is_explained_once():
    assert settings_table.example().count("\n#SERVE_PORT=") == 1


def test_a_wrong_value_is_named(monkeypatch):
    monkeypatch.setenv("KAFKA_HEAP_MB", "12")
    with pytest.raises(SystemExit, match=r"KAFKA_HEAP_MB.*128.*got '12'"):
        read_settings(settings_table.InfraSettings)
