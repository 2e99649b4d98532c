-- What was signed about the log. Rows are inserted and never changed again.

-- Roots over 256 facts each: tile 0 is over log positions 1 to 256.
CREATE TABLE tiles (
    number bigint PRIMARY KEY CHECK (number >= 0),
    root   bytea  NOT NULL
);

CREATE TABLE checkpoints (
    size      bigint PRIMARY KEY CHECK (size > 0), -- how many facts it covers
    signed_at bigint NOT NULL, -- microseconds since 1970
    note      text   NOT NULL -- signed, see docs/proofs.md
);

-- The public keys that have signed.
CREATE TABLE signers (
    verifier_key text   PRIMARY KEY,
    first_size   bigint NOT NULL -- of the first checkpoint that it signed
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'checkpoints are never changed' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER tiles_are_never_changed BEFORE UPDATE OR DELETE ON tiles FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER checkpoints_are_never_changed BEFORE UPDATE OR DELETE ON checkpoints FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER signers_are_never_changed BEFORE UPDATE OR DELETE ON signers FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER tiles_are_never_truncated BEFORE TRUNCATE ON tiles FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER checkpoints_are_never_truncated BEFORE TRUNCATE ON checkpoints FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
