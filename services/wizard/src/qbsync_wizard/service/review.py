"""The request to approve: checked rows, or all that match, and what becomes of the unchecked ones."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from qbsync_shared.kinds import Direction, Kind
from qbsync_wizard.domain.records import Json, Standing
from qbsync_wizard.errors import RefusedError
from qbsync_wizard.postgres import approvals, items
from qbsync_wizard.postgres.approvals import Approval
from qbsync_wizard.postgres.items import Filter, Scope
from qbsync_wizard.service.approving import Checked, Result, Who, approve_rows, held_until, set_aside
from qbsync_wizard.service.context import Lane, tell_counts

AT_ONCE = 500
"""More rows than this are approved by a job after the answer."""
PER_BATCH = 2000
"""Rows of a job per transaction, some three seconds in which the tenant's other work waits."""

Unchecked = Literal["keep", "clear"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What somebody approves: ``checked`` rows, or ``all_matching`` of a scope except some."""

    by: str
    checked: tuple[Checked, ...] = ()
    all_matching: Scope | None = None
    scope: Scope | None = None
    unchecked: Unchecked | None = None
    choices: dict[str, str] = field(default_factory=dict)


async def approve(lane: Lane, request: Request) -> Result:
    """Approve, and keep or clear the rest of the scope. The lane is held.

    Rows that changed after they were seen are not sent and stay; rows outside the scope are never touched.

    Raises:
        RefusedError: 422, ``clear`` without saying of what.
    """
    if request.unchecked == "clear" and request.scope is None and request.all_matching is None:
        detail = "Say with scope or all_matching which rows were shown, so that no other row is cleared."
        raise RefusedError("clear-without-scope", "Clear needs a scope", detail, status=422)
    approval_id = lane.make_id()
    held = held_until(lane)
    who = Who(by=request.by, approval_id=approval_id, held_until=held)
    approval = Approval(
        approval_id=approval_id,
        by=request.by,
        at=lane.now(),
        unchecked=request.unchecked or "keep",
        running=False,
        total=0,
        approved=0,
        changed=0,
        blocked=0,
        held_until=held,
    )
    if request.all_matching is not None:
        result = await _all_matching(lane, request, approval, who)
    else:
        result = await _checked(lane, request, approval, who)
    result.approval_id, result.held_until = approval_id, held
    await tell_counts(lane)
    return result


async def _checked(
    lane: Lane,
    request: Request,
    approval: Approval,
    who: Who,
) -> Result:
    await approvals.begin(lane.connection, lane.id, replace(approval, total=len(request.checked)))
    found = await items.get_many(lane.connection, lane.id, [one.id for one in request.checked])
    rows, changed = [], []
    for one in request.checked:
        row = found.get(one.id)
        if row is None or row.revision != one.revision or row.standing is not Standing.WAITING:
            changed.append(one.id)
        else:
            rows.append(row)
    choices = {**request.choices, **{one.id: one.choice for one in request.checked if one.choice}}
    result = await approve_rows(lane, rows, who, choices=choices)
    result.changed = changed
    await _finish(lane, approval.approval_id, result)
    if request.scope is not None and request.unchecked is not None:
        left = (*request.scope.leave_out, *(one.id for one in request.checked))
        scope = replace(request.scope, leave_out=left)
        result.set_aside = await set_aside(lane, scope, request.unchecked, who)
    return result


async def _finish(lane: Lane, approval_id: str, result: Result, job: Json | None = None) -> None:
    await approvals.advance(
        lane.connection,
        lane.id,
        approval_id,
        approved=result.approved,
        changed=len(result.changed),
        blocked=len(result.blocked),
        job=job,
    )


async def _all_matching(
    lane: Lane,
    request: Request,
    approval: Approval,
    who: Who,
) -> Result:
    scope = request.all_matching
    assert scope is not None
    excepted = scope.leave_out
    if scope.as_of is None:
        scope = replace(scope, as_of=lane.tenant.change_no)
    if request.unchecked is not None and excepted:
        apart = replace(scope, leave_out=(), only=excepted)
        await set_aside(lane, apart, request.unchecked, who)
    total = await items.count_scope(lane.connection, lane.id, scope)
    if total <= AT_ONCE:
        await approvals.begin(lane.connection, lane.id, replace(approval, total=total))
        rows = await items.in_scope(lane.connection, lane.id, scope, after=FIRST, limit=AT_ONCE)
        result = await approve_rows(lane, rows, who, choices=request.choices)
        await _finish(lane, approval.approval_id, result)
        return result
    job = write_job(scope, request.choices, FIRST)
    await approvals.begin(lane.connection, lane.id, replace(approval, total=total), job=job)
    return Result(job=approval.approval_id)


FIRST = (-1, "")


def write_job(scope: Scope, choices: dict[str, str], after: tuple[int, str]) -> Json:
    """What a job still has to do, as it is stored."""
    as_of = scope.as_of.isoformat() if isinstance(scope.as_of, datetime) else scope.as_of
    return {
        "direction": scope.filter.direction,
        "kind": scope.filter.kind,
        "q": scope.filter.q,
        "as_of": as_of,
        "leave_out": list(scope.leave_out),
        "only": list(scope.only) if scope.only is not None else None,
        "choices": choices,
        "after": list(after),
    }


def read_job(job: Json) -> tuple[Scope, dict[str, str], tuple[int, str]]:
    """The same, read again."""
    as_of = job["as_of"]
    scope = Scope(
        filter=Filter(
            direction=Direction(job["direction"]) if job["direction"] else None,
            kind=Kind(job["kind"]) if job["kind"] else None,
            q=job["q"],
        ),
        as_of=datetime.fromisoformat(as_of) if isinstance(as_of, str) else as_of,
        leave_out=tuple(job["leave_out"]),
        only=tuple(job["only"]) if job["only"] is not None else None,
    )
    place, item_id = job["after"]
    return scope, job["choices"], (place, item_id)


async def run_batch(lane: Lane, approval_id: str) -> bool:
    """Do the next part of a large approval; False when it is done. The lane is held."""
    approval = await approvals.get(lane.connection, lane.id, approval_id)
    if approval is None or not approval.running or approval.job is None:
        return False
    scope, choices, after = read_job(approval.job)
    rows = await items.in_scope(lane.connection, lane.id, scope, after=after, limit=PER_BATCH)
    who = Who(by=approval.by, approval_id=approval_id, held_until=approval.held_until)
    result = await approve_rows(lane, rows, who, choices=choices)
    more = len(rows) == PER_BATCH
    job = write_job(scope, choices, (rows[-1].place, rows[-1].item_id)) if more else None
    await _finish(lane, approval_id, result, job)
    await tell_counts(lane)
    return more
