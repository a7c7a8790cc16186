//! What became of records that are sent together. All of them share one entry, in which librdkafka's thread
//! writes their places: no future, no channel and no copy for each.

use parking_lot::Mutex;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use tokio::sync::oneshot;

use crate::sources::broker::Quiet;
use crate::sources::throttle::Reservation;

/// Where a record ended up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    pub partition: i32,
    pub offset: i64,
}

/// Of one producer.
#[derive(Debug, Default)]
pub struct Deliveries {
    together: Mutex<Table>,
}

/// Records that are sent together. When it is dropped, its entry stays until librdkafka has answered for
/// each of them.
#[derive(Debug)]
pub struct Together<'d> {
    deliveries: &'d Deliveries,
    entry: u32,
    sent: usize,
}

/// Entries by their number; those that are free are used again.
#[derive(Debug, Default)]
struct Table {
    entries: Vec<Entry>,
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Entry {
    places: Vec<Option<Placed>>,
    /// The room of each record in the embedded broker.
    reservations: Vec<Option<Reservation>>,
    answered: usize,
    failure: Option<KafkaError>,
    waiting: Option<Waiting>,
    /// How many answers there will be, once nobody waits for them any more.
    left_with: Option<usize>,
}

#[derive(Debug)]
struct Waiting {
    sent: usize,
    told: oneshot::Sender<()>,
}

// An opaque value is the number of an entry, and that of a record in it.
const _: () = assert!(usize::BITS == 64, "two numbers of 32 bits do not fit");

impl Deliveries {
    pub fn begin(&self) -> Together<'_> {
        let mut table = self.together.lock();
        let entry = table.free.pop().unwrap_or_else(|| {
            table.entries.push(Entry::default());
            (table.entries.len() - 1) as u32
        });
        Together {
            deliveries: self,
            entry,
            sent: 0,
        }
    }

    /// How many wait for answers.
    #[cfg(test)]
    pub fn open(&self) -> usize {
        let table = self.together.lock();
        table.entries.len() - table.free.len()
    }

    fn answered(&self, opaque: usize, answer: Result<Placed, KafkaError>) {
        let (at, record) = (opaque >> 32, opaque & u32::MAX as usize);
        let mut table = self.together.lock();
        let entry = &mut table.entries[at];
        entry.answered += 1;
        let place = answer.as_ref().ok().copied();
        let reservation = entry.reservations.get_mut(record).and_then(Option::take);
        match answer {
            Ok(place) => {
                // Of no use any more without somebody who waits.
                if entry.left_with.is_none() {
                    if entry.places.len() <= record {
                        entry.places.resize(record + 1, None);
                    }
                    entry.places[record] = Some(place);
                }
            }
            Err(error) => {
                entry.failure.get_or_insert(error);
            }
        }
        let (failed, answered) = (entry.failure.is_some(), entry.answered);
        let is_over = |waiting: &mut Waiting| failed || waiting.sent == answered;
        let waiting = entry.waiting.take_if(is_over);
        if entry.left_with == Some(answered) {
            table.release(at);
        }
        drop(table);
        if let Some((reservation, place)) = reservation.zip(place) {
            reservation.placed(place.partition, place.offset);
        }
        if let Some(waiting) = waiting {
            let _ = waiting.told.send(());
        }
    }
}

impl Table {
    fn release(&mut self, entry: usize) {
        self.entries[entry] = Entry::default();
        self.free.push(entry as u32);
    }
}

impl Together<'_> {
    /// What librdkafka gives back with the answer for the next record.
    pub fn opaque(&self) -> usize {
        (self.entry as usize) << 32 | self.sent
    }

    /// The room that the next record takes in the embedded broker, until it is stored there or fails.
    pub fn reserve(&mut self, reservation: Reservation) {
        let mut table = self.deliveries.together.lock();
        let entry = &mut table.entries[self.entry as usize];
        entry.reservations.truncate(self.sent);
        entry.reservations.push(Some(reservation));
    }

    /// librdkafka has taken the next record and will answer for it.
    pub fn taken(&mut self) {
        self.sent += 1;
    }

    /// Waits until all are acknowledged, or for the first that is not.
    pub async fn settled(&self) -> Result<(), KafkaError> {
        let told = {
            let mut table = self.deliveries.together.lock();
            let entry = &mut table.entries[self.entry as usize];
            match &entry.failure {
                Some(failure) => return Err(failure.clone()),
                None if entry.answered == self.sent => return Ok(()),
                None => {}
            }
            let (told, hears) = oneshot::channel();
            let sent = self.sent;
            entry.waiting = Some(Waiting { sent, told });
            hears
        };
        // It cannot be dropped: the entry stays as long as this does.
        let _ = told.await;
        let table = self.deliveries.together.lock();
        match &table.entries[self.entry as usize].failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(()),
        }
    }

    /// Of the records in their order; those that are acknowledged have one.
    pub fn places(self) -> Vec<Option<Placed>> {
        let mut table = self.deliveries.together.lock();
        std::mem::take(&mut table.entries[self.entry as usize].places)
    }
}

