//! A table of seats in PostgreSQL.

use fullhouse_test_servers::Database;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::{Held, Hold};
use crate::target::{ROW_SEATS, ROWS, SHOWS};

/// Room is left in each page, so that a seat's next version stands beside the last one and no index has to change.
const CREATE: &str = "
    CREATE TYPE seat_status AS ENUM ('available', 'held', 'sold');
    CREATE TABLE seats (
        show_id        integer     NOT NULL,
        label          text        NOT NULL,
        status         seat_status NOT NULL DEFAULT 'available',
        reservation_id uuid,
        expires_at     bigint,
        PRIMARY KEY (show_id, label)
    ) WITH (fillfactor = 50);
    CREATE TABLE reservations (
        id         uuid        PRIMARY KEY,
        show_id    integer     NOT NULL,
        subject    text        NOT NULL,
        seats      text[]      NOT NULL,
        status     seat_status NOT NULL,
        expires_at bigint      NOT NULL
    );
    CREATE FUNCTION hold_seats(
        hold_id uuid, of_show integer, wanted text[], holder text, time_now bigint, time_end bigint
    ) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE
        taken integer;
    BEGIN
        UPDATE seats SET status = 'held', reservation_id = hold_id, expires_at = time_end
         WHERE show_id = of_show AND label = ANY (wanted)
           AND (status = 'available' OR status = 'held' AND expires_at <= time_now);
        GET DIAGNOSTICS taken = ROW_COUNT;
        IF taken <> cardinality(wanted) THEN
            RAISE EXCEPTION 'seats are taken' USING ERRCODE = 'SEATS';
        END IF;
        INSERT INTO reservations VALUES (hold_id, of_show, holder, wanted, 'held', time_end);
    END $$;
";
/// The rows of an index are read in the order of their labels, so that two holds of the same seats never wait for one another both.
const UPDATE: &str = "
    UPDATE seats SET status = 'held', reservation_id = $1::uuid, expires_at = $2
     WHERE show_id = $3 AND label = ANY ($4)
       AND (status = 'available' OR status = 'held' AND expires_at <= $5)";
const INSERT: &str = "INSERT INTO reservations VALUES ($1::uuid, $2, $3, $4, 'held', $5)";
const CALL: &str = "SELECT hold_seats($1::uuid, $2, $3, $4, $5, $6)";
/// What the function raises.
const TAKEN: &str = "SEATS";

/// What a show is called on the wire.
pub fn show_name(number: usize) -> String {
    format!("local-{number}")
}

/// Its number in the table.
pub fn show_number(name: &str) -> Option<i32> {
    name.strip_prefix("local-")?.parse().ok()
}

/// A database with the seats of all shows, all of them free, to be copied.
pub fn filled() -> Database {
    let database = fullhouse_test_servers::database();
    database.run(CREATE);
    database.run(&format!(
        "INSERT INTO seats (show_id, label)
         SELECT show_id, 'S-' || row || '-' || seat
           FROM generate_series(1, {SHOWS}) show_id, generate_series(0, {}) row, generate_series(1, {ROW_SEATS}) seat",
        ROWS - 1
    ));
    database.run("VACUUM (FREEZE, ANALYZE) seats");
    database
}

/// Reservations, and seats that are held.
pub fn count(database: &Database) -> anyhow::Result<(u64, u64)> {
    let counted = |sql: &str| database.run(sql).parse();
    Ok((counted("SELECT count(*) FROM reservations")?, counted("SELECT count(*) FROM seats WHERE status = 'held'")?))
}

/// Seats, and how they are held.
pub struct Seats {
    pool: PgPool,
    is_one_call: bool,
}

impl Seats {
    pub async fn connect(url: &str, pool: usize, is_one_call: bool) -> anyhow::Result<Self> {
        let options: PgConnectOptions = url.parse()?;
        let connections = u32::try_from(pool)?;
        // Asking each connection whether it lives would cost a round trip for every hold.
        let pool = PgPoolOptions::new().min_connections(connections).max_connections(connections).test_before_acquire(false);
        Ok(Self { pool: pool.connect_with(options).await?, is_one_call })
    }

    pub(super) async fn hold(&self, hold: &Hold) -> sqlx::Result<Held> {
        if self.is_one_call { self.by_function(hold).await } else { self.by_transaction(hold).await }
    }

    async fn by_transaction(&self, hold: &Hold) -> sqlx::Result<Held> {
        let mut transaction = self.pool.begin().await?;
        let update = sqlx::query(UPDATE).bind(&hold.number).bind(hold.expires_at).bind(hold.show).bind(&hold.seats).bind(hold.now);
        let taken = update.execute(&mut *transaction).await?.rows_affected();
        if taken != hold.seats.len() as u64 {
            transaction.rollback().await?;
            return Ok(Held::Taken);
        }
        let insert = sqlx::query(INSERT).bind(&hold.number).bind(hold.show).bind(&hold.subject).bind(&hold.seats).bind(hold.expires_at);
        insert.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(Held::Yes)
    }

    async fn by_function(&self, hold: &Hold) -> sqlx::Result<Held> {
        let call = sqlx::query(CALL).bind(&hold.number).bind(hold.show).bind(&hold.seats);
        match call.bind(&hold.subject).bind(hold.now).bind(hold.expires_at).execute(&self.pool).await {
            Ok(_) => Ok(Held::Yes),
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(TAKEN) => Ok(Held::Taken),
            Err(error) => Err(error),
        }
    }
}
