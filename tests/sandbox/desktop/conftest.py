"""A fresh company file for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sandbox.desktop.books import Books, MovingClock

from qbsync_local.sandbox.desktop.seeding import open_company


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    clock = MovingClock()
    company = open_company(tmp_path / "oak.qbw", "Oak Hill Landscaping", clock)
    yield Books(company, clock)
    company.store.close()