impl Drop for Together<'_> {
    fn drop(&mut self) {
        let mut table = self.deliveries.together.lock();
        let entry = &mut table.entries[self.entry as usize];
        if entry.answered == self.sent {
            return table.release(self.entry as usize);
        }
        *entry = Entry {
            answered: entry.answered,
            reservations: std::mem::take(&mut entry.reservations),
            left_with: Some(self.sent),
            ..Entry::default()
        };
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Quiet.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Quiet.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, delivered: &DeliveryResult<'_>, opaque: usize) {
        let answer = match delivered {
            Ok(message) => Ok(Placed {
                partition: message.partition(),
                offset: message.offset(),
            }),
            Err((error, _)) => Err(error.clone()),
        };
        self.answered(opaque, answer);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use rdkafka::error::RDKafkaErrorCode;

    use super::*;

    fn place(offset: i64) -> Placed {
        Placed { partition: 0, offset }
    }

    fn take(together: &mut Together<'_>) -> usize {
        let opaque = together.opaque();
        together.taken();
        opaque
    }

    fn entries(deliveries: &Deliveries) -> (usize, usize) {
        let table = deliveries.together.lock();
        (table.entries.len(), table.free.len())
    }

    const FAILURE: KafkaError = KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut);
    const LATER: KafkaError = KafkaError::MessageProduction(RDKafkaErrorCode::PurgeQueue);

    #[test]
    fn the_last_answer_settles_them_and_places_have_the_order_of_the_records() {
        let deliveries = Deliveries::default();
        let mut together = deliveries.begin();
        let opaques: Vec<_> = (0..3).map(|_| take(&mut together)).collect();
        deliveries.answered(opaques[2], Ok(place(7)));
        let mut settled = Box::pin(together.settled());
        assert!(settled.as_mut().now_or_never().is_none());
        deliveries.answered(opaques[0], Ok(place(8)));
        assert!(settled.as_mut().now_or_never().is_none());
        deliveries.answered(opaques[1], Ok(place(9)));
        assert!(settled.now_or_never().unwrap().is_ok());
        assert_eq!(together.places(), [8, 9, 7].map(|offset| Some(place(offset))));
        assert_eq!(entries(&deliveries), (1, 1));
    }

    #[test]
    fn the_first_failure_settles_them_and_later_answers_free_the_entry() {
        let deliveries = Deliveries::default();
        let mut together = deliveries.begin();
        let opaques: Vec<_> = (0..4).map(|_| take(&mut together)).collect();
        let mut settled = Box::pin(together.settled());
        assert!(settled.as_mut().now_or_never().is_none());
        deliveries.answered(opaques[1], Ok(place(1)));
        deliveries.answered(opaques[3], Err(FAILURE));
        deliveries.answered(opaques[0], Err(LATER));
        assert_eq!(settled.now_or_never().unwrap(), Err(FAILURE));
        assert_eq!(together.places(), [None, Some(place(1))]);
        assert_eq!(entries(&deliveries), (1, 0));
        deliveries.answered(opaques[2], Ok(place(2)));
        assert_eq!(entries(&deliveries), (1, 1));
    }

    #[test]
    fn an_entry_that_nobody_waits_for_is_free_after_its_last_answer_and_not_before() {
        let deliveries = Deliveries::default();
        let mut dropped = deliveries.begin();
        let opaques = [take(&mut dropped), take(&mut dropped)];
        drop(dropped.settled().now_or_never());
        drop(dropped);
        deliveries.answered(opaques[1], Ok(place(1)));
        let mut next = deliveries.begin();
        let opaque = take(&mut next);
        deliveries.answered(opaques[0], Err(FAILURE));
        deliveries.answered(opaque, Ok(place(2)));
        assert!(next.settled().now_or_never().unwrap().is_ok());
        assert_eq!(next.places(), [Some(place(2))]);
        assert_eq!(entries(&deliveries), (2, 2));
    }

    #[test]
    fn nothing_sent_is_settled() {
        let deliveries = Deliveries::default();
        let together = deliveries.begin();
        assert!(together.settled().now_or_never().unwrap().is_ok());
        drop(together);
        assert_eq!(entries(&deliveries), (1, 1));
    }
}
