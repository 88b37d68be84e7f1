"""The service on bad days, over sockets: rolled, killed, orphaned, its model damaged, its disk full, under load."""

import os
import resource
import shutil
import signal
import sys
from pathlib import Path

import pytest
from running_service import Load, answering, publish, running_service, start_service, stop

import stream
from stream.answers import Answer
from waiting import until

FULL = 300_000  # bytes a file may take on a "full" disk: metrics fit, the spool soon does not


@pytest.fixture
def service(tmp_path):
    publish(tmp_path / "var/models", "1")
    with running_service(tmp_path) as running:
        yield running


def roll(service) -> None:
    old = set(service.workers())
    os.kill(service.process.pid, signal.SIGHUP)
    until(lambda: len(now := set(service.workers())) == 2 and not now & old, 30, "both workers are new")
    until(lambda: len(answering(service)) == 2, 10, "both new workers answer")


@pytest.mark.parametrize("keep_alive", [False, True], ids=["close", "keep-alive"])
def test_a_roll_under_load_fails_no_request_and_counts_them_all(service, keep_alive):
    with Load(service.port, clients=8, pause_s=0.005, keep_alive=keep_alive) as load:
        until(lambda: load.seen[200] > 100, 20, "a hundred answers")
        roll(service)
    assert load.failed == 0, load.failures[:3]
    assert load.seen[200] <= service.counted('request_count_total{http_status="200"}') == len(service.records())


@pytest.fixture
def editable(tmp_path):
    """A service that runs from its own copy of the code."""
    for package in ("serving", "stream"):
        shutil.copytree(Path(stream.__file__).parents[1] / package, tmp_path / package)
    publish(tmp_path / "var/models", "1")
    with running_service(tmp_path) as running:
        yield running


def edit(service, old: str, new: str, module: str = "app") -> None:
    app = service.directory / f"serving/{module}.py"
    assert old in app.read_text()
    app.write_text(app.read_text().replace(old, new))


def test_edited_code_answers_after_a_roll_and_no_request_failed(editable):
    edit(editable, 'status="ok"', 'status="fine"')
    with Load(editable.port, clients=4, pause_s=0.08, keep_alive=True) as load:  # 50 requests a second
        roll(editable)
    assert load.failed == 0, load.failures[:3]
    assert {editable.json("/health")["status"] for _ in range(10)} == {"fine"}


def test_a_roll_onto_code_that_does_not_load_changes_nothing(editable):
    edit(editable, "def create_app(", "def create_app(:")
    before = editable.workers()
    os.kill(editable.process.pid, signal.SIGHUP)
    until(lambda: "the code on disk does not load" in editable.log.read_text(), 20, "the refusal is logged")
    assert "SyntaxError" in editable.log.read_text()
    assert (editable.workers(), editable.ask("/recommend/1")[0]) == (before, 200)
    edit(editable, "def create_app(:", "def create_app(")
    roll(editable)


def test_a_worker_killed_again_soon_after_it_was_replaced_is_replaced_again(service):
    for _ in range(2):
        victim = max(service.workers())
        os.kill(victim, signal.SIGKILL)
        until(lambda killed=victim: len(now := service.workers()) == 2 and killed not in now, 10, "it is replaced")
        until(lambda: len(answering(service)) == 2, 10, "both answer")
    assert service.process.poll() is None


def die_once_when_ready(service) -> Path:
    """From now on, the first new worker kills itself as soon as it is ready; the file says that it did."""
    ready, died = "            self._ready_file.touch()\n", service.directory / "died"
    once = f"            if not (died := Path({str(died)!r})).exists():\n"
    kill = "                died.touch()\n                os.kill(os.getpid(), 9)\n"
    edit(service, ready, ready + once + kill, module="lifecycle")
    return died


@pytest.mark.parametrize("how", ["death", "roll"])
def test_a_worker_killed_the_moment_it_is_ready_is_no_crash_loop(editable, how):
    died, old = die_once_when_ready(editable), set(editable.workers())
    if how == "roll":
        os.kill(editable.process.pid, signal.SIGHUP)
    else:
        os.kill(max(old), signal.SIGKILL)
    until(died.exists, 20, "a new worker came and died")
    until(lambda: len(answering(editable)) == 2, 20, "two workers answer again")
    until(
        lambda: len(now := set(editable.workers())) == 2 and (how == "death" or not now & old), 20, "all are replaced"
    )
    assert editable.process.poll() is None


def test_a_killed_worker_costs_at_most_the_requests_it_held_and_is_replaced(service):
    clients = 4
    with Load(service.port, clients=clients, pause_s=0.005) as load:
        until(lambda: load.seen[200] > 100, 20, "a hundred answers")
        old = set(service.workers())
        os.kill(min(old), signal.SIGKILL)
        until(lambda: len(answering(service)) == 2 and set(service.workers()) != old, 20, "two workers again")
    assert load.failed <= clients
    keys = [Answer.parse(line).key for line in service.records()]
    assert len(keys) == len(set(keys)) >= load.seen[200]


