-- Who the subjects are. This is the only place that knows; it is not in the log, and can't be built anew from it.

CREATE TABLE people (
    subject  text        PRIMARY KEY COLLATE "C",
    name     text        NOT NULL,
    contact  text        NOT NULL, -- an e-mail address, a telephone number: whatever reaches them
    noted_at timestamptz NOT NULL
);

-- Subjects that no person may be linked to any more.
CREATE TABLE forgotten (
    subject      text        PRIMARY KEY COLLATE "C",
    forgotten_at timestamptz NOT NULL,
    log_position bigint      NOT NULL -- of the fact that says so
);

-- How far the facts about people have been carried out here. Each cluster has a register of them.
CREATE TABLE carried_out (
    register text   PRIMARY KEY COLLATE "C",
    position bigint NOT NULL
);
