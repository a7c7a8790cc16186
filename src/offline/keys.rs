//! `streamsync keys`: API keys, made, listed, revoked and rotated in Postgres.

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use super::Store;
use super::recorded::record;
use crate::access::Roles;
use crate::access::keys::ApiKey;
use crate::access::keys::changes::{self, Wanted};
use crate::config::Config;
use crate::data::Micros;
use crate::data::audit::Action;
use crate::data::time::parse_span;
use crate::store::access::keys::StoredKey;
use crate::store::migrate;

/// The subject of whoever runs the program on the command line.
const OPERATOR: &str = "operator";

#[derive(Args, Debug)]
pub struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key; it is written to standard output, this once
    Create {
        /// What people know it by; no other key in use has it
        name: String,
        /// A role of the configuration
        #[arg(long)]
        role: String,
        /// When it expires: a length of time such as 90d, or an RFC 3339 time [default: never]
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// List all keys, also those that were revoked or have expired
    List,
    /// Let a key's holder out, on every node within a second
    Revoke {
        /// The key's id or name
        key: String,
    },
    /// Give a key another secret, written to standard output this once; the old one ends at once
    Rotate {
        /// The key's id or name
        key: String,
    },
}

pub async fn keys(config: &Config, args: &KeysArgs) -> Result<()> {
    let store = Store::of(config)?;
    // A key may be the first thing that is made.
    migrate::migrate(&store.url).await?;
    match &args.command {
        KeysCommand::Create { name, role, expires } => {
            let wanted = Wanted {
                name: name.clone(),
                role: role.clone(),
                expires: expires.as_deref().map(moment).transpose()?,
            };
            let (stored, key) = changes::create(&store.url, &roles(config)?, &wanted, OPERATOR).await?;
            record(&store.url, Action::CreateKey, &stored.id, &[]).await;
            show(&stored, &key);
        }
        KeysCommand::List => list(&changes::list(&store.url).await?),
        KeysCommand::Revoke { key } => {
            let id = find(&store, key).await?;
            let revoked = changes::revoke(&store.url, &id).await?;
            record(&store.url, Action::RevokeKey, &revoked.id, &[]).await;
            eprintln!("revoked key {} '{}'", revoked.id, revoked.name);
        }
        KeysCommand::Rotate { key } => {
            let id = find(&store, key).await?;
            let (stored, key) = changes::rotate(&store.url, &id).await?;
            record(&store.url, Action::RotateKey, &stored.id, &[]).await;
            show(&stored, &key);
        }
    }
    Ok(())
}

fn roles(config: &Config) -> Result<Roles> {
    let auth = config.auth.as_ref();
    let auth = auth.context("there is no [auth] in the configuration: a key needs a role of it")?;
    Roles::of(auth).map_err(|mistakes| anyhow::anyhow!(mistakes.join("; ")))
}

/// The id of a key in use.
async fn find(store: &Store, key: &str) -> Result<String> {
    let all = changes::list(&store.url).await?;
    let mut in_use = all.into_iter().filter(|stored| stored.revoked.is_none());
    let found = in_use.find(|stored| stored.id == key || stored.name == key);
    Ok(found
        .with_context(|| format!("no key in use has the id or the name '{key}'"))?
        .id)
}

/// The key alone on standard output, for scripts.
fn show(stored: &StoredKey, key: &ApiKey) {
    let (id, name, role) = (&stored.id, &stored.name, &stored.role);
    eprintln!("key {id} '{name}' with role '{role}'; it cannot be shown again:");
    println!("{}", key.text());
}

fn list(keys: &[StoredKey]) {
    let time = |time: Option<Micros>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    let now = Micros::now();
    println!("id\tname\trole\tstate\tcreated\tcreated by\texpires\tlast used");
    for key in keys {
        let state = match (key.revoked, key.expires) {
            (Some(_), _) => "revoked",
            (None, Some(expires)) if expires <= now => "expired",
            _ => "in use",
        };
        println!(
            "{}\t{}\t{}\t{state}\t{}\t{}\t{}\t{}",
            key.id,
            key.name,
            key.role,
            key.created,
            key.created_by,
            time(key.expires),
            time(key.last_used)
        );
    }
}

fn moment(text: &str) -> Result<Micros> {
    if let Some(time) = Micros::from_rfc3339(text) {
        return Ok(time);
    }
    match parse_span(text) {
        Ok(span) => Ok(Micros::now().plus(span)),
        Err(_) => bail!("--expires {text}: write a length of time such as 90d, or an RFC 3339 time"),
    }
}