def test_a_killed_server_leaves_no_orphans_and_a_new_one_can_start_at_once(service):
    orphans, port = service.workers(), service.port
    service.process.kill()
    service.process.wait()
    fresh = start_service(service.directory, port)
    try:
        until(lambda: not any(map(running, orphans)), 6, "the orphans left")
        until(lambda: len(answering(fresh)) == 2, 10, "the new server's workers answer")
    finally:
        stop(fresh)


def running(pid: int) -> bool:
    """Whether a process lives; one that only waits to be reaped does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_swap_under_load_fails_no_request_and_reaches_every_worker(service):
    with Load(service.port, clients=8, pause_s=0.002, keep_alive=True) as load:
        for version in ("2", "3", "4"):
            publish(service.models_dir, version)
            until(lambda wanted=version: service.versions() == {wanted}, 10, f"version {version} answers")
    assert load.failed == 0
    assert service.counted('matinee_model_live{slot="default",version="4"}') == 1
    assert service.counted('matinee_model_live{slot="default",version="1"}') == 0


def test_a_damaged_folder_leaves_the_old_model_live_and_says_why(service):
    (publish(service.models_dir, "2", live=False) / "lists.npy").write_bytes(b"\0" * 1_000)
    with Load(service.port, clients=4, pause_s=0.01) as load:
        publish_pointer(service, "2")
        until(lambda: "2" in (service.json("/ready")["problem"] or ""), 10, "the problem is told")
        until(lambda: service.counted("matinee_model_swap_failures_total") == 2, 10, "both workers refused")
    assert (load.failed, service.versions()) == (0, {"1"})
    assert "lists.npy" in service.log.read_text()


def publish_pointer(service, version: str) -> None:
    from stream.published import Slot, move_pointer

    move_pointer(service.models_dir, {"default": Slot(version)})


def test_files_cut_short_under_a_live_model_disturb_nobody(service):
    with Load(service.port, clients=4, pause_s=0.005) as load:
        for file in (service.models_dir / "1").glob("*.npy"):
            os.truncate(file, 0)
        until(lambda: load.seen[200] > 300, 20, "three hundred more answers")
    assert load.failed == 0


def test_without_any_model_the_shipped_list_answers(tmp_path):
    with running_service(tmp_path, serve_workers=1) as service:
        status, headers, body = service.ask("/recommend/42")
    assert (status, headers["x-tier"], headers["x-model"], body.count(b",")) == (200, "static", "none", 19)


def test_a_full_disk_costs_records_and_no_answer(tmp_path):
    publish(tmp_path / "var/models", "1")
    limited = f"import os, resource, sys; resource.setrlimit({resource.RLIMIT_FSIZE}, ({FULL}, {FULL}))"
    wrap = (sys.executable, "-c", f"{limited}; os.execv(sys.argv[1], sys.argv[1:])")
    with running_service(tmp_path, wrap, serve_workers=1) as service:
        with Load(service.port, clients=8, pause_s=0.0, keep_alive=True) as load:
            lost = 'matinee_answer_records_lost_total{reason="disk"}'
            until(lambda: service.counted(lost) > 20, 30, "records are lost")
        answered, kept = service.counted('request_count_total{http_status="200"}'), service.records()
        assert load.failed == 0
        assert len(kept) + service.counted(lost) == answered
        assert all(Answer.parse(line) for line in kept)


def test_a_spool_that_nobody_ships_stays_within_its_bound(tmp_path):
    publish(tmp_path / "var/models", "1")
    with running_service(tmp_path, serve_workers=1, spool_max_mb=1) as service:
        with Load(service.port, clients=8, pause_s=0.0, keep_alive=True) as load:
            lost = 'matinee_answer_records_lost_total{reason="bound"}'
            until(lambda: service.counted(lost) > 20, 60, "the bound is reached")
        assert load.failed == 0
        assert sum(file.stat().st_size for file in service.spool_dir.iterdir()) <= 1_000_000


def test_a_wrong_experiment_is_told_and_a_mended_one_runs(service):
    folder = service.directory / "var/experiments"
    folder.mkdir()
    (folder / "hello.toml").write_text('name = "hello"\nlayer = "lust"\n')
    until(lambda: "layer: expected one of model, list" in service.log.read_text(), 10, "the wrong field is named")
    (folder / "hello.toml").write_text('name = "hello"\nlayer = "list"\n[[arms]]\nname = "x"\nshare = 1\n')
    until(lambda: arms_of_the_next_answer(service) == {"hello": "x"}, 10, "answers carry the arm")


def arms_of_the_next_answer(service) -> dict[str, str]:
    request_id = service.ask("/recommend/1")[1]["x-request-id"]
    return next(answer.arms for answer in map(Answer.parse, service.records()) if answer.request_id == request_id)
