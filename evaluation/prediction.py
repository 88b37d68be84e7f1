"""How far are predicted ratings from the given ones? Says nothing about whether a list is any good (see ranking)."""

import math

import numpy as np

from evaluation.ranking import Floats, Ints


def rmse(predicted: Floats, given: Floats | Ints) -> float:
    """Root of the mean squared error, in the ratings' unit (stars), >= 0; NaN if there are no ratings."""
    errors = _errors(predicted, given)
    return float(np.sqrt((errors**2).mean())) if len(errors) else math.nan


def mae(predicted: Floats, given: Floats | Ints) -> float:
    """Mean absolute error, in the ratings' unit (stars), >= 0; NaN if there are no ratings."""
    errors = _errors(predicted, given)
    return float(np.abs(errors).mean()) if len(errors) else math.nan


def _errors(predicted: Floats, given: Floats | Ints) -> Floats:
    predicted, given = np.asarray(predicted, np.float64), np.asarray(given, np.float64)
    if predicted.shape != given.shape:
        raise ValueError(f"one prediction per rating expected; got {predicted.shape} for {given.shape}")
    return predicted - given
