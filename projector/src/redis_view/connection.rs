//! Connections to one Redis server, to a Redis cluster, or to whichever server the sentinels name.

use std::sync::Arc;

use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelServerType};
use redis::{Client, Cmd, FromRedisValue, RedisError, RedisResult, ScriptInvocation};
use tokio::sync::Mutex;

/// How a URL says that its addresses are those of sentinels, or of nodes of a cluster.
const SENTINEL: &str = "redis+sentinel://";
const CLUSTER: &str = "redis+cluster://";

/// A connection. Clones share it.
#[derive(Clone)]
pub struct Connection(Kind);

#[derive(Clone)]
enum Kind {
    One(ConnectionManager),
    Cluster(ClusterConnection),
    Sentinel(Arc<Mutex<Watched>>),
}

/// The master that the sentinels have named, until it fails.
struct Watched {
    sentinels: SentinelClient,
    master: Option<MultiplexedConnection>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Connection")
    }
}

impl Connection {
    /// Connects to `redis://host:port/`, `redis+sentinel://host:port,host:port/master` or `redis+cluster://host:port,host:port`,
    /// and asks for a sign of life.
    pub async fn open(url: &str) -> RedisResult<Self> {
        let connection = Self(if let Some(rest) = url.strip_prefix(SENTINEL) {
            Kind::Sentinel(Arc::new(Mutex::new(Watched { sentinels: sentinels(rest)?, master: None })))
        } else if let Some(rest) = url.strip_prefix(CLUSTER) {
            let nodes = rest.trim_end_matches('/').split(',').map(|node| format!("redis://{node}"));
            Kind::Cluster(ClusterClient::new(nodes)?.get_async_connection().await?)
        } else {
            // Whoever waits for it tries again anyway, and should hear of a failure soon.
            let config = ConnectionManagerConfig::new().set_number_of_retries(1);
            Kind::One(Client::open(url)?.get_connection_manager_with_config(config).await?)
        });
        let _: String = connection.query(&redis::cmd("PING")).await?;
        Ok(connection)
    }

    /// Runs a script.
    pub async fn invoke<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> RedisResult<T> {
        match &self.0 {
            Kind::One(connection) => script.invoke_async(&mut connection.clone()).await,
            Kind::Cluster(connection) => script.invoke_async(&mut connection.clone()).await,
            Kind::Sentinel(watched) => {
                let mut watched = watched.lock().await;
                let mut master = watched.master().await?;
                let answer = script.invoke_async(&mut master).await;
                watched.keep(master, answer)
            }
        }
    }

    /// Runs a command.
    pub async fn query<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        match &self.0 {
            Kind::One(connection) => command.query_async(&mut connection.clone()).await,
            Kind::Cluster(connection) => command.query_async(&mut connection.clone()).await,
            Kind::Sentinel(watched) => {
                let mut watched = watched.lock().await;
                let mut master = watched.master().await?;
                let answer = command.query_async(&mut master).await;
                watched.keep(master, answer)
            }
        }
    }
}

impl Watched {
    async fn master(&mut self) -> RedisResult<MultiplexedConnection> {
        match self.master.take() {
            Some(master) => Ok(master),
            None => self.sentinels.get_async_connection().await,
        }
    }

    /// After a failure the sentinels are asked again, since another server may be the master by then.
    fn keep<T>(&mut self, master: MultiplexedConnection, answer: RedisResult<T>) -> RedisResult<T> {
        self.master = answer.is_ok().then_some(master);
        answer
    }
}

fn sentinels(rest: &str) -> RedisResult<SentinelClient> {
    let malformed = || RedisError::from((redis::ErrorKind::InvalidClientConfig, "not redis+sentinel://host:port,host:port/master"));
    let (nodes, master) = rest.trim_end_matches('/').split_once('/').ok_or_else(malformed)?;
    let nodes: Vec<String> = nodes.split(',').map(|node| format!("redis://{node}")).collect();
    SentinelClient::build(nodes, master.to_owned(), None, SentinelServerType::Master)
}
