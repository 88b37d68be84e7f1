"""Commands of the recommendation service: `python -m serving`."""

import os
import sys

import click


@click.group()
def cli() -> None:
    """The recommendation service."""


@cli.command()
def run() -> None:
    """Serve recommendations until stopped; SIGHUP replaces the workers without a failed request."""
    from serving import metric_files
    from serving.settings import ServingSettings
    from stream.settings import read_settings

    settings = read_settings(ServingSettings)
    metric_files.empty(settings.metrics_dir)
    arguments = {
        "--host": settings.bind_host,
        "--port": settings.serve_port,
        "--workers": settings.serve_workers,
        "--roll-file": settings.roll_file,
    }
    words = [str(word) for pair in arguments.items() for word in pair]
    os.execv(sys.executable, [sys.executable, "-m", "serving.run", *words])


if __name__ == "__main__":
    cli()
