//! The memory of an answer for a client that reads slowly: a page of rows, and a part of it as text.

use futures_util::stream::{self, LocalBoxStream, StreamExt};

use crate::formats::Block;
use crate::history::HistoryError;

/// Pages of rows until there are no more; dropped when the client is gone.
pub(super) type Blocks = LocalBoxStream<'static, Result<Vec<Block>, HistoryError>>;

/// The most that a page of few series takes.
pub(super) const PAGE: usize = 1 << 20;
/// Rows that are written as text at once: about 50 KB, more where labels are long.
const ROWS: usize = 500;
/// Bytes of a series besides its key and its labels.
const SERIES: usize = 400;

/// About how many bytes a page takes.
pub(super) fn of(page: &[Block]) -> usize {
    let block = |block: &Block| {
        let values = block.line.columns.len() * size_of::<Option<f64>>();
        // Its labels are as long as its key.
        SERIES + 2 * block.series.key.len() + block.line.len() * (size_of::<i64>() + values)
    };
    page.iter().map(block).sum()
}

/// The same rows in the same order, some at a time.
pub(super) fn in_parts(pages: Blocks) -> Blocks {
    let parts = pages.flat_map(|page| match page {
        Ok(page) => stream::iter(parts(page).map(Ok)).left_stream(),
        Err(error) => stream::iter([Err(error)]).right_stream(),
    });
    parts.boxed_local()
}

fn parts(page: Vec<Block>) -> impl Iterator<Item = Vec<Block>> {
    let (mut page, mut rest) = (page.into_iter(), None);
    std::iter::from_fn(move || {
        let (mut part, mut room) = (Vec::new(), ROWS);
        while room > 0 {
            let Some(mut block) = rest.take().or_else(|| page.next()) else {
                break;
            };
            if block.line.len() > room {
                rest = Some(Block {
                    series: block.series.clone(),
                    line: block.line.split_off(room),
                });
            }
            room -= block.line.len();
            part.push(block);
        }
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::{Columns, Micros, Series};

    #[test]
    fn a_page_in_parts_has_the_same_rows_in_the_same_order() {
        let block = |metric: &str, rows: usize| {
            let mut line = Columns::new(2);
            for row in 0..rows {
                line.push(Micros(row as i64), [Some(row as f64), None]);
            }
            let series = Arc::new(Series::new(metric, [] as [(&str, &str); 0]));
            Block { series, line }
        };
        let page = vec![
            block("a", 1),
            block("b", 0),
            block("c", 1_300),
            block("d", 499),
            block("e", 200),
        ];
        assert!(of(&page) > 2_000 * 40);
        let parts: Vec<Vec<Block>> = super::parts(page.clone()).collect();
        let sizes = parts
            .iter()
            .map(|part| part.iter().map(|block| block.line.len()).sum());
        assert_eq!(sizes.collect::<Vec<usize>>(), [500, 500, 500, 500]);
        let mut joined: Vec<Block> = Vec::new();
        for block in parts.into_iter().flatten() {
            match joined.last_mut() {
                Some(last) if last.series == block.series => {
                    last.line.times.extend(block.line.times);
                    for (column, more) in last.line.columns.iter_mut().zip(block.line.columns) {
                        column.extend(more);
                    }
                }
                _ => joined.push(block),
            }
        }
        assert_eq!(joined, page);
        assert!(super::parts(Vec::new()).next().is_none());
    }
}
