//! The arguments of `query`, `tail`, `export`, `resume` and `reload`, and their requests to the server.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use self::question::{Buckets, Span, Which};
use crate::client::{self, Format, Look, Screen};
use crate::offline::words;

mod question;
pub mod shell;

const HISTORY: &str = "query($selector: SeriesSelector!, $from: DateTime!, $to: DateTime, $step: Step,
    $timeZone: String, $aggregate: [Aggregate!], $percentiles: [Float!], $groupBy: [String!],
    $across: Across, $fill: Fill, $fillValue: Float, $maxPoints: Int) {
  history(selector: $selector, from: $from, to: $to, step: $step, timeZone: $timeZone,
    aggregate: $aggregate, percentiles: $percentiles, groupBy: $groupBy, across: $across, fill: $fill,
    fillValue: $fillValue, maxPoints: $maxPoints) { OF { key } points { ts FIELDS } } }";

const LATEST: &str = "query($selector: SeriesSelector!) {
  latest(selector: $selector) { series { key } ts value } }";

const RESUME: &str = "mutation($stream: String!) { resumeStream(stream: $stream) { wasPaused } }";

const RELOAD: &str = "mutation { reloadConfiguration { streams atRestart } }";

#[derive(Args, Debug)]
pub struct Server {
    /// Where StreamSync listens
    #[arg(long, default_value = "http://127.0.0.1:8080", env = "STREAMSYNC_URL")]
    url: String,
}

#[derive(Args, Debug)]
pub struct QueryArgs {
    /// A GraphQL text to send instead
    #[arg(conflicts_with_all = ["Which", "Span", "Buckets"])]
    graphql: Option<String>,
    /// The variables of that text, as a JSON object
    #[arg(long, requires = "graphql", value_name = "JSON")]
    variables: Option<String>,
    /// How to print the answer: exactly, or with short numbers
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    server: Server,
    #[command(flatten, next_help_heading = "Series")]
    which: Which,
    #[command(flatten, next_help_heading = "Time")]
    span: Span,
    #[command(flatten, next_help_heading = "Buckets (instead of stored points)")]
    buckets: Buckets,
}

#[derive(Args, Debug)]
pub struct TailArgs {
    #[command(flatten)]
    options: client::tail::Options,
    #[command(flatten)]
    server: Server,
    #[command(flatten, next_help_heading = "Series")]
    which: Which,
}

#[derive(Args, Debug)]
#[command(mut_group("since", |since| since.required(true)))]
pub struct ExportArgs {
    /// The file, made when all has come; standard output if omitted or -
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The format [default: by the ending of --out, or csv]
    #[arg(long, value_parser = ["csv", "json", "ndjson", "arrow", "parquet"])]
    format: Option<String>,
    /// Times in a text as iso, s, ms or us [default: iso]
    #[arg(long, value_name = "FORM", value_parser = ["iso", "s", "ms", "us"])]
    ts: Option<String>,
    #[command(flatten)]
    server: Server,
    #[command(flatten, next_help_heading = "Series")]
    which: Which,
    #[command(flatten, next_help_heading = "Time")]
    span: Span,
    #[command(flatten, next_help_heading = "Buckets (instead of stored points)")]
    buckets: Buckets,
}

#[derive(Args, Debug)]
pub struct ResumeArgs {
    /// The stream's name
    #[arg(long)]
    stream: String,
    #[command(flatten)]
    server: Server,
}

#[derive(Args, Debug)]
pub struct ReloadArgs {
    #[command(flatten)]
    server: Server,
}

pub async fn query(args: &QueryArgs) -> Result<()> {
    let (text, variables) = match (&args.graphql, args.span.times()?) {
        (Some(text), _) => (text.clone(), args.variables.clone()),
        (None, Some((from, to))) => {
            let mut variables = args.buckets.variables(&args.span);
            variables["selector"] = args.which.selector()?;
            variables["from"] = json!(from.to_string());
            variables["to"] = json!(to.map(|to| to.to_string()));
            let of = if args.buckets.are_grouped() {
                "group"
            } else {
                "series"
            };
            let text = HISTORY
                .replace("OF", of)
                .replace("FIELDS", &args.buckets.fields());
            (text, Some(variables.to_string()))
        }
        (None, None) => {
            let variables = json!({"selector": args.which.selector()?});
            (LATEST.to_owned(), Some(variables.to_string()))
        }
    };
    let out = &mut io::stdout().lock();
    let look = Look {
        screen: Screen::of(out),
        zone: args.span.zone(),
    };
    let table = Some(&look).filter(|_| args.format == Format::Table);
    client::query(&args.server.url, &text, variables.as_deref(), table, out).await
}

