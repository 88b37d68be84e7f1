"""Puts the whole system on this machine and takes it off again.

`python -m infra up` needs nothing but Python's standard library: it makes `.venv` and goes on inside it.
This file alone stays readable for old Pythons (3.6 and later), so that they can say what is wanted.
"""

import argparse
import importlib.util
import os
import shutil
import sys

CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
VERBS = {
    "setup": "make .venv from requirements.lock",
    "up": "bring everything up, or restart what is out of date",
    "status": "say what runs and what is happening; exit 1 if something is not healthy",
    "logs": "follow the logs, all or one process's",
    "down": "stop everything, keep the data",
    "mlflow": "show the runs and the registry in a browser, until Ctrl-C",
}


def fault(version: "tuple[int, ...]", has_venv: bool) -> "str | None":
    """Why this interpreter cannot do it, in one sentence; None if it can."""
    if tuple(version[:2]) < (3, 11):
        seen = ".".join(str(part) for part in version[:3])
        return f"Python 3.11 or newer is needed, this is {seen}: name another, e.g. `make deploy PYTHON=python3.12`."
    if not has_venv:
        return "Python's venv module is missing: install it, e.g. `sudo apt install python3-venv`, then try again."
    return None


def can_make_venv() -> bool:
    """Is `.venv` there already, or something that can make it?"""
    made = os.access(os.path.join(CHECKOUT, ".venv", "bin", "python"), os.X_OK)  # noqa: PTH118
    return made or bool(shutil.which("uv")) or importlib.util.find_spec("ensurepip") is not None


def read_arguments(argv: "list[str]") -> "argparse.Namespace":
    """The verb and, for `logs`, a name."""
    parser = argparse.ArgumentParser(prog="python -m infra", description="The processes on this machine.")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    verbs.required = True
    for verb, purpose in VERBS.items():
        sub = verbs.add_parser(verb, help=purpose, description=purpose)
        if verb == "logs":
            sub.add_argument("name", nargs="?", help="process; all when left out")
    return parser.parse_args(argv)


def main(argv: "list[str]") -> int:
    """Setup where needed, then the verb, inside `.venv`."""
    asked = read_arguments(argv)
    wrong = fault(sys.version_info[:3], can_make_venv())
    if wrong:
        print(wrong, file=sys.stderr)
        return 2
    os.chdir(CHECKOUT)
    from infra import setup

    if asked.verb in ("setup", "up"):
        setup.ensure()
    elif not setup.PYTHON.exists():
        print("Nothing is deployed here yet: `make deploy` does it.")
        return 0 if asked.verb == "down" else 1
    if asked.verb == "setup":
        return 0
    if not setup.inside():
        os.execv(str(setup.PYTHON), [str(setup.PYTHON), "-m", "infra", *argv])
    from infra.commands import run

    return run(asked.verb, getattr(asked, "name", None))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # whoever read our words has read enough, e.g. `make status | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
