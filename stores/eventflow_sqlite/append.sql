-- One statement that appends a whole batch: an insert into this view, which each connection that
-- writes makes for itself. Each column but the last two is a JSON array with one array for each row.
-- `bytes` holds the data and hashes of the events, and the digests of the labels; rows name them by
-- offset and length. `nul` stands for the character that the JSON of SQLite cannot carry.
CREATE TEMP VIEW batch AS
SELECT '' AS events, '' AS keys, '' AS created, '' AS labels, '' AS changed,
    '' AS dropped_stages, '' AS stages, '' AS dropped_jobs, '' AS jobs, x'' AS bytes, '' AS nul;

CREATE TEMP TRIGGER append_batch INSTEAD OF INSERT ON batch
BEGIN
    INSERT INTO events (
        position, run_id, version, type, schema, data, recorded_at, actor, op_id, hash
    )
    SELECT
        (SELECT coalesce(max(position), 0) FROM events) + 1 + key,
        replace(json_extract(value, '$[0]'), new.nul, char(0)),
        json_extract(value, '$[1]'),
        replace(json_extract(value, '$[2]'), new.nul, char(0)),
        json_extract(value, '$[3]'),
        substr(new.bytes, json_extract(value, '$[4]'), json_extract(value, '$[5]')),
        json_extract(value, '$[6]'),
        replace(json_extract(value, '$[7]'), new.nul, char(0)),
        replace(json_extract(value, '$[8]'), new.nul, char(0)),
        substr(new.bytes, json_extract(value, '$[9]'), json_extract(value, '$[10]'))
    FROM json_each(new.events);

    INSERT INTO keys (key, run_id, op_id)
    SELECT
        replace(json_extract(value, '$[0]'), new.nul, char(0)),
        replace(json_extract(value, '$[1]'), new.nul, char(0)),
        replace(json_extract(value, '$[2]'), new.nul, char(0))
    FROM json_each(new.keys);

    INSERT INTO runs (
        run, run_id, workflow_id, status, priority, generation, version, fingerprint, metadata,
        created_at, started_at, ended_at, ai
    )
    SELECT
        (
            SELECT position FROM events
            WHERE run_id = replace(json_extract(value, '$[0]'), new.nul, char(0)) AND version = 1
        ),
        replace(json_extract(value, '$[0]'), new.nul, char(0)),
        replace(json_extract(value, '$[1]'), new.nul, char(0)),
        json_extract(value, '$[2]'),
        json_extract(value, '$[3]'),
        json_extract(value, '$[4]'),
        json_extract(value, '$[5]'),
        replace(json_extract(value, '$[6]'), new.nul, char(0)),
        json_extract(value, '$[7]'),
        json_extract(value, '$[8]'),
        json_extract(value, '$[9]'),
        json_extract(value, '$[10]'),
        json_extract(value, '$[11]')
    FROM json_each(new.created);

    INSERT INTO labels (label, run)
    SELECT
        substr(new.bytes, json_extract(value, '$[1]'), json_extract(value, '$[2]')),
        (
            SELECT run FROM runs
            WHERE run_id = replace(json_extract(value, '$[0]'), new.nul, char(0))
        )
    FROM json_each(new.labels);

    UPDATE runs SET
        status = json_extract(value, '$[1]'),
        generation = json_extract(value, '$[2]'),
        version = json_extract(value, '$[3]'),
        fingerprint = replace(json_extract(value, '$[4]'), new.nul, char(0)),
        started_at = json_extract(value, '$[5]'),
        ended_at = json_extract(value, '$[6]'),
        ai = json_extract(value, '$[7]')
    FROM json_each(new.changed)
    WHERE run_id = replace(json_extract(value, '$[0]'), new.nul, char(0));

    DELETE FROM stages WHERE (run, stage) IN (
        SELECT run, replace(json_extract(value, '$[1]'), new.nul, char(0))
        FROM json_each(new.dropped_stages) CROSS JOIN runs
        WHERE run_id = replace(json_extract(value, '$[0]'), new.nul, char(0))
    );

    INSERT INTO stages (
        run, stage, stage_group, status, generation, attempt, started_at, ended_at
    )
    SELECT
        run,
        replace(json_extract(value, '$[1]'), new.nul, char(0)),
        json_extract(value, '$[2]'),
        json_extract(value, '$[3]'),
        json_extract(value, '$[4]'),
        json_extract(value, '$[5]'),
        json_extract(value, '$[6]'),
        json_extract(value, '$[7]')
    FROM json_each(new.stages) CROSS JOIN runs
    WHERE run_id = replace(json_extract(value, '$[0]'), new.nul, char(0))
    ON CONFLICT DO UPDATE SET
        stage_group = excluded.stage_group,
        status = excluded.status,
        generation = excluded.generation,
        attempt = excluded.attempt,
        started_at = excluded.started_at,
        ended_at = excluded.ended_at;

    DELETE FROM jobs WHERE (run, stage) IN (
        SELECT run, replace(json_extract(value, '$[1]'), new.nul, char(0))
        FROM json_each(new.dropped_jobs) CROSS JOIN runs
        WHERE run_id = replace(json_extract(value, '$[0]'), new.nul, char(0))
    );

    -- The age of a job is the position of the event that scheduled it.
    INSERT INTO jobs (
        run, stage, workflow_id, priority, position, kind, scheduled, due_at, token, leased, ready
    )
    SELECT
        run,
        replace(json_extract(value, '$[1]'), new.nul, char(0)),
        workflow_id,
        priority,
        coalesce(
            (
                SELECT position FROM events
                WHERE events.run_id = runs.run_id AND version = json_extract(value, '$[3]')
            ),
            0
        ),
        json_extract(value, '$[2]'),
        json_extract(value, '$[3]'),
        json_extract(value, '$[4]'),
        json_extract(value, '$[5]'),
        json_extract(value, '$[6]'),
        json_extract(value, '$[7]')
    FROM json_each(new.jobs) CROSS JOIN runs
    WHERE run_id = replace(json_extract(value, '$[0]'), new.nul, char(0))
    ON CONFLICT DO UPDATE SET
        position = excluded.position,
        kind = excluded.kind,
        scheduled = excluded.scheduled,
        due_at = excluded.due_at,
        token = excluded.token,
        leased = excluded.leased,
        ready = excluded.ready,
        held_until = 0;
END;
