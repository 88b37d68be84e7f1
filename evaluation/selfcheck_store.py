"""Looks at the team's own store and published models, for the self-check."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.criterion import FAIL, PASS, UNKNOWN
from evaluation.graded_log import Span
from evaluation.selfcheck import Found, House
from stream.evidence import read_beats
from stream.published import DEFAULT_SLOT, DamagedModel, Manifest, read_pointer
from stream.store.info import info
from stream.store.query import query

AROUND_NS = 300_000_000_000  # of a new version's first answer: the switch
DESCRIBED_SHARE = 0.5  # a description of less than this share of today's events is out of date
NEWCOMERS_SQL = """
WITH new AS (SELECT DISTINCT user_id FROM accounts)
SELECT count(*) AS answers, count(*) FILTER (tier = 'description') AS described,
       count(DISTINCT array_to_string(movies, ',')) FILTER (tier = 'description') AS lists
FROM answers JOIN new USING (user_id)
"""


def described(house: House) -> Found:
    """M1-1: the collected data are described, with counts that are the store's own."""
    facts = info(house.store_dir)
    missing = [kind for kind in ("watch", "rate") if not facts["kinds"].get(kind)]
    missing += [f"{name} of the API" for name in ("movies", "users") if not _lines(house, name)]
    if missing:
        return Found(FAIL, f"nothing is stored of: {', '.join(missing)}")
    record = next(reversed(house.records("describe")), None)
    if record is None or not house.fresh(record):
        return Found(UNKNOWN, f"{facts['events']} events are stored; no fresh description of them")
    events = record.get("events")
    if not isinstance(events, int) or events > facts["events"]:
        return Found(FAIL, f"the description counts {events} events, the store {facts['events']}")
    if events < DESCRIBED_SHARE * facts["events"]:
        return Found(UNKNOWN, f"the description counts {events} events, the store has {facts['events']} by now: stale")
    return Found(PASS, f"{events} events, {record.get('users')} users and {record.get('movies')} movies described")


def two_families(house: House) -> Found:
    """M1-2: at least two kinds of model were trained."""
    names = {manifest.name for manifest in manifests(house.models_dir)}
    for record in house.records("compare"):
        names |= {str(model.get("name")) for model in record.get("models", []) if isinstance(model, dict)}
    said = f"models seen: {', '.join(sorted(names)) or 'none'}"
    return Found(PASS if len(names) >= 2 else UNKNOWN, said)


def newcomers(house: House) -> Found:
    """M1-5: people who have just signed up are answered by what they say of themselves, each in their own way."""
    found = {name: int(column[0]) for name, column in query(house.store_dir, NEWCOMERS_SQL).items()}
    if not found["answers"]:
        return Found(UNKNOWN, "no answer to anybody who signed up while the store was listening")
    said = f"{found['described']} of {found['answers']} answers to newcomers, {found['lists']} different lists"
    return Found(PASS if found["described"] and found["lists"] >= min(2, found["described"]) else FAIL, said)


def steps_left_artefacts(house: House) -> Found:
    """M2-2: each step of the pipeline ran and left what the next one reads."""
    facts = info(house.store_dir)
    left = {
        "ingest": bool(facts["events"]), "catalogue": bool(_lines(house, "movies")),
        "train": bool(house.records("training")), "publish": bool(manifests(house.models_dir)),
        "serve": bool(facts["answers"]), "telemetry": bool(house.records("online")),
    }  # fmt: skip
    missing = [name for name, there in left.items() if not there]
    return Found(UNKNOWN if missing else PASS, f"steps without a trace: {', '.join(missing) or 'none'}")


def deployed_without_a_gap(house: House) -> Found:
    """M2-4, M3-3: the newest version answers, and no request failed within five minutes of its first answer."""
    if house.log is None or not house.log.models_ns:
        return Found(UNKNOWN, "the store holds no answers of ours yet")
    try:
        pointer = read_pointer(house.models_dir)
    except DamagedModel as error:
        return Found(FAIL, str(error))
    firsts = {name: int(times[0]) for name, times in house.log.models_ns.items()}
    newest = max(firsts, key=lambda name: firsts[name])
    live = pointer.slots[DEFAULT_SLOT].version if pointer and DEFAULT_SLOT in pointer.slots else None
    if len(firsts) < 2:
        return Found(UNKNOWN, f"only version {newest} has answered so far: nothing was switched")
    switches = sorted(firsts.values())[1:]
    failed = sum(_failed(house, at_ns) for at_ns in switches)
    said = f"{len(switches)} switches, {failed} failed requests around them; version {newest} answers, {live} is live"
    return Found(FAIL if failed else PASS, said)


def updated(house: House) -> Found:
    """M3-2: models go live again and again, each trained on later data than the one before."""
    needed = (house.term.min_updates or 2) + (house.term.updates_before_h is not None)  # F2026's task text says three
    records = [r for r in house.records("promotion") if isinstance(r.get("stream_ns"), int)]
    later, newest_ns = 0, -1
    for record in records:
        if record["stream_ns"] > newest_ns:
            later, newest_ns = later + 1, record["stream_ns"]
    said = f"{later} promotions, each on later data than all before it; {needed} are asked for"
    return Found(PASS if later >= needed else UNKNOWN if not records else FAIL, said)


def all_alive(house: House) -> Found:
    """M3-1: every process of the system beats."""
    beats = read_beats(house.var_dir / "run")
    silent = sorted(name for name, beat in beats.items() if beat.stale(house.now_ns))
    if not beats:
        return Found(UNKNOWN, "no process has ever run here")
    said = f"{len(beats) - len(silent)} of {len(beats)} processes beat"
    return Found(FAIL, f"{said}; silent: {', '.join(silent)}") if silent else Found(PASS, said)


def costs(house: House) -> Found:
    """M2-8: licence cost per play and language-model cost are known."""
    record = next((r for r in reversed(house.records("online")) if house.fresh(r)), None)
    if record is None:
        return Found(UNKNOWN, "no fresh evidence of kind 'online'")
    values = {m.get("name"): m.get("value") for m in record.get("metrics", []) if isinstance(m, dict)}
    if values.get("license_cost_per_play") is None:
        return Found(FAIL, "the licence cost of a play is not known")
    uses = house.records("llm")
    said = f"licence cost {values['license_cost_per_play']:.3g} USD a play; {len(uses)} uses of a language model"
    return Found(PASS if uses else UNKNOWN, said)


def manifests(models_dir: Path) -> list[Manifest]:
    """What is said of the published models; one that is damaged is left out."""
    found = []
    for path in sorted(models_dir.glob("*/manifest.json")):
        try:
            found.append(Manifest.read(path.parent))
        except (DamagedModel, OSError, ValueError):
            continue
    return found


def _failed(house: House, at_ns: int) -> int:
    assert house.log is not None
    return int(np.sum(~house.log.within(Span(at_ns - AROUND_NS, at_ns + AROUND_NS)).ok))


def _lines(house: House, name: str) -> int:
    """Records of a file of the catalogue that can be read."""
    path = house.store_dir / "catalog" / f"{name}.jsonl"
    if not path.is_file():
        return 0
    with path.open(encoding="utf-8", errors="replace") as lines:
        return sum(_is_record(line) for line in lines)


def _is_record(line: str) -> bool:
    try:
        found: Any = json.loads(line)
    except ValueError:
        return False
    return isinstance(found, dict)
