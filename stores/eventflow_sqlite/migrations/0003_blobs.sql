-- Large values and artifacts, under the hash of their bytes; a row is never changed or deleted.
CREATE TABLE blobs (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    data BLOB NOT NULL
) STRICT;

-- As for the events: what would replace a row is refused before it is inserted.
CREATE TRIGGER blobs_follow BEFORE INSERT ON blobs
WHEN new.number IS NOT (SELECT coalesce(max(number), 0) + 1 FROM blobs)
    OR EXISTS (SELECT 1 FROM blobs WHERE key = new.key)
BEGIN
    SELECT RAISE(ABORT, 'a blob takes the next number, and a key that no other has');
END;

CREATE TRIGGER blobs_keep_values BEFORE UPDATE ON blobs
BEGIN
    SELECT RAISE(ABORT, 'blobs are never changed');
END;

CREATE TRIGGER blobs_keep_rows BEFORE DELETE ON blobs
BEGIN
    SELECT RAISE(ABORT, 'blobs are never deleted');
END;
