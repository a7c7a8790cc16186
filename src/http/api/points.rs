//! `GET /api/v1/points`: the stored points of the series that match, by series key and time.

use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream::{self, StreamExt};

use super::answer::{Of, Shape, not_acceptable, or_failed, reader, respond};
use super::memory::Blocks;
use super::params::Params;
use crate::data::{Columns, Micros, Scoped};
use crate::formats::Block;
use crate::graphql::Operations;
use crate::history::HistoryError;
use crate::store::read::{PointKey, PointRow, Reader};
use crate::telemetry::Status;

pub(super) const OWN: [&str; 1] = ["limit"];
/// The greatest whole number that every JSON parser reads exactly.
const LIMIT_MAX: usize = (1 << 53) - 1;
/// Rows of a page: about 1.5 MB of NDJSON, which are held for a client that reads slowly.
const PAGE: usize = 10_000;

pub(super) async fn get<E: Operations>(
    request: HttpRequest,
    worker: Of<E>,
    status: web::Data<Status>,
) -> HttpResponse {
    let answer = async {
        let params = Params::of(&request, &OWN)?;
        let asked = params.asked(request.headers())?;
        let limit = params.count("limit", LIMIT_MAX)?;
        let Some(format) = asked.format else {
            return Ok(not_acceptable());
        };
        let shape = Shape {
            format,
            times: asked.times,
            columns: vec!["value".to_owned()],
            from: asked.from,
            to: asked.to,
        };
        let (reader, viewer) = reader(&request, &worker, &status)?;
        let span = (asked.from, asked.to);
        let scoped = viewer.select(asked.selector);
        let blocks = pages(reader.clone(), scoped, span, limit.unwrap_or(usize::MAX));
        respond(&request, (&reader, &viewer), shape, blocks).await
    };
    or_failed(answer.await)
}

/// Each page begins after the last row, so that nothing is held in Postgres for a slow client.
fn pages(reader: Reader, scoped: Scoped, (from, to): (Micros, Micros), limit: usize) -> Blocks {
    let start = Some((None::<PointKey>, limit));
    stream::try_unfold(
        (reader, scoped, start),
        move |(reader, scoped, place)| async move {
            let Some((after, left)) = place else {
                return Ok(None);
            };
            let page = reader.points(&scoped, from, to, after.as_ref(), left.min(PAGE));
            let page = page.await.map_err(HistoryError::from)?;
            let left = left - page.rows.len();
            let after = page.rows.last().map(|last| PointKey {
                series: last.series.series.key.to_string(),
                ts: last.ts,
            });
            let next = (page.more && left > 0).then_some((after, left));
            Ok(Some((blocks(page.rows), (reader, scoped, next))))
        },
    )
    .boxed_local()
}

fn blocks(rows: Vec<PointRow>) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut of = None;
    for row in rows {
        if of.replace(row.series.id) != Some(row.series.id) {
            let (series, line) = (row.series.series, Columns::new(1));
            blocks.push(Block { series, line });
        }
        if let Some(block) = blocks.last_mut() {
            block.line.push(row.ts, [Some(row.value)]);
        }
    }
    blocks
}
