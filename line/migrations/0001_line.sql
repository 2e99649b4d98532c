-- Who stands where. A row keeps its number for good, so that no number is given twice; only its subject goes away, when the
-- person leaves or gets another number.

CREATE TABLE places (
    show_id text   NOT NULL COLLATE "C",
    number  bigint NOT NULL CHECK (number > 0),
    subject text   COLLATE "C", -- whose place it is; null, when it was given up
    PRIMARY KEY (show_id, number)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- One place for each person. A second one would be a defect, and is refused.
CREATE UNIQUE INDEX places_of_people ON places (show_id, subject) WHERE subject IS NOT NULL;
