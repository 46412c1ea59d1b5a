"""Writes the SQL of one page of runs: newest first, with all rows of each, in one snapshot."""

from attrs import define, field

from eventflow.store.contract import RunQuery
from eventflow_postgres.encode import label


@define
class _Conditions:
    """Conditions that are all to hold, with their arguments."""

    clauses: list[str] = field(factory=list)
    arguments: list[object] = field(factory=list)

    def add(self, clause: str, argument: object) -> None:
        """Add a condition whose `$` stands for its argument."""
        self.arguments.append(argument)
        self.clauses.append(clause.replace("$", f"${len(self.arguments)}"))


def page_query(schema: str, query: RunQuery) -> tuple[str, list[object]]:
    """Write the query for one row more than the page holds, which tells whether there is more."""
    # The indexes on heads are in the order of its own copy of the position.
    by_status = query.statuses is not None and len(query.statuses) == 1
    position = "h.position" if by_status or query.called_models else "r.position"
    conditions = _conditions(schema, query, position)
    where = " AND ".join(["true", *conditions.clauses])
    sql = f"""
        SELECT r.run_id, r.position, r.workflow_id, r.priority, r.created_at, r.metadata,
            h.version, h.status, h.generation, h.fingerprint, h.started_at, h.ended_at,
            h.ai,
            ARRAY(
                SELECT ROW(s.stage, s.stage_group, s.status, s.generation, s.attempt,
                    s.started_at, s.ended_at)
                FROM {schema}.stages AS s WHERE s.run_id = r.run_id
                ORDER BY s.stage_group, s.stage
            ) AS stages,
            ARRAY(
                SELECT ROW(j.stage, j.kind, j.scheduled, j.due_at, j.token, j.leased)
                FROM {schema}.jobs AS j WHERE j.run_id = r.run_id
                ORDER BY j.scheduled, j.stage
            ) AS jobs
        FROM {schema}.runs AS r JOIN {schema}.heads AS h ON h.run_id = r.run_id
        WHERE {where}
        ORDER BY {position} DESC LIMIT {int(query.limit) + 1}
    """  # noqa: S608 - the schema is quoted, the rest are arguments
    return sql, conditions.arguments


def _conditions(schema: str, query: RunQuery, position: str) -> _Conditions:
    conditions = _Conditions()
    if query.run_ids is not None:
        conditions.add("r.run_id = ANY ($::text[])", [i for i in query.run_ids if "\0" not in i])
    _add_statuses(conditions, query)
    if query.workflow_id is not None:
        conditions.add("r.workflow_id = $::text", query.workflow_id.replace("\0", ""))
    if query.created_from is not None:
        conditions.add("r.created_at >= $::timestamptz", query.created_from)
    if query.created_before is not None:
        conditions.add("r.created_at < $::timestamptz", query.created_before)
    if query.called_models:
        conditions.clauses.append("h.ai IS NOT NULL")
    if query.after is not None:
        conditions.add(f"{position} < $::bigint", int(query.after))
    for key, value in query.metadata.items():
        conditions.add(
            f"EXISTS (SELECT FROM {schema}.labels AS l "
            "WHERE l.run_id = r.run_id AND l.label = $::bytea)",
            label(key, value),
        )
    return conditions


def _add_statuses(conditions: _Conditions, query: RunQuery) -> None:
    """Ask for one status by equality: only that gives an index scan its order."""
    if query.statuses is None:
        return
    statuses = [status.value for status in query.statuses]
    if len(statuses) == 1:
        conditions.add("h.status = $::text", statuses[0])
    else:
        conditions.add("h.status = ANY ($::text[])", statuses)
