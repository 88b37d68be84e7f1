"""The house that the tests of this folder share."""

from collections.abc import Iterator

import pytest

from houses import House, house


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for all tests that only need it to run; each leaves it healthy."""
    with house(tmp_path_factory.mktemp("house")) as made:
        made.deploy_output = made.must("make", "deploy", timeout=300)
        yield made
