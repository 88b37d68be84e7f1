"""Inverse of a large symmetric positive definite matrix, in place, block by block.

One call of LAPACK's Cholesky on 27,000 float32 columns has crashed the interpreter; here no call is larger than a
block, memory is the matrix and a few columns of blocks, and only one triangle is worked on: n^3 operations, nearly all
of them matrix products. Source: the sweep operator, Goodnight (1979), A tutorial on the SWEEP operator, Am. Stat.
"""

import numpy as np

from training.servable import Array

BLOCK = 1024


def invert(matrix: Array, block: int = BLOCK) -> Array:
    """The inverse of (n, n) float32 `matrix`, which it replaces. Raises numpy's LinAlgError if it is singular."""
    n = len(matrix)
    edges = [(first, min(first + block, n)) for first in range(0, n, block)]
    for pivot in edges:
        _sweep(matrix, edges, pivot)
    for first, last in edges:  # the lower triangle holds minus the inverse
        matrix[first:last, :last] *= -1
        matrix[:first, first:last] = matrix[first:last, :first].T
    return matrix


def _sweep(matrix: Array, edges: list[tuple[int, int]], pivot: tuple[int, int]) -> None:
    """Sweep one block of rows and columns; reads and writes blocks on and below the diagonal only."""
    low, high = pivot
    inner = np.linalg.inv(matrix[low:high, low:high].astype(np.float64)).astype(matrix.dtype)
    before, after = matrix[low:high, :low].copy(), matrix[high:, low:high].copy()
    column = np.concatenate([before.T, np.zeros_like(inner), after])
    product = column @ inner
    for first, last in edges:
        if first != low:
            rows = product[first:last]
            matrix[first:last, :last] -= rows @ column[:last].T
    matrix[low:high, :low], matrix[high:, low:high] = product[:low].T, product[high:]
    matrix[low:high, low:high] = -inner
