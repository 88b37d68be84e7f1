"""Secrets that git keeps are named by file and line; what only looks like one is not."""

import subprocess

import pytest

from infra.setup import CHECKOUT
from stream.doctor_secrets import in_file, secrets
from stream.settings import StreamSettings

RANDOM = "q7Zr" + "9tLw2" + "Xv8Kp4"  # in pieces, so that this file has none

SECRETS = {
    "notes.py": f'password = "{RANDOM}"',
    "client.py": f"connect(host, token='{RANDOM}')",
    "config.json": f'{{"api_key": "{RANDOM}"}}',
    "key.txt": "-----BEGIN OPENSSH " + "PRIVATE KEY-----",
    "aws.py": "AK" + "IAIOSFODNN7EXAMPLQ",
    "store.py": "postgresql://" + f"team:{RANDOM}@db:5432/movies",
    "llm.txt": "sk-" + "proj-" + RANDOM * 4,
    "hub.sh": "ghp_" + (RANDOM * 3)[:36],
    "settings.ini": f"db_password = {RANDOM}",
    "compose.yaml": f"      GRAFANA_PASSWORD: {RANDOM}",
}
HARMLESS = {
    "settings.py": "password = settings.password\ntoken: str = Field(default='')",
    "readme.md": "set `password=...` and keep the token in .env; API_KEY=your-key-here",
    "env.py": "token = os.environ['TOKEN']",
    "urls.py": "http://user:${PASSWORD}@host and http://localhost:8082/recommend/42",
    "example.ini": "password = changeme-please\ntoken = <your token>",
    "words.py": "secret = 'aaaaaaaaaaaa'",
    "ca.pem": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "lock.txt": "--hash=sha256:0f3a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718",
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_found_with_its_line(name, tmp_path):
    (tmp_path / name).write_text(f"first line\nsecond line\n{SECRETS[name]}\n")
    assert [(one.file, one.line) for one in in_file(tmp_path, name)][:1] == [(name, 3)]


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_looks_like_a_secret_is_left_alone(name, tmp_path):
    (tmp_path / name).write_text(HARMLESS[name] + "\n")
    assert list(in_file(tmp_path, name)) == []


@pytest.mark.parametrize("name", [".env", "deploy/.env.production", "id_ed25519", "ssl/server.p12"])
def test_a_file_for_secrets_is_named(name, tmp_path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("A=1\n")
    assert [one.line for one in in_file(tmp_path, name)] == [0]


def test_a_committed_secret_is_told_and_an_ignored_one_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    (tmp_path / ".gitignore").write_text(".env\n")
    (tmp_path / ".env").write_text(f"PASSWORD={RANDOM}\n")
    assert secrets(StreamSettings(var_dir=tmp_path))[0].fine
    (tmp_path / "train.py").write_text(f"import x\n{SECRETS['notes.py']}\n")
    subprocess.run(["git", "add", "train.py"], check=True)
    found = secrets(StreamSettings(var_dir=tmp_path))[0]
    assert not found.fine
    assert "train.py:2" in found.seen
    assert RANDOM not in found.seen + found.mend


def test_this_checkout_has_none(monkeypatch, tmp_path):
    monkeypatch.chdir(CHECKOUT)
    assert secrets(StreamSettings(var_dir=tmp_path))[0].fine


def test_a_folder_that_is_no_checkout_is_said_to_be_none(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = secrets(StreamSettings(var_dir=tmp_path))[0]
    assert found.fine
    assert "no git checkout" in found.seen
