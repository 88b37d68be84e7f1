"""Looks at the repository: reports, contract, plan and postmortem, tests' artefacts, history. For the self-check."""

import re
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from pathlib import Path

from evaluation.criterion import FAIL, PASS, UNKNOWN
from evaluation.selfcheck import Found, House

MIN_WORDS = 15  # of a section that says something
PAGE_WORDS = 550  # of a printed page
SUBJECT_LETTERS, COMMIT_FILES = 12, 25  # of a commit that is described and cohesive
COVERAGE = 0.70  # the gate that the course's labs end with
_EMPTY_SUBJECT = re.compile(r"(fix|update|wip|test|changes?|commit|asdf|tmp|minor|final)[\W\d]*", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\b(TODO|TBD|FIXME|lorem ipsum)\b|<[a-z ]+>")
_PULL = re.compile(r"^Merge pull request #\d+|\(#\d+\)$")


def headings(names: Sequence[str], wanted: Sequence[str], pages: float = 0) -> Callable[[House], Found]:
    """A look at the first document of these names: has it these headings, each with words of the team's own below?

    A heading is wanted by a word of it. pages: what it may have at most, about; 0 = no limit.
    """

    def look(house: House) -> Found:
        path = document(house.repo, names)
        if path is None:
            return Found(UNKNOWN, f"no {' or '.join(names)} in the repository")
        if path.suffix == ".pdf":
            return Found(PASS if path.stat().st_size else FAIL, f"{path.name} is there; its text is not read")
        text = path.read_text(encoding="utf-8", errors="replace")
        return _read(path.name, text, wanted, pages)

    return look


def document(repo: Path, names: Sequence[str]) -> Path | None:
    """The first file of these names in the repository, or in its docs folder, whatever the case of its letters."""
    for folder in (repo, repo / "docs"):
        here = {path.name.lower(): path for path in sorted(folder.iterdir())} if folder.is_dir() else {}
        for name in names:
            if (found := here.get(name.lower())) and found.is_file():
                return found
    return None


def _read(name: str, text: str, wanted: Sequence[str], pages: float) -> Found:
    parts = sections(text)
    missing = [word for word in wanted if not any(word in title.lower() for title in parts)]
    if missing:
        return Found(FAIL, f"{name}: no heading with {', '.join(missing)}")
    thin = [
        w for w in wanted if max(len(_own(body).split()) for t, body in parts.items() if w in t.lower()) < MIN_WORDS
    ]
    if thin:
        return Found(FAIL, f"{name}: next to nothing below the heading {', '.join(thin)}")
    if holder := _PLACEHOLDER.search(re.sub(r"`[^`]*`", "", text)):
        return Found(FAIL, f"{name}: {holder.group()!r} still stands there")
    if pages and len(text.split()) > pages * PAGE_WORDS:
        return Found(FAIL, f"{name}: about {len(text.split()) / PAGE_WORDS:.1f} pages, {pages:g} are allowed")
    return Found(PASS, f"{name}: all of {', '.join(wanted)} are there")


def sections(text: str) -> dict[str, str]:
    """What stands below each heading of a Markdown text, sub-headings included."""
    parts = re.split(r"^(#{1,6})[ \t]+(.+?)[ \t#]*$", text, flags=re.MULTILINE)
    found: dict[str, str] = {}
    open_: list[tuple[int, str]] = []
    for marks, title, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        open_ = [(level, name) for level, name in open_ if level < len(marks)] + [(len(marks), title)]
        for _, name in open_:
            found[name] = found.get(name, "") + body
    return found


def _own(body: str) -> str:
    return re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)


def decision(house: House) -> Found:
    """M1-4: the report says which of the models goes to production."""
    from evaluation.selfcheck_store import manifests

    path = document(house.repo, ["m1_report.md"])
    if path is None:
        return Found(UNKNOWN, "no m1_report.md in the repository")
    names = {manifest.name for manifest in manifests(house.models_dir)}
    names |= {str(m.get("name")) for r in house.records("compare") for m in r.get("models", []) if isinstance(m, dict)}
    parts = sections(path.read_text(encoding="utf-8", errors="replace"))
    told = [body for title, body in parts.items() if re.search(r"decision|production|choice|comparison", title.lower())]
    named = sorted(name for name in names if any(re.search(rf"\b{re.escape(name)}\b", body) for body in told))
    if not told:
        return Found(FAIL, f"{path.name}: no heading about the decision or production")
    return Found(
        PASS if named else FAIL, f"{path.name} decides between: {', '.join(named) or 'no model that was trained'}"
    )


