"""The platform's past, really generated and really stored."""

import pytest

from infra.facts import lines_stored
from infra.history import History, HistoryFailed, store_history
from infra.settings import environment_without


@pytest.fixture
def history(tmp_path):
    home = tmp_path / "platform"
    return History("test", 2026, "F2026", home / "history", tmp_path / "store", tmp_path / "log")


def environment(tmp_path, **more):
    return environment_without(frozenset()) | {"VAR_DIR": str(tmp_path), "WORLD": "test"} | more


def test_history_is_stored_once_and_its_files_are_gone(history, tmp_path):
    assert not history.stored()
    store_history(history, environment(tmp_path))
    assert history.stored()
    stored = lines_stored(history.store)
    assert stored > 10_000
    assert list(history.made.glob("*.log*")) == []
    assert oct(history.made.parent.stat().st_mode)[-3:] == "700"
    history.marker.unlink()  # as if it had been interrupted at the very end
    store_history(history, environment(tmp_path))
    assert lines_stored(history.store) == stored


def test_another_world_in_the_same_store_is_refused(history, tmp_path):
    history.store.mkdir()
    history.marker.write_text('{"world": "demo", "seed": 2026, "term": "F2026"}')
    with pytest.raises(HistoryFailed, match=r"'demo'.*'test'.*VAR_DIR"):
        history.stored()


def test_a_generator_that_fails_is_named_with_its_last_words_and_log(history, tmp_path):
    with pytest.raises(HistoryFailed, match=r"(making|storing) history failed: .*TEAM.*; see .*history-.*\.log"):
        store_history(history, environment(tmp_path, TEAM="none"))
    assert not history.marker.exists()
