"""One server for all tests, with the recorded series of demo/ and a series of two million points."""

import pytest

from support.server import Server


@pytest.fixture(scope="session")
def server():
    server = Server()
    try:
        server.publish_recorded()
        yield server
    finally:
        server.stop()
