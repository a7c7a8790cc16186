//! Stream processors of PyPI, which `peers.py` runs in a process of its own.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use crate::records::{Reading, Records};
use crate::stopwatch::{About, Contestant};
use crate::streams::{POINTS, mean_length};

const NAMES: [&str; 4] = [
    "Python and orjson alone",
    "quixstreams",
    "quixstreams, its pipeline alone",
    "bytewax",
];

/// Told the name of a contestant it answers with how many messages it took, and the CPU seconds.
#[derive(Debug)]
pub struct Peers {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    bytes: usize,
}

impl Peers {
    /// Or why they cannot take part.
    pub fn start(records: &Records) -> Result<Self, String> {
        let python = std::env::var("PEERS").map_err(|_| "PEERS names no Python that has them".to_owned())?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/transform/peers.py");
        let mut process = Command::new(&python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{python}: {error}"))?;
        let to = process.stdin.take().ok_or("no pipe")?;
        let from = BufReader::new(process.stdout.take().ok_or("no pipe")?);
        let messages = records.each(Reading::json);
        let bytes = mean_length(&messages);
        let mut peers = Self {
            process,
            to,
            from,
            bytes,
        };
        let failed = |error| format!("{script} ended: {error}");
        for message in messages {
            peers.to.write_all(&message).map_err(failed)?;
            peers.to.write_all(b"\n").map_err(failed)?;
        }
        peers.ask("")?;
        Ok(peers)
    }

    fn ask(&mut self, name: &str) -> Result<String, String> {
        let mut answer = String::new();
        writeln!(self.to, "{name}")
            .and_then(|()| self.to.flush())
            .and_then(|()| self.from.read_line(&mut answer))
            .map_err(|error| error.to_string())?;
        match answer.is_empty() {
            true => Err("the program of the peers has ended".to_owned()),
            false => Ok(answer),
        }
    }

    pub fn contestants(self) -> Vec<Box<dyn Contestant>> {
        let shared = Rc::new(RefCell::new(self));
        let one = |name| -> Box<dyn Contestant> {
            let peers = Rc::clone(&shared);
            Box::new(Peer { name, peers })
        };
        NAMES.map(one).into()
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Peer {
    name: &'static str,
    peers: Rc<RefCell<Peers>>,
}

impl Contestant for Peer {
    fn about(&self) -> About {
        About {
            name: self.name,
            bytes: self.peers.borrow().bytes,
            points: POINTS,
        }
    }

    fn run(&mut self) -> (usize, Duration) {
        let answer = self.peers.borrow_mut().ask(self.name).expect("an answer");
        let (messages, seconds) = answer.trim().split_once(' ').expect("messages and seconds");
        let seconds: f64 = seconds.parse().expect("seconds");
        (
            messages.parse().expect("messages"),
            Duration::from_secs_f64(seconds),
        )
    }
}
