-- States of shows at a position, so that nobody folds a long history twice. They follow from the log, and may be deleted at any time.

CREATE TABLE snapshots (
    show_id  text     NOT NULL COLLATE "C",
    version  smallint NOT NULL, -- of the bytes, and of what the fold makes of facts
    position bigint   NOT NULL,
    row_hash bytea    NOT NULL, -- of the fact at that position: a snapshot of another history is noticed by it
    bytes    bytea    NOT NULL,
    PRIMARY KEY (show_id, version)
);

-- Compressing costs whoever waits for a show more than the bytes do.
ALTER TABLE snapshots ALTER COLUMN bytes SET STORAGE EXTERNAL;
