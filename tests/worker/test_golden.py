"""The bodies that go over the wire are those that were agreed on."""

import pytest
import simplejson

from qbsync_qbo_worker.mapping import MAPPERS
from qbsync_shared.kinds import Edition, matrix
from tests.worker.golden import FILE, RECORDS, payloads

GOLDEN = simplejson.loads(FILE.read_text("utf-8"), use_decimal=True)


@pytest.mark.parametrize("kind", sorted(RECORDS))
def test_a_body_is_as_it_was(kind: str) -> None:
    assert text(payloads()[kind]) == text(GOLDEN[kind])


def text(body: object) -> str:
    """With the digits of each number: 50.00 is not 50.0."""
    found: str = simplejson.dumps(body, sort_keys=True, use_decimal=True)
    return found


def test_every_kind_that_is_carried_has_its_bodies() -> None:
    carried = {kind.value for kind in MAPPERS if Edition.ONLINE in matrix()[kind].carried}
    assert set(GOLDEN) == carried