def commits(house: House) -> Found:
    """M2-1: most commits are cohesive and say what they do."""
    found = _git(house.repo, "log", "--no-merges", "--format=%x01%s", "--shortstat", "-n", "2000")
    if found is None:
        return Found(UNKNOWN, "no git history here")
    each = [part.strip().splitlines() for part in found.split("\x01")[1:] if part.strip()]
    good = sum(_described(lines[0]) and _files(lines) <= COMMIT_FILES for lines in each)
    needed = 0.80 if house.term.has_self_description else 0.60
    if not each:
        return Found(UNKNOWN, "no commit yet")
    said = f"{good} of {len(each)} commits are cohesive and described; {needed:.0%} are asked for"
    return Found(PASS if good / len(each) > needed else FAIL, said)


def pulls(house: House) -> Found:
    """M2-13: the majority of changes came by pull requests."""
    found = _git(house.repo, "log", "--first-parent", "--format=%s", "-n", "2000")
    if not found:
        return Found(UNKNOWN, "no git history here")
    subjects = found.splitlines()
    merged = sum(bool(_PULL.search(subject)) for subject in subjects)
    return Found(PASS if merged > len(subjects) / 2 else FAIL, f"{merged} of {len(subjects)} changes are pull requests")


def contract_updated(house: House) -> Found:
    """M2-12, M3-15: the contract changed, or says that nothing did."""
    path = document(house.repo, CONTRACTS)
    if path is None:
        return Found(UNKNOWN, "no team contract in the repository")
    if re.search(r"nothing (has )?changed|no changes?|unchanged", path.read_text(errors="replace"), re.IGNORECASE):
        return Found(PASS, f"{path.name} says that nothing changed")
    found = _git(house.repo, "log", "--format=%h", "--", str(path.relative_to(house.repo)))
    times = len((found or "").split())
    return Found(PASS if times > 1 else FAIL, f"{path.name} was committed {times} times")


CONTRACTS = ["team_contract.md", "team-contract.md", "contract.md"]


def tested(house: House) -> Found:
    """M2-9: tests ran, passed, and cover enough of the code."""
    folder = house.var_dir / "evidence"
    junit, coverage = _xml(house, folder / "junit.xml"), _xml(house, folder / "coverage.xml")
    if junit is None or coverage is None:
        return Found(UNKNOWN, "no fresh junit.xml and coverage.xml in var/evidence")
    suites = [junit, *junit.iter("testsuite")]
    ran = sum(int(suite.get("tests") or 0) for suite in suites if suite.tag == "testsuite")
    failed = sum(int(s.get(name) or 0) for s in suites if s.tag == "testsuite" for name in ("failures", "errors"))
    rate = float(coverage.get("line-rate") or 0)
    said = f"{ran} tests, {failed} failed, {rate:.0%} of the lines covered; {COVERAGE:.0%} is the labs' gate"
    return Found(PASS if ran and not failed and rate >= COVERAGE else FAIL, said)


def integrated(house: House) -> Found:
    """M2-10: a push starts the tests, by a workflow or a Jenkinsfile."""
    found = [
        *house.repo.glob(".github/workflows/*.y*ml"),
        *house.repo.glob("**/Jenkinsfile"),
        *house.repo.glob(".ci/run"),
    ]
    names = ", ".join(str(path.relative_to(house.repo)) for path in found)
    return Found(PASS, f"{names} is there") if found else Found(FAIL, "no workflow, Jenkinsfile or .ci/run")


def _xml(house: House, path: Path) -> ElementTree.Element | None:
    """The root of a file that is fresh and can be read."""
    if not path.is_file() or not house.fresh({"at_ns": path.stat().st_mtime_ns}):
        return None
    try:
        return ElementTree.parse(path).getroot()
    except ElementTree.ParseError:
        return None


def _described(subject: str) -> bool:
    return len(subject) >= SUBJECT_LETTERS and not _EMPTY_SUBJECT.fullmatch(subject.strip())


def _files(lines: Sequence[str]) -> int:
    found = re.search(r"(\d+) files? changed", lines[-1])
    return int(found[1]) if found else 0


def _git(repo: Path, *arguments: str) -> str | None:
    try:
        found = subprocess.run(
            ["git", "-C", str(repo), *arguments], capture_output=True, text=True, errors="replace", timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout if found.returncode == 0 else None
