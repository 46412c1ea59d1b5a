-- Large values and artifacts, under the hash of their bytes; a row is never changed or deleted.
CREATE TABLE {schema}.blobs (
    key text COLLATE "C" PRIMARY KEY,
    data bytea NOT NULL
);

CREATE OR REPLACE FUNCTION {schema}.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% are never changed or deleted: % on %.% was refused',
        tg_table_name, tg_op, tg_table_schema, tg_table_name
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER blobs_keep_rows BEFORE UPDATE OR DELETE ON {schema}.blobs
    FOR EACH ROW EXECUTE FUNCTION {schema}.refuse_change();
CREATE TRIGGER blobs_keep_all BEFORE UPDATE OR DELETE OR TRUNCATE ON {schema}.blobs
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse_change();
ALTER TABLE {schema}.blobs ENABLE ALWAYS TRIGGER blobs_keep_rows;
ALTER TABLE {schema}.blobs ENABLE ALWAYS TRIGGER blobs_keep_all;
