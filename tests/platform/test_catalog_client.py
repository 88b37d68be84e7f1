"""The catalogue's client against the platform's own API."""

import contextlib

import pytest
from worlds import fresh_world, platform_settings

from houses import free_ports
from stream.catalog.client import Catalog
from stream.catalog.records import MOVIES, USERS, movie_of, user_of
from stream.platform.api import Desk, serve
from stream.platform.records import WorldRecords
from stream.terms import TERMS


@contextlib.contextmanager
def platform_api(folder, term):
    """(url, world) of the tiny world's API in a term."""
    world = fresh_world(platform_settings(folder, course_term=term))
    port = free_ports(1)[0]
    records = WorldRecords(TERMS[term], world.seed, world.catalogue, lambda: world.population)
    server = serve(Desk(records), port)
    try:
        yield f"http://127.0.0.1:{port}", world
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("term", ["F2019", "F2026"])
def test_every_movie_and_user_of_a_world_is_fetched_and_none_is_refused(tmp_path, term):
    with platform_api(tmp_path, term) as (url, world):
        catalog = Catalog(url, tmp_path / "catalog")
        people = len(world.population)
        movies, users = catalog.sync(MOVIES, world.catalogue.ids), catalog.sync(USERS, range(1, people + 11))
    assert (movies.fetched, movies.refused, movies.unknown) == (len(world.catalogue), 0, 0)
    assert (users.fetched, users.refused, users.unknown) == (people, 0, 10)
    known = [movie_of(record).license_cost is not None for record in catalog.file(MOVIES)]
    share = sum(known) / len(known)  # a few records of the API lack a field
    assert share > 0.95 if TERMS[term].has_license_cost else share == 0
    assert {user_of(record).gender for record in catalog.file(USERS)} == {"M", "F"}
