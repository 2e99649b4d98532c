//! Servers for tests: started when a test program first needs them, on a port of their own, and gone when it ends.
//!
//! They are the real ones, from the system's packages. One that is not installed fails the test and says so.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod postgres;
mod process;
mod redis_and_nats;

pub use postgres::{Database, database, end_databases};
pub use process::{PATIENCE, Process, free_port};
pub use redis_and_nats::{Nats, Redis};

/// Tests that every store must pass, each with each store: `on_every_store! { in_files in_a_database: { one_test another } }`. A store is
/// made by the function of that name, and handed to the test.
#[macro_export]
macro_rules! on_every_store {
    ($($store:ident)*: $tests:tt) => {
        $($crate::on_every_store! { @one $store $tests })*
    };
    (@one $store:ident { $($test:ident)* }) => {
        mod $store {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(super::$store().await).await;
            })*
        }
    };
}
