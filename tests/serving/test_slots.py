"""What the pointer names goes live if it is whole; whatever is wrong, what was live stays live and says why."""

import json
import shutil

import numpy as np
import pytest
from running_service import KNOWN_USERS, publish

from serving.slots import Slots
from stream.published import Slot, move_pointer, write_overlay

USER = KNOWN_USERS[0]


class Heard:
    def __init__(self):
        self.swaps, self.refusals = [], []

    def swapped(self, slot, version, previous):
        self.swaps.append((slot, version, previous))

    def refused(self, reason):
        self.refusals.append(reason)


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def slots(tmp_path, heard):
    return Slots(tmp_path, heard)


def version(slots):
    return slots.live.models["default"].version


def test_nothing_published_is_no_problem(slots, heard):
    slots.look()
    assert (dict(slots.live.models), slots.live.problem, slots.live.looked) == ({}, None, True)
    assert heard.refusals == []


def test_a_moved_pointer_is_followed_and_heard_of_once(tmp_path, slots, heard):
    publish(tmp_path, "1")
    slots.look()
    slots.look()
    publish(tmp_path, "2")
    slots.look()
    assert version(slots) == "2"
    assert heard.swaps == [("default", "1", None), ("default", "2", "1")]


@pytest.mark.parametrize("name", ["lists.npy", "users.npy", "tiers.npy", "movies.npy", "popular.npy", "manifest.json"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_a_damaged_folder_does_not_go_live(tmp_path, slots, heard, name, damage):
    publish(tmp_path, "1")
    slots.look()
    file = publish(tmp_path, "2", live=False) / name
    whole = file.read_bytes()
    file.write_bytes({"cut": whole[:-9], "flipped": whole[:-9] + b"\xff" + whole[-8:], "gone": b""}[damage])
    if damage == "gone":
        file.unlink()
    move_pointer(tmp_path, {"default": Slot("2")})
    slots.look()
    assert version(slots) == "1"
    assert len(heard.refusals) == 1
    assert slots.live.problem == heard.refusals[0]


def test_a_mended_folder_goes_live_though_the_pointer_did_not_move(tmp_path, slots, heard, monkeypatch):
    monkeypatch.setattr("serving.slots.RETRY_SECONDS", 0.0)  # a constant, to be spared the wait
    folder = publish(tmp_path, "1")
    shutil.move(folder, tmp_path / "aside")
    slots.look()
    assert slots.live.problem
    shutil.move(tmp_path / "aside", folder)
    slots.look()
    assert (version(slots), slots.live.problem, len(heard.refusals)) == ("1", None, 1)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format_version": 1}', '{"format_version": 9, "slots": {}}'])
def test_a_pointer_that_is_none_changes_nothing(tmp_path, slots, heard, text):
    publish(tmp_path, "1")
    slots.look()
    (tmp_path / "live.json").write_text(text)
    slots.look()
    assert (version(slots), len(heard.refusals)) == ("1", 1)


@pytest.mark.parametrize("name", ["../outside", "/etc", "..", ".", "", "1/overlay-1", "nothing"])
def test_a_pointer_to_anything_but_a_version_changes_nothing(tmp_path, slots, name):
    publish(tmp_path, "1")
    slots.look()
    pointer = {"format_version": 1, "slots": {"default": {"version": name, "overlay": None}}, "moved_ns": 1}
    (tmp_path / "live.json").write_text(json.dumps(pointer))
    slots.look()
    assert version(slots) == "1"
    assert slots.live.problem


def test_a_vanished_pointer_keeps_what_was_live(tmp_path, slots):
    publish(tmp_path, "1")
    slots.look()
    (tmp_path / "live.json").unlink()
    slots.look()
    assert (version(slots), slots.live.problem) == ("1", "live.json is gone")


def test_one_damaged_slot_does_not_hold_up_the_others(tmp_path, slots):
    publish(tmp_path, "1")
    publish(tmp_path, "2", live=False)
    move_pointer(tmp_path, {"default": Slot("2"), "new": Slot("9")})
    slots.look()
    assert version(slots) == "2"
    assert "9" in slots.live.problem


def test_an_overlay_replaces_its_users_lists_and_shares_the_base(tmp_path, slots):
    folder = publish(tmp_path, "1")
    slots.look()
    before = slots.live.models["default"]
    lists = np.arange(20).reshape(1, 20)
    name = write_overlay(folder, 1, np.array([USER]), lists, np.array([1]))
    move_pointer(tmp_path, {"default": Slot("1", name)})
    slots.look()
    after = slots.live.models["default"]
    assert after.list_of(USER) == (after.movies[:20], 1)
    assert after.list_of(USER + 1) == before.list_of(USER + 1)
    assert after.movies is before.movies


def test_a_damaged_overlay_leaves_the_one_before(tmp_path, slots):
    publish(tmp_path, "1")
    slots.look()
    before = slots.live.models["default"].list_of(USER)
    move_pointer(tmp_path, {"default": Slot("1", "overlay-7")})
    slots.look()
    assert slots.live.models["default"].list_of(USER) == before
    assert slots.live.problem


def test_a_worker_that_starts_beside_a_damaged_overlay_answers_from_the_base(tmp_path, slots):
    publish(tmp_path, "1")
    move_pointer(tmp_path, {"default": Slot("1", "overlay-7")})
    slots.look()
    assert version(slots) == "1"
    assert slots.live.problem


def test_a_worker_that_starts_beside_a_damaged_version_answers_from_the_newest_whole_one(tmp_path, slots):
    publish(tmp_path, "1")
    publish(tmp_path, "2")
    (publish(tmp_path, "3") / "lists.npy").write_bytes(b"")
    slots.look()
    assert version(slots) == "2"
    assert "3" in slots.live.problem


@pytest.mark.parametrize("pointer", [None, b"", b'{"format_version": 1, "slots": {"default": 7}}'])
def test_a_worker_that_starts_without_a_readable_pointer_takes_the_newest_sound_version(tmp_path, slots, pointer):
    publish(tmp_path, "1")
    (publish(tmp_path, "2") / "lists.npy").write_bytes(b"cut")
    (tmp_path / "live.json").unlink()
    if pointer is not None:
        (tmp_path / "live.json").write_bytes(pointer)
    slots.look()
    assert slots.live.models["default"].version == "1"
    assert "live.json" in slots.live.problem
