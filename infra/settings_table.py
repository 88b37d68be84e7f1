"""Every setting in one place: the texts of `.env.example` and `docs/settings.md` are made from the classes.

`python -m infra.settings_table` writes both; a test says when they are out of date.
"""

from pathlib import Path

from pydantic.fields import FieldInfo

from evaluation.settings import EvaluationSettings
from infra.settings import BrokerSettings, InfraSettings
from serving.settings import ServingSettings
from stream.platform.settings import PlatformSettings
from stream.settings import HouseSettings, StreamSettings
from training.settings import TrainingSettings

CLASSES: tuple[type[HouseSettings], ...] = (
    HouseSettings, StreamSettings, PlatformSettings, TrainingSettings, ServingSettings, EvaluationSettings,
    BrokerSettings, InfraSettings,
)  # fmt: skip
_LAST_PORT = 65_535
_EXAMPLE_HEAD = """\
# Every setting, with its default. Copy to .env, remove the # before what you change, then `make deploy`.
# The environment wins over .env. A wrong value stops the process before it does anything and names the setting.
"""
_TABLE_HEAD = """\
# Settings

One `.env` in the checkout holds them (copy `.env.example`), the environment wins over it. `make deploy` restarts
exactly the processes that a changed setting concerns. This page is made from the settings classes by
`python -m infra.settings_table`.
"""


def own_fields() -> list[tuple[type[HouseSettings], dict[str, FieldInfo]]]:
    """Each class with the settings that no class before it has."""
    seen: set[str] = set()
    grouped = []
    for kind in CLASSES:
        grouped.append((kind, {name: field for name, field in kind.model_fields.items() if name not in seen}))
        seen.update(kind.model_fields)
    return grouped


def setting_names() -> frozenset[str]:
    """Names as they stand in the environment, in capitals."""
    return frozenset(name.upper() for kind in CLASSES for name in kind.model_fields)


def example() -> str:
    """Text of `.env.example`: everything commented out, so that copying it changes nothing."""
    parts = [_EXAMPLE_HEAD]
    for kind, fields in own_fields():
        parts.append(f"\n# --- {_title(kind)} ---\n")
        for name, field in fields.items():
            parts.append(f"# {field.description}{_bounds(field)}\n#{name.upper()}={_default(field)}\n")
    return "".join(parts)


def table() -> str:
    """Text of `docs/settings.md`."""
    parts = [_TABLE_HEAD]
    for kind, fields in own_fields():
        head = "| setting | default | what it does |\n|---|---|---|\n"
        parts.append(f"\n## {_title(kind)}\n\nRead by `{kind.__module__}`.\n\n{head}")
        for name, field in fields.items():
            default = f"`{_default(field)}`" if _default(field) else "empty"
            words = f"{field.description}{_bounds(field)}".replace("<", "&lt;")  # <TEAM> is no tag
            parts.append(f"| `{name.upper()}` | {default} | {words} |\n")
    return "".join(parts)


def write(checkout: Path) -> None:
    """Write both files."""
    (checkout / ".env.example").write_text(example(), encoding="utf-8")
    (checkout / "docs").mkdir(exist_ok=True)
    (checkout / "docs" / "settings.md").write_text(table(), encoding="utf-8")


def _title(kind: type[HouseSettings]) -> str:
    return (kind.__doc__ or kind.__name__).strip().splitlines()[0].rstrip(".")


def _default(field: FieldInfo) -> str:
    return "" if field.default is None else str(field.default)


def _bounds(field: FieldInfo) -> str:
    """What is allowed, where limits say so; that a port is a port goes without saying."""
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    limits = {key: getattr(limit, key) for limit in field.metadata for key in words if hasattr(limit, key)}
    if not limits or limits.get("le") == _LAST_PORT:
        return ""
    return " (" + ", ".join(f"{words[key]} {value:g}" for key, value in limits.items()) + ")"


if __name__ == "__main__":
    write(Path(__file__).resolve().parent.parent)