async fn ask(server: &Server, text: &str, variables: Option<Value>) -> Result<Value> {
    let (mut answer, variables) = (Vec::new(), variables.map(|variables| variables.to_string()));
    client::query(&server.url, text, variables.as_deref(), None, &mut answer).await?;
    Ok(serde_json::from_slice(&answer)?)
}

pub async fn resume(args: &ResumeArgs) -> Result<()> {
    let stream = &args.stream;
    let answer = ask(&args.server, RESUME, Some(json!({"stream": stream}))).await?;
    match answer["resumeStream"]["wasPaused"].as_bool() {
        Some(true) => println!("stream {stream} is read again"),
        _ => println!("stream {stream} was not paused"),
    }
    Ok(())
}

pub async fn reload(args: &ReloadArgs) -> Result<()> {
    let answer = ask(&args.server, RELOAD, None).await?;
    let names = |field: &str| {
        let names = answer["reloadConfiguration"][field].as_array();
        let names = names.into_iter().flatten().filter_map(Value::as_str);
        names.map(str::to_owned).collect::<Vec<_>>().join(", ")
    };
    match names("streams") {
        none if none.is_empty() => println!("no stream has changed"),
        streams => println!("changed: {streams}"),
    }
    let later = names("atRestart");
    if !later.is_empty() {
        println!("changed at the next start: {later}");
    }
    Ok(())
}

pub async fn tail(args: &TailArgs) -> Result<()> {
    let out = &mut io::stdout().lock();
    let tail = client::Tail {
        url: &args.server.url,
        selector: args.which.selector()?,
        options: &args.options,
        screen: Screen::of(out),
    };
    let say = |news: &str| eprintln!("{news}");
    let stop = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    let cursor = client::tail(&tail, out, say, stop).await?;
    if let Some(cursor) = cursor.filter(|_| io::stderr().is_terminal()) {
        let again = shell::again(&["--backfill", "--after"], &["--after", &cursor]);
        eprintln!("\ncontinue with\n  {again}");
    }
    Ok(())
}

pub async fn export(args: &ExportArgs) -> Result<()> {
    let file = args.out.clone().filter(|path| path != Path::new("-"));
    let (from, to) = args.span.times()?.context("say which time: --last or --from")?;
    let mut parameters = args.which.parameters();
    parameters.push(("from", from.to_string()));
    parameters.extend(to.map(|to| ("to", to.to_string())));
    parameters.extend(args.ts.clone().map(|ts| ("ts", ts)));
    parameters.extend(args.buckets.parameters(&args.span));
    let format = match &args.format {
        Some(format) => format.clone(),
        None => by_ending(file.as_deref())?.to_owned(),
    };
    parameters.push(("format", format));
    let export = client::Export {
        url: args.server.url.clone(),
        resource: if args.buckets.are_none() {
            "points"
        } else {
            "history"
        },
        parameters,
        progress: file.is_some() && io::stderr().is_terminal(),
        file,
    };
    let bytes = client::export(&export).await?;
    if let Some(file) = &export.file {
        eprintln!("{} in {}", words::bytes(bytes), file.display());
    }
    Ok(())
}

fn by_ending(file: Option<&Path>) -> Result<&'static str> {
    let Some(file) = file else { return Ok("csv") };
    let ending = file
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default();
    Ok(match ending.to_ascii_lowercase().as_str() {
        "csv" => "csv",
        "json" => "json",
        "ndjson" | "jsonl" => "ndjson",
        "arrow" | "arrows" => "arrow",
        "parquet" => "parquet",
        _ => bail!(
            "--out {}: its ending names no format; end it in .csv (which spreadsheets open), .json, .ndjson, \
             .arrow or .parquet, or add --format",
            file.display()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_names_the_format_and_an_unknown_one_is_refused() {
        let of = |name: &str| by_ending(Some(Path::new(name)));
        assert_eq!(by_ending(None).unwrap(), "csv");
        assert_eq!(of("a.b/x.CSV").unwrap(), "csv");
        assert_eq!(of("x.jsonl").unwrap(), "ndjson");
        for name in ["t.xlsx", "t", ".csv", "csv"] {
            let why = of(name).unwrap_err().to_string();
            assert!(
                why.contains(name) && why.contains(".parquet, or add --format"),
                "{why}"
            );
        }
    }
}
