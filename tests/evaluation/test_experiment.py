"""An experiment from store to verdict: small logs whose arms are known."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from evaluation.__main__ import cli
from evaluation.commands_experiment import READY_DIR
from evaluation.experiment import analyse
from evaluation.experiment_data import exposures
from evaluation.experiment_metrics import METRICS, Cases, added_up
from evaluation.experiment_page import report_page
from evaluation.experiment_plan import plan
from small_logs import HOUR_NS, MINUTE_NS, SmallLog, answer, store_answers
from stream.experiments import Analysis, Arm, Experiment, WrongExperiment, arm_of, load, load_all
from stream.terms import TERMS

TERM = TERMS["F2026"]
HALVES = (Arm("control", 0.5), Arm("blend", 0.5))
RAILS = Analysis(primary="plays", minimum_effect=0.2, guardrails=(("mean_rating", 0.1), ("answered", 0.01)))
TRIAL = Experiment("blend", "model", "all", HALVES, "s", start_ns=0, stop_ns=10, analysis=RAILS)
WINDOW_NS = 40 * HOUR_NS


def run_a_log(
    folder: Path, users: int, likes: dict[str, float], stars: dict[str, int], keep=lambda user, arm: True
) -> Path:
    """Each user asks on the first day and begins films for two; likes: films begun on average by arm; stars: scores."""
    rng, log, answers = np.random.default_rng(7), SmallLog(), []
    begin = log.at("2026-10-20T00:00")
    for user in range(1, users + 1):
        arm = arm_of(TRIAL, user).name
        for number in range(user % 3):
            log.played(begin - HOUR_NS + user + number, user, f"before{number}")
        if not keep(user, arm):
            continue
        asked = begin + user * 1_000_000
        log.asked(asked, user, ["a", "b"])
        answers.append(replace(answer(user, user, ["a", "b"]), arms={"blend": arm}))
        for number in range(rng.poisson(likes[arm])):
            at = asked + (number + 1) * 3 * HOUR_NS
            log.played(at, user, "ab"[number] if number < 2 else f"m{number}")
            log.rated(at + MINUTE_NS, user, f"m{number}", stars[arm] + (user + number) % 3 - 1)
    store = log.store(folder)
    store_answers(store, answers)
    return store


def judged(store: Path, trial: Experiment = TRIAL, now_ns: int = 11) -> dict:
    return analyse(store, trial, TERM, WINDOW_NS, {}, now_ns)


@pytest.fixture(scope="module")
def better(tmp_path_factory):
    return run_a_log(tmp_path_factory.mktemp("better"), 800, {"control": 3, "blend": 5}, {"control": 7, "blend": 7})


@pytest.fixture(scope="module")
def report(better):
    return judged(better)


def test_an_arm_that_makes_people_watch_more_is_better(report):
    assert report["verdict"] == "better"
    assert sum(arm["users"] for arm in report["arms"]) == 800
    plays = report["metrics"][0]
    assert (plays["name"], plays["arm"]) == ("plays", "blend")
    assert plays["low"] < 2 < plays["high"]
    assert plays["anytime_low"] < plays["low"] < plays["high"] < plays["anytime_high"]
    assert "Guardrail mean rating holds" in report["sentence"]
    assert "Guardrail share of requests answered holds" in report["sentence"]  # nobody differs
    assert "at the planned stop" in report["sentence"]
    json.dumps(report, allow_nan=False)


def test_before_the_stop_the_always_valid_interval_decides(better):
    report = judged(better, now_ns=9)
    assert report["interval"] == "anytime"
    assert "valid at any look" in report["sentence"]
    assert report["days"][-1]["anytime_low"] == report["metrics"][0]["anytime_low"]


def test_a_broken_guardrail_speaks_against_a_better_arm(tmp_path):
    report = judged(run_a_log(tmp_path, 600, {"control": 3, "blend": 5}, {"control": 8, "blend": 6}))
    assert report["verdict"] == "harmful"
    assert report["arm_verdicts"][0]["guardrails"][0]["verdict"] == "broken"


def test_equal_arms_are_not_better(tmp_path):
    report = judged(run_a_log(tmp_path, 600, {"control": 4, "blend": 4}, {"control": 7, "blend": 7}))
    assert report["verdict"] in ("no_difference", "undecided")


def test_lost_users_of_one_arm_block_the_verdict(tmp_path):
    lost = lambda user, arm: arm == "control" or user % 3  # noqa: E731
    report = judged(run_a_log(tmp_path, 800, {"control": 3, "blend": 5}, {"control": 7, "blend": 7}, lost))
    assert report["verdict"] == "blocked"
    assert "planned shares" in report["sentence"]


def test_arms_that_the_salt_does_not_give_block_the_verdict(better):
    report = judged(better, replace(TRIAL, salt="another"))
    assert report["verdict"] == "blocked"
    assert report["misplaced"] > 100


def test_an_experiment_that_no_answer_names_is_blocked_with_the_reason(better):
    report = judged(better, replace(TRIAL, name="other"))
    assert report["verdict"] == "blocked"
    assert "no answer" in report["sentence"]


def test_a_user_in_two_arms_is_left_out_and_counted():
    found = {
        "user_id": np.array([1, 2, 1]), "at_ns": np.array([5, 6, 7]), "tier": np.array(["personal"] * 3, object),
        "arm": np.array(['{"blend":"control"}', '{"blend":"blend"}', '{"blend":"blend"}'], object),
    }  # fmt: skip
    exposed = exposures(found, TRIAL)
    assert exposed.user_id.tolist() == [2]
    assert exposed.in_two == 1


def test_what_happened_before_the_first_list_does_not_count(report):
    rows = {row["name"]: row for row in report["metrics"]}
    assert rows["plays"]["control"] == pytest.approx(3, abs=0.35)  # the film begun an hour before is not among them


def test_slices_have_their_own_effects_and_say_whether_they_differ(report):
    (found,) = report["slices"]  # all lists are of one tier, so that is no slice
    assert [(part["value"], found["by"]) for part in found["parts"]] == [
        (value, "films begun in the week before") for value in ("none", "few", "many")
    ]
    assert sum(part["users"] for part in found["parts"]) == 800
    assert all(part["effect"] == pytest.approx(2, abs=0.7) for part in found["parts"])
    assert 0.05 < found["adjusted_p"] <= 1  # planted the same in all


def test_a_metric_that_is_not_known_is_named(better):
    with pytest.raises(ValueError, match="metric of plays"):
        judged(better, replace(TRIAL, analysis=Analysis(primary="joy")))


def test_the_page_says_the_verdict_and_draws_it_without_the_network(report):
    page = report_page(report)
    assert "better" in page
    assert page.count("<svg") == 2
    assert "polyline" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "NaN" not in page
    assert "nan" not in page


def test_the_plan_promises_what_the_log_can_give(better):
    found = plan(better, TRIAL, TERM, WINDOW_NS, {}, 2)
    last = found["rows"][-1]
    assert last["users"] == 800
    assert last["detectable"] < found["minimum_effect"]
    assert last["power"] > 0.8
    assert 0 < found["users_needed"] < 800
    assert not found["extrapolated"]


def test_ready_made_definitions_load_and_ask_for_metrics_that_exist():
    ready = load_all(READY_DIR)
    assert {each.name for each in ready} == {
        "a-a", "model-against-model", "self-descriptions", "cheaper-movies", "exploration",
    }  # fmt: skip
    assert all({each.analysis.primary, *dict(each.analysis.guardrails)} <= METRICS.keys() for each in ready)
    assert {each.name for each in ready if each.population == "newcomers"} == {"self-descriptions"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[analysis]\nwish = 1', "analysis: expected the keys"),
        ('[analysis]\npower = 1.0', "analysis.power: expected a number in"),
        ('[analysis.guardrails]\nplays = "few"', "analysis.guardrails.plays"),
    ],
)  # fmt: skip
def test_a_wrong_analysis_is_named(tmp_path, text, said):
    path = tmp_path / "e.toml"
    path.write_text('name = "e"\nlayer = "model"\n[[arms]]\nname = "a"\nshare = 1.0\n' + text)
    with pytest.raises(WrongExperiment, match=said):
        load(path)


def test_a_definition_of_before_analysis_was_asked_for_still_loads(tmp_path):
    path = tmp_path / "e.toml"
    path.write_text('name = "e"\nlayer = "model"\n[[arms]]\nname = "a"\nshare = 1.0\n')
    assert load(path).analysis == Analysis()


def test_the_command_adds_a_definition_judges_it_and_refuses_to_overwrite(tmp_path, better):
    folder, run = tmp_path / "e", CliRunner()
    assert run.invoke(cli, ["experiment", "add", "a-a", "--definitions", str(folder)]).exit_code == 0
    assert run.invoke(cli, ["experiment", "add", "a-a", "--definitions", str(folder)]).exit_code == 1
    done = run.invoke(cli, ["experiment", "a-a", "--definitions", str(folder), "--store", str(better), "--json"])
    assert done.exit_code == 1  # nobody was in it
    assert json.loads(done.stdout)["verdict"] == "blocked"
    assert run.invoke(cli, ["experiment", "nothing", "--definitions", str(folder)]).exit_code == 2


def test_cases_add_up_from_each_users_own_first_list_on():
    cases = Cases(np.array([1, 1, 2, 9, 2]), np.array([4, 6, 7, 7, 15]), np.array([3.0, 4.0, 5.0, 9.0, 2.0]))
    users, since = np.array([1, 2]), np.array([5, 7])  # user 9 takes no part
    totals, counts = added_up(METRICS["mean_rating"], cases, users, since, [10, 20])
    assert totals.tolist() == [[4, 4], [5, 7]]
    assert counts.tolist() == [[1, 1], [1, 2]]
    _, ones = added_up(METRICS["plays"], cases, users, since, [10, 20])
    assert ones.tolist() == [[1, 1], [1, 1]]


def test_what_people_do_long_after_the_last_list_is_not_counted(better):
    early = analyse(better, TRIAL, TERM, 7 * HOUR_NS, {}, 11)
    assert early["to"] < "2026-10-20T08"
    assert {row["name"]: row for row in early["metrics"]}["plays"]["control"] < 2.1  # films begin three hours apart
