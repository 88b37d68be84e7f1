"""Puts the processes on a machine: `python -m infra up|status|logs|down`. No product logic."""
