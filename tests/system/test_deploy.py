"""`make deploy` as a student meets it."""

import re

import pytest

from waiting import until

pytestmark = pytest.mark.system


def test_deploy_says_what_runs_what_happens_and_what_to_do_next(deployed):
    said = deployed.deploy_output
    for name in ("kafka", "platform", "consumer", "shipper", "catalog", "schedule", "refresh", "service", "evaluation"):
        assert re.search(rf"^\s*{name}\s", said, re.MULTILINE), f"{name} is missing from the table"
    for fact in ("lines stored", "model live", "answered with 200", "p99", "personalised", "hit rate"):
        assert fact in said.lower(), f"{fact!r} is not said"


def test_an_answer_is_one_line_of_known_unique_movies(deployed):
    status, body = deployed.get("/recommend/42")
    movies = body.split(",")
    assert (status, len(movies)) == (200, 20)
    assert len(set(movies)) == 20
    assert all(deployed.get(f"/movie/{movie}", "API_PORT")[0] == 200 for movie in movies)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/recommend/42/", 200), ("/recommend/0", 200), ("/recommend/-5", 200), ("/recommend/999999999999999999", 200),
     ("/recommend/1e3", 400), ("/recommend/%D9%A1", 400), ("/recommend/1234567890123456789", 400),
     ("/recommend/", 400)],
)  # fmt: skip
def test_ids_are_answered_and_other_words_refused_in_one_line(deployed, path, expected):
    status, body = deployed.get(path)
    assert status == expected
    assert len(body.strip().splitlines()) == 1


def test_status_agrees_and_a_second_deploy_leaves_everything_alone(deployed):
    names = ("kafka", "platform", "consumer", "shipper", "catalog", "schedule", "refresh", "service", "evaluation")
    before = {name: deployed.pid(name) for name in names}
    deployed.must("make", "status")
    deployed.must("make", "deploy")
    assert {name: deployed.pid(name) for name in names} == before
    assert all(before.values())


def test_the_model_is_in_the_registry_with_its_metrics(deployed):
    listed = deployed.python("-m", "training", "models")
    assert "recent" in listed
    assert "default" in listed
    assert "champion" in listed


def test_online_evaluation_speaks_of_the_requests_that_the_platform_made(deployed):
    seen = deployed.report("-m", "evaluation", "online")
    assert seen["requests"] > 0
    assert seen["ok"] <= seen["requests"]
    assert {"p50", "p95", "p99"} <= set(seen["latency_ms"])
    assert "hit_rate" in {metric["name"] for metric in seen["metrics"]}


def test_every_answer_that_was_given_reaches_the_store_once(deployed):
    def counted() -> tuple[int, int]:
        sql = "select count(*) n, count(distinct (worker, worker_start_ns, seq)) once from answers"
        lines = deployed.python("-m", "stream", "sql", sql).split()
        numbers = [int(word) for word in lines if word.isdigit()]
        return numbers[0], numbers[1]

    asked = 25
    before = counted()[0]
    for user in range(asked):
        assert deployed.get(f"/recommend/{user}")[0] == 200
    until(lambda: counted()[0] >= before + asked, 30, "answers in the store")
    total, once = counted()
    assert total == once
