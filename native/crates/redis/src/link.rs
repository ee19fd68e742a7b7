use crate::error::{Error, Failure, failure_of, value_of};
use crate::failure::{describe, silence};
use crate::scripts::{DECIDE, Script};
use crate::server_check::{Role, check_server};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, PushInfo, PushKind, RedisError, Value,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A server that takes longer to take a connection cannot be reached.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Commands that may wait inside of the client: more than ever do, so that it never holds one back.
const CLIENT_BUFFER: usize = 4096;

/// One connection to one server. It sends every command at most once, and ends with the first failure: it is never mended,
/// another takes its place.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    connection: MultiplexedConnection,
    address: Arc<str>,
}

/// What a call of a script is given.
#[derive(Debug)]
pub(crate) struct ScriptCall<'a> {
    pub keys: Vec<&'a str>,
    pub block: &'a [u8],
    pub lease_ids: Vec<&'a str>,
}

/// A connection, and what tells its end.
#[derive(Debug)]
pub(crate) struct Connected {
    pub link: Link,
    notices: mpsc::UnboundedReceiver<PushInfo>,
}

impl Connected {
    /// Connects, looks what it is connected to, and makes the script known: a restarted server, or the next primary, knows none.
    pub async fn connect(info: ConnectionInfo, address: Arc<str>, role: Role) -> Result<Self, Error> {
        let (sender, notices) = mpsc::unbounded_channel();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_MAX))
            // Deadlines are the callers' own.
            .set_response_timeout(None)
            .set_pipeline_buffer_size(CLIENT_BUFFER)
            .set_push_sender(sender);
        let unreachable =
            |why: &dyn std::fmt::Display| Error::Unavailable(format!("Redis at {address} cannot be reached: {why}"));
        let is_tls = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
        let failed = |error: RedisError| unreachable(&describe(&error, is_tls));
        let connecting = async {
            let client = Client::open(info).map_err(failed)?;
            let connection = client.get_multiplexed_async_connection_with_config(&config).await.map_err(failed)?;
            let link = Link { connection, address: Arc::clone(&address) };
            check_server(&link, role).await.map_err(|error| match error {
                Error::ConnectionLost(_) => unreachable(&error),
                error => error,
            })?;
            // A user may lack the right to, and still call what another has loaded, or EVAL: the first check will tell.
            match link.call(redis::cmd("SCRIPT").arg("LOAD").arg(DECIDE.source), false).await {
                Ok(_) | Err(Failure::Reply(_)) => Ok(link),
                Err(Failure::Error(error)) => Err(unreachable(&error)),
            }
        };
        let silent = || format!("timed out after {} s ({})", CONNECT_MAX.as_secs(), silence(is_tls));
        let link = timeout(CONNECT_MAX, connecting).await.map_err(|_| unreachable(&silent()))??;
        Ok(Self { link, notices })
    }

    /// Resolves when the connection has ended.
    pub async fn ended(&mut self) {
        while let Some(notice) = self.notices.recv().await {
            if notice.kind == PushKind::Disconnection {
                return;
            }
        }
    }
}

impl Link {
    /// Of the server.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Sends a command, once.
    ///
    /// `asking`: right behind ASKING, for a slot that is being moved to this node.
    pub async fn call(&self, command: &Cmd, asking: bool) -> Result<Value, Failure> {
        let mut connection = self.connection.clone();
        if !asking {
            return value_of(connection.send_packed_command(command).await, &self.address);
        }
        let mut both = redis::pipe();
        both.cmd("ASKING").add_command(command.clone());
        let replies =
            connection.send_packed_commands(&both, 0, 2).await.map_err(|error| failure_of(&error, &self.address))?;
        // The first says OK; where it is lost, so is the one that matters.
        value_of(Ok(replies.into_iter().next_back().unwrap_or_default()), &self.address)
    }

    /// Runs a script by its digest. Where the server does not know it (SCRIPT FLUSH, a restart, a failover), the same call
    /// once more by its source: that answer proves that nothing was executed.
    pub async fn run(&self, script: Script, call: &ScriptCall<'_>, asking: bool) -> Result<Value, Failure> {
        match self.call(&call.command("EVALSHA", script.sha1), asking).await {
            Err(Failure::Reply(reply)) if reply.kind == "NOSCRIPT" => {
                self.call(&call.command("EVAL", script.source), asking).await
            }
            result => result,
        }
    }
}

impl ScriptCall<'_> {
    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(self.block).arg(&self.lease_ids);
        command
    }
}
