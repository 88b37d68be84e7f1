"""Arms are stable, exclusive within a layer, independent across layers, nested in releases; wrong files are named."""

import statistics
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.experiments import Arm, Experiment, WrongExperiment, arm_of, assign, in_release, load_all, position

HALVES = (Arm("control", 0.5), Arm("new", 0.5, "new"))
USERS = range(4_000)
users = st.integers(-(2**63), 2**63 - 1)


def experiment(name: str, layer: str = "model", **facts) -> Experiment:
    return Experiment(**({"name": name, "layer": layer, "population": "all", "arms": HALVES, "salt": name} | facts))


def arms(experiments, user_id, newcomer=False, now_ns=0):
    chosen = assign(experiments, user_id, newcomer=newcomer, now_ns=now_ns)
    return {name: arm.name for name, arm in chosen.items()}


def test_a_users_place_is_the_same_in_every_process_for_ever():
    assert position("blend", 42) == 0.675426395300434


@given(users, st.text(max_size=10), st.floats(0, 1), st.floats(0, 1))
def test_whoever_is_in_a_step_of_a_release_is_in_every_larger_one(user_id, salt, one, other):
    small, large = sorted((one, other))
    assert in_release(user_id, large, salt) or not in_release(user_id, small, salt)


@given(users, st.text(max_size=10))
def test_a_release_to_nobody_reaches_nobody_and_one_to_all_reaches_all(user_id, salt):
    assert not in_release(user_id, 0.0, salt)
    assert in_release(user_id, 1.0, salt)


def test_arms_get_their_shares_and_the_rest_is_in_none():
    trial = experiment("e", arms=(Arm("a", 0.2), Arm("b", 0.3)))
    got = [arm.name if (arm := arm_of(trial, user)) else None for user in USERS]
    # 5 standard deviations of a share of 4,000 users are at most 5 * sqrt(0.25 / 4000) = 0.04
    assert got.count("a") / len(USERS) == pytest.approx(0.2, abs=0.04)
    assert got.count("b") / len(USERS) == pytest.approx(0.3, abs=0.04)
    assert got.count(None) / len(USERS) == pytest.approx(0.5, abs=0.04)


@given(users)
def test_a_user_is_in_at_most_one_experiment_of_a_layer(user_id):
    both = [experiment("a", arms=(Arm("x", 0.5),)), experiment("b", arms=(Arm("y", 0.5),))]
    assert len(arms(both, user_id)) <= 1


def test_a_later_experiment_takes_no_user_out_of_an_arm():
    first, second = experiment("z", arms=HALVES[:1], start_ns=1), experiment("a", start_ns=2)
    for user in USERS:
        alone = arms([first], user, now_ns=5)
        assert {name: arm for name, arm in arms([first, second], user, now_ns=5).items() if name == "z"} == alone


def test_layers_are_independent_of_each_other():
    pair = [experiment("m", "model"), experiment("l", "list")]
    both = [arms(pair, user) for user in USERS]
    same = statistics.mean(got["m"] == got["l"] for got in both)
    assert same == pytest.approx(0.5, abs=0.04)


def test_an_experiment_assigns_only_between_start_and_stop():
    trial = experiment("e", start_ns=10, stop_ns=20)
    assert [bool(arms([trial], 1, now_ns=now)) for now in (9, 10, 19, 20)] == [False, True, True, False]


def test_newcomers_alone_are_asked_where_the_experiment_says_so():
    trial = experiment("e", population="newcomers")
    assert not arms([trial], 1, newcomer=False)
    assert arms([trial], 1, newcomer=True)


GOOD = """
    name = "blend"
    layer = "model"
    population = "newcomers"
    salt = "s"
    start = 2026-10-01T00:00:00Z
    stop = 2026-10-01T04:00:00.5+02:00
    [[arms]]
    name = "control"
    share = 0.5
    [[arms]]
    name = "new"
    share = 0.5
    slot = "new"
"""


def write(folder, text, name="a.toml"):
    (folder / name).write_text(textwrap.dedent(text))


def test_a_file_is_read_as_it_says(tmp_path):
    write(tmp_path, GOOD)
    at = 1_790_812_800_000_000_000  # 20,727 days after 1970-01-01, at midnight
    assert load_all(tmp_path) == (Experiment("blend", "model", "newcomers", HALVES, "s", at, at + 7_200_500_000_000),)


def test_there_is_no_experiment_without_a_folder(tmp_path):
    assert load_all(tmp_path / "none") == ()


def test_the_first_begun_comes_first(tmp_path):
    for name, start in (("a", "2026-10-02"), ("b", "2026-10-01")):
        text = f'name = "{name}"\nlayer = "list"\nstart = {start}T00:00:00Z\n[[arms]]\nname = "x"\nshare = 1\n'
        write(tmp_path, text, f"{name}.toml")
    assert [e.name for e in load_all(tmp_path)] == ["b", "a"]


WRONG = [
    ("name = ", "file: expected readable TOML"),
    (GOOD.replace("04:00:00.5", "02:00:00"), "stop: expected an instant after start"),
    (GOOD.replace('"model"', '"rank"'), "layer: expected one of model, list"),
    (GOOD.replace('"newcomers"', '"some"'), "population: expected one of all, newcomers"),
    (GOOD.replace('"blend"', '"Blend!"'), "name: expected 1 to 64 of"),
    (GOOD.replace("share = 0.5", "share = 0.6"), "arms: expected shares that add up to at most 1"),
    (GOOD.replace("share = 0.5", "share = 0"), r"arms\[0\].share: expected a number in"),
    (GOOD.replace('"new"\n    share', '"control"\n    share'), "arms: expected each name once"),
    (GOOD.replace("layer", "leyer"), "file: expected the keys .*; got"),
    (GOOD.replace("T00:00:00Z", "T00:00:00"), "start: expected an instant with a zone"),
    ('name = "x"\nlayer = "list"\n', "arms: expected at least one"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_wrong_file_is_named_with_its_field(tmp_path, text, message):
    write(tmp_path, text)
    with pytest.raises(WrongExperiment, match=f"^a.toml: {message}"):
        load_all(tmp_path)


def test_a_name_may_be_used_once(tmp_path):
    write(tmp_path, GOOD)
    write(tmp_path, GOOD, "b.toml")
    with pytest.raises(WrongExperiment, match=r"^b.toml: name: expected a name that a.toml has not"):
        load_all(tmp_path)
