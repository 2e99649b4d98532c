//! What projectors share among them.

use std::sync::Arc;

use fullhouse_eventstore::Log;
use fullhouse_projector::duties::Duty;
use fullhouse_projector::health::Health;
use fullhouse_projector::redis_view::{self, Connection, DueHolds, Partition};
use fullhouse_projector::snapshots::{self, Snapshots};
use fullhouse_projector::{duties, relay, sealing, sql};
use fullhouse_schemas::names::{PARTITIONS, subject_of_due_holds};
use fullhouse_transparency::{CheckpointKey, Checkpoints};
use fullhouse_views::LiveViews;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::rooms;

/// The numbers of duties. They must be the same in every process, of this release and of the ones before.
const SQL_VIEWS: u16 = 0;
const RELAY: u16 = 1;
/// The other partitions follow.
const FIRST_PARTITION: u16 = 2;
const WAITING_ROOMS: u16 = 100;
const SEALING: u16 = 101;
const SNAPSHOTS: u16 = 102;

/// Everything that a projector may have to do.
pub struct Duties {
    pub log: Log,
    pub cluster: String,
    pub database_url: String,
    pub nats: Option<async_nats::Client>,
    pub redis: Option<Connection>,
    /// Kept up to date by somebody else.
    pub views: Option<Arc<LiveViews>>,
    pub checkpoints: Checkpoints,
    pub checkpoint_key: CheckpointKey,
    pub snapshots: Snapshots,
    /// Whether holds that are due are reported.
    pub reports_due: bool,
    pub health: Health,
}

impl Duties {
    /// Does its share until `stop`.
    pub async fn share(self, stop: CancellationToken) {
        let duty = |number, name: &str| Duty { number, name: name.to_owned() };
        let mut all = vec![duty(SQL_VIEWS, "the SQL views"), duty(SEALING, "sealing"), duty(SNAPSHOTS, "the snapshots")];
        all.extend(self.nats.iter().map(|_| duty(RELAY, "the relay")));
        all.extend(self.views.iter().filter(|_| self.nats.is_some()).map(|_| duty(WAITING_ROOMS, "the waiting rooms")));
        let partitions = (0..PARTITIONS).map(|partition| duty(FIRST_PARTITION + partition, &format!("partition {partition} in Redis")));
        all.extend(partitions.filter(|_| self.redis.is_some()));
        duties::share(&self.database_url, &all, &self.health, &stop, |duty, stop| self.start(duty, stop)).await;
    }

    fn start(&self, duty: u16, stop: CancellationToken) -> JoinHandle<()> {
        let (log, health) = (self.log.clone(), self.health.clone());
        match (duty, &self.nats, &self.redis) {
            (SQL_VIEWS, _, _) => sql::postgres::start(log, self.database_url.clone(), health, stop),
            (SEALING, _, _) => tokio::spawn(sealing::run(log, self.checkpoints.clone(), self.checkpoint_key.clone(), health, stop)),
            (SNAPSHOTS, _, _) => tokio::spawn(snapshots::run(self.snapshots.clone(), health, stop)),
            (RELAY, Some(nats), _) => {
                let jetstream = async_nats::jetstream::new(nats.clone());
                tokio::spawn(relay::run(log, jetstream, self.cluster.clone(), health, stop))
            }
            (WAITING_ROOMS, Some(nats), _) => {
                let views = self.views.clone().expect("the duty is offered only with views");
                tokio::spawn(rooms::admit(log, views, nats.clone(), self.cluster.clone(), stop))
            }
            (partition, nats, Some(redis)) => {
                let due = match nats {
                    Some(nats) if self.reports_due => DueHolds::To(nats.clone(), subject_of_due_holds(&self.cluster)),
                    _ => DueHolds::Nobody,
                };
                let partition = Partition { number: partition - FIRST_PARTITION, cluster: self.cluster.clone(), redis: redis.clone(), due };
                tokio::spawn(redis_view::run(log, partition, health, stop))
            }
            (duty, _, None) => unreachable!("duty {duty} was not offered"),
        }
    }
}
