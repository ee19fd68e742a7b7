use redis::{Commands, Connection, FromRedisValue, Value};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

/// Nothing that a test waits for takes so long: it has failed.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);

/// Runs the server for as long as our end of its standard input is open, which no way of dying leaves open.
const SUPERVISE: &str = r#"
folder=$1; shift
trap '' INT TERM HUP
"$@" </dev/null >/dev/null 2>&1 &
echo $!
exec >/dev/null 2>&1
cat
kill -9 $!
wait
rm -rf "$folder""#;

/// A real server without persistence on the loopback interface, stopped when this is dropped.
pub struct RedisServer {
    pub port: u16,
    pid: String,
    shell: Child,
    hold: Option<ChildStdin>,
}

impl RedisServer {
    pub fn start() -> Self {
        Self::start_on(free_port(), &[])
    }

    pub fn start_on(port: u16, arguments: &[&str]) -> Self {
        static FOLDERS: AtomicU32 = AtomicU32::new(0);
        let binary = std::env::var("SLUICE_TEST_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder: PathBuf = std::env::temp_dir().join(format!("sluice-native-redis-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut shell = Command::new("sh")
            .args(["-c", SUPERVISE, "supervise"])
            .arg(&folder)
            .args([&binary, "--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"])
            .arg(&folder)
            .args(["--save", "", "--appendonly", "no", "--enable-debug-command", "yes"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let hold = shell.stdin.take();
        let mut pid = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(shell.stdout.take().unwrap()), &mut pid).unwrap();
        let server = Self { port, pid: pid.trim().to_owned(), shell, hold };
        let serves = || server.connect().is_some_and(|mut connection| connection.ping::<String>().is_ok());
        until(&format!("{binary} serves on port {port} (scripts/setup brings one)"), serves);
        server
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn connect(&self) -> Option<Connection> {
        redis::Client::open(self.url()).unwrap().get_connection_with_timeout(Duration::from_secs(1)).ok()
    }

    /// Runs one command on a connection of its own.
    pub fn run<T: FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_run(words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    pub fn try_run<T: FromRedisValue>(&self, words: &[&str]) -> Result<T, redis::RedisError> {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).query(&mut self.connect().expect("the server takes connections"))
    }

    /// How often a command was called, by the server's own count.
    pub fn calls(&self, command: &str) -> u64 {
        let stats: String = self.run(&["INFO", "commandstats"]);
        let start = format!("cmdstat_{command}:calls=");
        let found = stats.lines().find_map(|line| line.strip_prefix(&start));
        found.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
    }

    pub fn raw(&self, key: &str) -> Option<Vec<u8>> {
        match self.run(&["GET", key]) {
            Value::BulkString(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The process stands still, as if the machine did.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.pid]).status().unwrap().success());
    }

    /// Kills it at once, as `kill -9` does.
    pub fn kill(self) -> u16 {
        self.port
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        drop(self.hold.take());
        let _ = self.shell.wait();
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let mut waited = Duration::ZERO;
    while !is_so() {
        assert!(waited < PATIENCE, "waited {} s in vain until {what}", PATIENCE.as_secs());
        sleep(POLL);
        waited += POLL;
    }
}
