"""The matrix says what is carried, and the mappings carry it."""

import pytest

from qbsync_qbo_worker.mapping import MAPPERS as ONLINE
from qbsync_qbwc_gateway.mapping import MAPPERS as DESKTOP
from qbsync_shared.kinds import Direction, Edition, Kind, matrix


@pytest.mark.parametrize(("edition", "mappers"), [(Edition.DESKTOP, DESKTOP), (Edition.ONLINE, ONLINE)])
def test_a_kind_is_carried_exactly_where_it_has_a_mapping(
    edition: Edition, mappers: dict[Kind, object]
) -> None:
    carried = {kind for kind, rules in matrix().items() if edition in rules.carried}
    exported = {kind for kind in mappers if Direction.EXPORT in matrix()[kind].directions}
    assert carried == exported


def test_every_kind_has_its_row() -> None:
    assert set(matrix()) == set(Kind)
