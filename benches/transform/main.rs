//! `make bench-transform`: what decoding and mapping a message costs, for each format, without Kafka
//! and without Postgres, beside what serde_json needs to parse the same JSON and, where they are
//! there, two stream processors of PyPI. Prints Markdown.
//!
//!   ROUNDS=7 RECORDS=1000 PEERS=python3 (one that has quixstreams and bytewax)
//!
//! Contestants take turns in every round. What is counted is CPU time of one thread.

#![allow(clippy::expect_used, reason = "a benchmark that fails says why")]

mod peers;
#[cfg(feature = "vrl")]
mod programs;
mod records;
mod stopwatch;
mod streams;

use peers::Peers;
use records::Records;
use stopwatch::{Contestant, Rate};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    let rounds = setting("ROUNDS", 7);
    let records = Records::new(setting("RECORDS", 1_000));
    let mut contestants: Vec<Box<dyn Contestant>> = Vec::new();
    contestants.extend(streams::every(&records));
    contestants.extend(streams::parsers(&records));
    #[cfg(feature = "vrl")]
    contestants.extend(programs::contestants(&records));
    match Peers::start(&records) {
        Ok(peers) => contestants.extend(peers.contestants()),
        Err(why) => eprintln!("\n**** SKIPPED: quixstreams and bytewax: {why} ****\n"),
    }
    let mut rates: Vec<Rate> = contestants.iter().map(|one| Rate::new(one.about())).collect();
    for round in 0..=rounds {
        for (contestant, rate) in contestants.iter_mut().zip(&mut rates) {
            let taken = stopwatch::measure(&mut **contestant);
            // The first one warms up.
            if round > 0 {
                rate.add(taken);
            }
        }
        eprintln!("round {round} of {rounds}");
    }
    print(&rates, &records, rounds);
}

fn setting(name: &str, default: usize) -> usize {
    let set = std::env::var(name).ok();
    set.map_or(default, |text| text.parse().expect("a whole number"))
}

fn print(rates: &[Rate], records: &Records, rounds: usize) {
    println!(
        "\n{} different records; median (least to most) of {rounds} rounds, CPU time of one thread\n",
        records.len()
    );
    println!("| contestant | bytes | ns per message | messages/s | points/s |\n|---|---|---|---|---|");
    for rate in rates {
        println!("{rate}");
    }
    println!("\n| ratio of speeds | measured | asked |\n|---|---|---|");
    let json = find(rates, "JSON");
    for (name, asked) in [
        ("serde_json into a struct", "0.5"),
        ("serde_json into a Value", "0.5"),
        ("quixstreams", "10"),
        ("quixstreams, its pipeline alone", "10"),
        ("bytewax", "10"),
    ] {
        if let (Some(json), Some(other)) = (json, find(rates, name)) {
            println!("| JSON : {name} | {:.2} | >= {asked} |", json.ratio(other));
        }
    }
    if let (Some(ours), Some(alone)) = (find(rates, "JSON with VRL"), find(rates, "vrl alone")) {
        println!(
            "| JSON with VRL : vrl alone | {:.2} | >= 0.67 |",
            ours.ratio(alone)
        );
    }
    for name in ["Avro", "Protobuf"] {
        if let (Some(json), Some(one)) = (json, find(rates, name)) {
            println!("| {name} : JSON | {:.2} | >= 1 |", one.ratio(json));
        }
    }
}

fn find<'r>(rates: &'r [Rate], name: &str) -> Option<&'r Rate> {
    rates.iter().find(|rate| rate.about.name == name)
}
