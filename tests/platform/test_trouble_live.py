"""Trouble put into a running platform: over the real broker and real HTTP, with a kill in between."""

import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter

import pytest

from platforms import fixed_service, live_settings, running, topic_length, topic_lines
from stream.platform import answer_key
from waiting import until

pytestmark = pytest.mark.broker


def inject(platform, *words):
    command = [sys.executable, "-m", "stream.platform", "inject", *words]
    done = subprocess.run(command, env=platform.environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_the_topic_holds_is_what_the_key_says_though_the_platform_was_killed(broker, fresh_topic, tmp_path):
    with fixed_service(tmp_path) as service:
        settings = live_settings(tmp_path, fresh_topic, service)
        with running(settings, broker) as platform:
            until(lambda: platform.facts()["requests_ok"] > 3, 40, "a stream with requests")
            inject(platform, "corrupt-line", "--rate", "0.2", "--for", "10d")
            inject(platform, "rating-burst", "--rate", "60", "--for", "10d", "--target", "heat+1995")
            inject(platform, "new-hit", "--rate", "0.9", "--for", "10d", "--target", "the+godfather+1972")
            key = settings.home / answer_key.FILE
            until(lambda: key.exists() and key.stat().st_size > 20_000, 40, "lines in the key")
            platform.end(9)
            platform.start()
            held = topic_length(broker, fresh_topic)
            until(lambda: topic_length(broker, fresh_topic) > held + 2_500, 40, "lines after the kill")
            assert platform.end() == 0
    lines = Counter(
        line.decode(errors="replace") for part in topic_lines(broker, fresh_topic).values() for line in part
    )
    entries = list(answer_key.read(settings.home))
    corrupt = Counter(each.after for each in entries if each.scenario == "corrupt-line")
    assert sum(corrupt.values()) > 100
    assert all(lines[text] >= count for text, count in corrupt.items())
    added = {each.after for each in entries if each.scenario == "rating-burst"}
    spoiled = {each.before for each in entries if each.scenario == "corrupt-line"}
    assert len(added) > 20
    hit = [line for line in lines if line.endswith(",GET /data/m/the+godfather+1972/0.mpg")]
    assert len(hit) > 3
    assert {each.movies for each in entries if each.scenario == "new-hit"} == {("the+godfather+1972",)}
    assert all(lines[text] == 1 for text in added - spoiled)


def test_an_api_fault_is_on_while_it_is_planned_and_visitors_ask_what_no_requester_asks(broker, fresh_topic, tmp_path):
    with fixed_service(tmp_path) as service:
        settings = live_settings(tmp_path, fresh_topic, service)
        with running(settings, broker) as platform:
            until(lambda: platform.facts()["requests_ok"] > 3, 40, "a stream with requests")

            def status():
                try:
                    with urllib.request.urlopen(f"{platform.api}/user/1", timeout=5) as answer:
                        return answer.status
                except urllib.error.HTTPError as error:
                    return error.code

            assert status() == 200
            stopped = inject(platform, "api-errors", "--rate", "1", "--for", "10d").split()[0]
            until(lambda: status() == 500, 20, "the API to fail")
            inject(platform, "--stop", stopped)
            until(lambda: status() == 200, 20, "the API to recover")
            inject(platform, "scraping", "--rate", "50", "--for", "10d")
            before = service.asked
            until(lambda: service.asked > before + 60, 20, "a scraper")
            assert "scraping" in inject(platform, "--list")
