//! What happens to the database while a run goes on, from outside of it.

use std::net::SocketAddr;
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// One trouble.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trouble {
    /// Every connection to the database is ended by its server.
    Terminate,
    /// The server cannot be reached for so long; its connections are cut.
    Away { ms: u64 },
    /// Another program writes for so long.
    Locked { ms: u64 },
}

/// Where a scenario's database is, and the way there.
pub(super) struct Way {
    url: String,
    proxy: Option<Proxy>,
}

impl Way {
    pub(super) async fn new(url: String) -> Way {
        let proxy = match url.starts_with("postgres") {
            true => Some(Proxy::start(server_of(&url)).await),
            false => None,
        };
        Way { url, proxy }
    }

    /// The address that the binary is given.
    pub(super) fn url(&self) -> String {
        match &self.proxy {
            Some(proxy) => self.url.replace(&server_of(&self.url), &proxy.address.to_string()),
            None => self.url.clone(),
        }
    }

    /// Makes the trouble, to its end.
    pub(super) async fn make(&mut self, trouble: Trouble) {
        match (trouble, &mut self.proxy) {
            (Trouble::Terminate, Some(_)) => {
                let mut connection = PgConnection::connect(&self.url).await.expect("the database opens");
                let sql =
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
                connection.execute(sql).await.expect("connections can be ended");
            }
            (Trouble::Away { ms }, Some(proxy)) => proxy.cut(Duration::from_millis(ms)).await,
            (Trouble::Locked { ms }, None) => {
                let path = self.url.strip_prefix("sqlite:").expect("a file");
                let mut connection = SqliteConnection::connect(&format!("sqlite://{path}")).await.expect("the database opens");
                connection.execute("BEGIN IMMEDIATE").await.expect("the lock is got in time");
                tokio::time::sleep(Duration::from_millis(ms)).await;
                connection.execute("ROLLBACK").await.expect("the lock is given back");
            }
            (trouble, _) => panic!("{trouble:?} is none of this kind of database"),
        }
    }

    /// Runs statements on the database, behind the program's back.
    pub(super) async fn execute(&self, statements: &str) {
        match self.url.strip_prefix("sqlite:") {
            Some(_) => crate::support::execute(&self.url, statements).await,
            None => {
                let mut connection = PgConnection::connect(&self.url).await.expect("the database opens");
                // Several statements at once go as text, not prepared.
                let text = sqlx::raw_sql(AssertSqlSafe(statements));
                connection.execute(text).await.unwrap_or_else(|error| panic!("{statements}: {error}"));
            }
        }
    }
}

/// Host and port of a `postgres://` address.
fn server_of(url: &str) -> String {
    let (server, _) = url.rsplit_once('/').expect("the address ends with a database");
    server.rsplit(['@', '/']).next().expect("the address names a server").to_owned()
}

/// Passes bytes on to a server, until it is cut off.
struct Proxy {
    address: SocketAddr,
    server: String,
    listening: AbortHandle,
}

impl Proxy {
    async fn start(server: String) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let listening = tokio::spawn(pass(listener, server.clone())).abort_handle();
        Proxy { address, server, listening }
    }

    /// Ends all connections and refuses new ones for a while.
    async fn cut(&mut self, time: Duration) {
        self.listening.abort();
        tokio::time::sleep(time).await;
        let listener = TcpListener::bind(self.address).await.expect("the port is still free");
        self.listening = tokio::spawn(pass(listener, self.server.clone())).abort_handle();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Dropping it ends the connections.
async fn pass(listener: TcpListener, server: String) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((mut client, _)) = listener.accept().await else { continue };
        let server = server.clone();
        connections.spawn(async move {
            let Ok(mut upstream) = TcpStream::connect(server).await else { return };
            // Either side may close at any moment; what that means is the program's to find out.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
        });
    }
}
