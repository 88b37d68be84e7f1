"""The one room of implicit: its neighbours and its factors, repeatable and without a bar."""

import warnings
from typing import Any

import numpy as np

from training.servable import Array

CLASSES = {"cosine": "CosineRecommender", "tfidf": "TFIDFRecommender", "bm25": "BM25Recommender"}
BM25 = {"K1": 0.5, "B": 0.75}  # implicit's own default for B, and less weight to repeats, which tastes do not have


def similarity(matrix: Any, weighting: str, neighbours: int) -> Array:
    """(m, m) float32 similarities of each movie's nearest and 0 elsewhere; matrix: (n_users, m), sparse."""
    from implicit import nearest_neighbours
    from scipy.sparse import csr_matrix

    parameters = BM25 if weighting == "bm25" else {}
    model = getattr(nearest_neighbours, CLASSES[weighting])(K=neighbours, **parameters)
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.filterwarnings("ignore", "Method expects CSR input")  # implicit says it of its own matrices
        model.fit(csr_matrix(matrix), show_progress=False)
    return np.nan_to_num(np.asarray(model.similarity.todense(), np.float32))  # what all watch has a tf-idf of 0/0


def factors(matrix: Any, n_factors: int, regularisation: float, alpha: float, iterations: int, seed: int) -> Any:
    """(n_users, f) and (m, f) float32 by alternating least squares; a watch of weight w counts as 1 + alpha w."""
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # implicit has threads of its own, which a BLAS with threads slows down
        model = AlternatingLeastSquares(
            factors=n_factors, regularization=regularisation, alpha=alpha, iterations=iterations, random_state=seed
        )
        model.fit(csr_matrix(matrix), show_progress=False)
    return model.user_factors, model.item_factors
