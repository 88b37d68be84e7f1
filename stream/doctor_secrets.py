"""The doctor's look at the checkout: secrets in files that git keeps or would keep with the next `git add`.

A pushed secret is read by robots within minutes, and removing the line does not remove it from the history. Few rules
that are nearly always right are better than many that nobody reads.
"""

import math
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stream.findings import Finding
from stream.settings import StreamSettings

PATIENCE_S = 8.0
MAX_BYTES = 1_000_000  # of a file; larger ones are data
_SHOWN = 5
_KEY_FILES = re.compile(r"(^|/)(\.env(\.(?!example|sample|template)\w+)?|id_(rsa|dsa|ecdsa|ed25519)|[^/]+\.(p12|pfx))$")
_RULES = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{60,})\b"),
    "a GitLab token": re.compile(r"\bglpat-[0-9A-Za-z_-]{20,}\b"),
    "a Slack token": re.compile(r"\bxox[abprs]-[0-9A-Za-z-]{20,}\b"),
    "an API key of a language model": re.compile(r"\bsk-(?:proj-|ant-[a-z0-9]+-)?[0-9A-Za-z_-]{32,}\b"),
    "a Google API key": re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b"),
    "a password in an address": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@'\"]+:(?P<value>[^\s/@'\"{}$<>]+)@"),
    "a password or token": re.compile(
        r"(?i)(?<![a-z])(?:password|passwd|pwd|secret|api_?key|auth_?token|access_?token|token)"
        r"[\"']?\s*(?:=|:)\s*(?P<quote>[\"'])(?P<value>[^\"'\s]{8,})(?P=quote)"
    ),
    "a password in a settings file": re.compile(
        r"(?im)^\s*(?:export\s+)?\w*(?:password|passwd|secret|api_?key|token)\s*[=:]\s*(?P<value>[^\s\"'#]{8,})\s*$"
    ),
}
_SETTINGS_FILE = re.compile(r"(\.(env|ini|cfg|conf|properties|ya?ml|toml|sh)(\.\w+)?|(^|/)Dockerfile|(^|/)\.env[^/]*)$")
_NO_SECRET = re.compile(
    r"(?i)^[\[<{$%(]|example|change.?me|placeholder|dummy|your|xxx|\*\*\*|\.\.\.|^(none|null|true|false)$"
)
_LITTLE = 2.5  # bits a character: below it a value is a word like aaaaaaaa


@dataclass(frozen=True, slots=True)
class Secret:
    """Something that looks like a credential; the value itself is never shown."""

    file: str
    line: int  # 0: the file itself
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.what}" if self.line else f"{self.file} {self.what}"


def secrets(settings: StreamSettings) -> list[Finding]:
    """Look through the checkout that this is run in."""
    root = _git("rev-parse", "--show-toplevel")
    if root is None:
        return [Finding("secrets", True, "not looked for: this is no git checkout")]
    names = _git("-C", root.strip(), "ls-files", "-z", "--cached", "--others", "--exclude-standard") or ""
    found = [secret for name in filter(None, names.split("\0")) for secret in in_file(Path(root.strip()), name)]
    if not found:
        return [Finding("secrets", True, "none in the files that git keeps")]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    seen = "; ".join(map(str, found[:_SHOWN])) + more
    mend = (
        f"replace the secret where it came from (git keeps it for ever), git rm --cached {found[0].file} or take the "
    )
    return [Finding("secrets", False, seen, mend + "line out, and keep secrets in .env, which git ignores")]


def in_file(root: Path, name: str) -> Iterator[Secret]:
    """What looks like a secret in one file, and the file itself if such files hold nothing else."""
    path = root / name
    if not path.is_file() or path.is_symlink():
        return
    if _KEY_FILES.search(name) and not name.endswith(".pub"):
        yield Secret(name, 0, "is a file for secrets")
    if path.stat().st_size > MAX_BYTES or b"\0" in (content := path.read_bytes())[:8_000]:
        return
    text = content.decode("utf-8", "replace")
    for what, rule in _RULES.items():
        if what != "a password in a settings file" or _SETTINGS_FILE.search(name):
            yield from (Secret(name, text.count("\n", 0, at) + 1, what) for at in _matches(rule, text))


def _matches(rule: re.Pattern[str], text: str) -> Iterator[int]:
    for found in rule.finditer(text):
        value = found.groupdict().get("value")
        if value is None or not (_NO_SECRET.search(value) or _bits(value) < _LITTLE):
            yield found.start("value" if value else 0)


def _bits(value: str) -> float:
    """Entropy of the characters, in bits each."""
    return -sum(n / len(value) * math.log2(n / len(value)) for n in Counter(value).values())


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], capture_output=True, timeout=PATIENCE_S, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
