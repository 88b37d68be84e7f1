"""Turns events and lists into numbers that can be trusted; never loads a model."""
