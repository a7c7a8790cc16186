//! The ledger for the poll thread: synchronous, connected on first use, reconnected after a failure.
//!
//! The connection has a small runtime on the poll thread, because the calls come from the rebalance
//! callback, which cannot await.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::data::{Claim, Claimed, TopicPartition};
use crate::sources::{Ledger, LedgerError};
use crate::store::WriteError;
use crate::store::connect::DatabaseUrl;
use crate::store::ledger;

/// Well within the time after which the group drops a node that does not answer a rebalance.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

const ALIVE_WITHIN: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub struct PostgresLedger {
    database: DatabaseUrl,
    session: Option<(Runtime, ledger::Ledger)>,
}

impl PostgresLedger {
    pub fn new(database: DatabaseUrl) -> Self {
        Self {
            database,
            session: None,
        }
    }

    fn ask<T>(
        &mut self,
        question: impl AsyncFnOnce(&mut ledger::Ledger) -> Result<T, WriteError>,
    ) -> Result<T, LedgerError> {
        let (runtime, mut ledger) = match self.session.take() {
            // Nothing drives the connection between two rebalances, so it may have ended.
            Some((runtime, ledger)) if runtime.block_on(is_alive(&ledger)) => (runtime, ledger),
            _ => self.open()?,
        };
        let answer = runtime.block_on(async { timeout(ANSWER_WITHIN, question(&mut ledger)).await });
        let answer = answer.unwrap_or_else(|_| Err(WriteError::Retry("no answer in time".to_owned())));
        if answer.is_ok() {
            self.session = Some((runtime, ledger));
        }
        answer.map_err(into_ledger_error)
    }

    fn open(&self) -> Result<(Runtime, ledger::Ledger), LedgerError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| LedgerError::Retry(error.to_string()))?;
        let connecting = async { timeout(ANSWER_WITHIN, ledger::Ledger::connect(&self.database)).await };
        match runtime.block_on(connecting) {
            Ok(Ok(ledger)) => Ok((runtime, ledger)),
            Ok(Err(error)) => Err(into_ledger_error(error)),
            Err(_) => Err(LedgerError::Retry("no connection in time".to_owned())),
        }
    }
}

async fn is_alive(ledger: &ledger::Ledger) -> bool {
    matches!(timeout(ALIVE_WITHIN, ledger.ping()).await, Ok(Ok(())))
}

fn into_ledger_error(error: WriteError) -> LedgerError {
    match error {
        WriteError::Poisoned(why) | WriteError::Fatal(why) => LedgerError::Fatal(why),
        other => LedgerError::Retry(other.to_string()),
    }
}

impl Ledger for PostgresLedger {
    fn claim(&mut self, of: TopicPartition<'_>) -> Result<Claim, LedgerError> {
        self.ask(async |ledger| ledger.claim(of).await)
    }

    fn begin_topic(&mut self, of: TopicPartition<'_>, first: &[(i32, i64)]) -> Result<(), LedgerError> {
        self.ask(async |ledger| ledger.begin_topic(of, first).await)
    }

    fn begin_epoch(&mut self, of: TopicPartition<'_>, next_offset: i64) -> Result<Claimed, LedgerError> {
        self.ask(async |ledger| ledger.begin_epoch(of, next_offset).await)
    }

    fn record_gap(&mut self, claimed: Claimed, to: i64) -> Result<(), LedgerError> {
        self.ask(async |ledger| ledger.record_gap(claimed, to).await)
    }

    fn record_lost_end(&mut self, claimed: Claimed, from: i64) -> Result<(), LedgerError> {
        self.ask(async |ledger| ledger.record_lost_end(claimed, from).await)
    }
}
