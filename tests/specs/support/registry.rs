//! A schema registry that stands in for Confluent's: schemas by id, by GUID and by subject, and it can be
//! away.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

pub struct Registry {
    pub url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    answers: HashMap<String, Value>,
    away: bool,
    /// What a client must send in its header `Authorization`.
    login: Option<String>,
    asked: Vec<String>,
}

impl Registry {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                // A client that goes away needs no answer.
                let _ = answer(&socket, &shared);
            }
        });
        Self { url, state }
    }

    /// A schema under this path, such as `schemas/ids/7`.
    pub fn has(&self, path: &str, schema: Value) {
        let mut state = self.state.lock().expect("the state");
        state.answers.insert(format!("/{path}"), schema);
    }

    pub fn has_avro(&self, id: u32, schema: &Value) {
        self.has(
            &format!("schemas/ids/{id}"),
            json!({"schema": schema.to_string()}),
        );
    }

    /// Answers 503 from now on, or no longer.
    pub fn is_away(&self, away: bool) {
        self.state.lock().expect("the state").away = away;
    }

    pub fn asks_for(&self, authorization: &str) {
        self.state.lock().expect("the state").login = Some(authorization.to_owned());
    }

    /// The paths that were asked for, in their order.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().expect("the state").asked.clone()
    }
}

fn answer(mut socket: &TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut lines = BufReader::new(socket).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let path = path.split('?').next().unwrap_or_default();
    let mut login = None;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("authorization")
        {
            login = Some(value.to_owned());
        }
    }
    let (status, body) = {
        let mut state = state.lock().expect("the state");
        state.asked.push(path.to_owned());
        match state.answers.get(path) {
            _ if state.away => (
                "503 Service Unavailable",
                json!({"error_code": 50301, "message": "away"}),
            ),
            _ if state.login != login => ("401 Unauthorized", json!({"error_code": 401, "message": "who?"})),
            Some(schema) => ("200 OK", schema.clone()),
            None => (
                "404 Not Found",
                json!({"error_code": 40403, "message": "Schema not found"}),
            ),
        }
    };
    let body = body.to_string();
    write!(
        socket,
        "HTTP/1.1 {status}\r\ncontent-type: application/vnd.schemaregistry.v1+json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    )
}
