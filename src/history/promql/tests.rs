//! What is read and refused, and functions of windows against straightforward models.

use proptest::prelude::*;

use super::windows::Function;
use super::*;
use crate::data::{Scope, Selector, Viewer};
use crate::store::read::{ReadLimits, Reader};
use crate::store::testing::Database;

fn refusal(text: &str) -> String {
    match Expression::parse(text) {
        Err(PromqlError::Refused(why)) => why,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn numbers_are_worked_out_and_selectors_stay() {
    for (text, kind) in [
        ("1+1", Kind::Scalar),
        ("-(2 ^ 3) % 5", Kind::Scalar),
        ("up", Kind::Vector),
        ("{__name__=~\"a|b\",site!~\"x\"}", Kind::Vector),
        ("{\"x.y\",\"l.m\"=\"v\"}", Kind::Vector),
        ("sum by (site) (rate(up[5m] offset 1h)) * 100", Kind::Vector),
        (
            "max(count without (a) (quantile_over_time(0.9, up[1h30m])))",
            Kind::Vector,
        ),
        ("-up", Kind::Vector),
        ("up[5m]", Kind::Matrix),
    ] {
        let expression = Expression::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(expression.kind(), kind, "{text}");
    }
}

#[test]
fn what_is_beyond_it_is_named_with_what_is_supported() {
    for text in [
        "up + up",
        "up > 1",
        "histogram_quantile(0.9, up)",
        "topk(3, up)",
        "rate(up[5m:1m])",
        "up @ 3",
        "\"text\"",
        "abs(up)",
        "up and up",
        "quantile(0.5, up)",
        "sum(up[5m]) + 1",
    ] {
        let why = refusal(text);
        assert!(
            why.contains("supported") || why.contains("parse error"),
            "{text}: {why}"
        );
    }
    assert!(refusal("abs(up)").starts_with("unsupported expression 'abs(up)': supported are selectors"));
    assert!(refusal("up{").starts_with("parse error: "));
    assert_eq!(refusal("up[1e300]"), "parse error: a duration is too long");
    assert_eq!(
        refusal("up offset 99999999999999999999"),
        "parse error: a duration is too long"
    );
    assert!(refusal("{a=~\".*\"}").starts_with("parse error: "));
    assert!(refusal(&format!("up{{a=~\"{}\"}}", "x".repeat(2_000))).contains("longer than"));
    assert!(selector("rate(up[5m])").is_err() && selector("up offset 5m").is_err());
}

#[test]
fn what_would_nest_without_end_is_refused_before_it_is_parsed() {
    for text in [
        format!("{}1{}", "(".repeat(8_000), ")".repeat(8_000)),
        format!("{}1", "1-".repeat(8_000)),
        format!("{}up", "-".repeat(16_000)),
        format!("up{}", " or up".repeat(2_000)),
        format!("up{}", "[1m:]".repeat(3_000)),
        format!("#\"\n{}", "(".repeat(8_000)),
        format!("'\\'' + `\\` {}", "(".repeat(8_000)),
        format!("up{{{}}}", "a=~\"(x{100}){100}\",".repeat(100)),
        "x".repeat(17_000),
    ] {
        assert!(
            refusal(&text).starts_with("an expression may have"),
            "{}",
            &text[..20]
        );
    }
    for text in [
        format!("{}1{}", "(".repeat(100), ")".repeat(100)),
        format!("{}1", "1-".repeat(100)),
        format!("up{{a=~\"{}\"}} + 1", "host-(1)|".repeat(100)),
    ] {
        Expression::parse(&text).unwrap();
    }
}

fn at(millis: i64) -> Micros {
    Micros::from_millis(millis)
}

#[test]
fn rates_are_extrapolated_as_far_as_points_are_apart_and_never_below_zero() {
    let (start, end) = (at(0), at(60_000));
    let counter: Vec<Sample> = (0..4)
        .map(|n| (at(15_000 * n + 10_000), 100.0 + n as f64 * 15.0))
        .collect();
    // 10 s before the first point and 5 s behind the last are within their distance.
    assert_eq!(Function::Increase.of(&counter, start, end), Some(60.0));
    assert_eq!(Function::Rate.of(&counter, start, end), Some(1.0));
    // 30 s before are not: half of 10 s is assumed, and 10 s behind.
    let late = [(at(30_000), 50.0), (at(40_000), 60.0), (at(50_000), 70.0)];
    assert_eq!(Function::Delta.of(&late, start, end), Some(35.0));
    // The counter began at 0 one second before its first point.
    let young = [(at(10_000), 1.0), (at(20_000), 11.0)];
    assert_eq!(Function::Increase.of(&young, at(5_000), at(20_000)), Some(11.0));
    // A fall is a start from 0.
    let reset = [(at(10_000), 5.0), (at(20_000), 2.0)];
    assert_eq!(Function::Increase.of(&reset, at(10_000), at(20_000)), Some(2.0));
    assert_eq!(Function::Irate.of(&reset, start, end), Some(0.2));
    for function in [
        Function::Rate,
        Function::Increase,
        Function::Delta,
        Function::Irate,
    ] {
        assert_eq!(function.of(&reset[..1], start, end), None);
    }
}

#[test]
fn sums_keep_what_a_large_value_would_swallow_and_means_what_overflows() {
    let at_any = |values: &[f64]| -> Vec<Sample> { values.iter().map(|v| (at(1), *v)).collect() };
    let of = |function: Function, values: &[f64]| function.of(&at_any(values), at(0), at(1)).unwrap();
    assert_eq!(of(Function::Sum, &[1.0, 1e100, 1.0, -1e100]), 2.0);
    assert_eq!(of(Function::Sum, &[1e308, 1e308, -1e308]), 1e308);
    assert_eq!(of(Function::Sum, &[1e308, 1e308]), f64::INFINITY);
    assert_eq!(of(Function::Avg, &[1.7e308, 1.7e308]), 1.7e308);
    assert_eq!(of(Function::Avg, &[1.0, f64::NEG_INFINITY]), f64::NEG_INFINITY);
    for n in 1..30 {
        assert_eq!(of(Function::Avg, &vec![0.1; n]), 0.1, "{n} times");
    }
    assert_eq!(of(Function::Stddev, &[1e308, -1e308]), 1e308);
    let deviation = of(Function::Stddev, &[1e150, 3e150]);
    assert!((deviation / 1e150 - 1.0).abs() < 1e-15, "{deviation}");
    assert_eq!(of(Function::Quantile(-1.0), &[1.0]), f64::NEG_INFINITY);
    assert_eq!(of(Function::Quantile(1.1), &[1.0]), f64::INFINITY);
    assert!(of(Function::Quantile(f64::NAN), &[1.0]).is_nan());
}

proptest! {
    #[test]
    fn functions_of_a_window_are_those_of_a_plain_model(
        values in proptest::collection::vec(-1e6..1e6f64, 1..40),
        phi in 0.0..=1.0f64,
    ) {
        let window: Vec<Sample> = values.iter().zip(1..).map(|(v, n)| (at(n), *v)).collect();
        let of = |function: Function| function.of(&window, at(0), at(100)).unwrap();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = phi * (count - 1.0);
        let (lower, upper) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
        let deviations = values.iter().map(|v| (v - mean) * (v - mean));
        for (function, wanted) in [
            (Function::Avg, mean),
            (Function::Sum, values.iter().sum()),
            (Function::Count, count),
            (Function::Min, sorted[0]),
            (Function::Max, sorted[sorted.len() - 1]),
            (Function::First, values[0]),
            (Function::Last, values[values.len() - 1]),
            (Function::Stddev, (deviations.sum::<f64>() / count).sqrt()),
            (Function::Quantile(phi), lower + (upper - lower) * (rank - rank.floor())),
        ] {
            let got = of(function);
            prop_assert!((got - wanted).abs() <= 1e-6, "{function:?}: {got} for {wanted}");
        }
    }
}

/// Two series of a counter and one of another metric with the same labels as the first.
async fn world() -> (Database, Reader) {
    let db = Database::create().await;
    db.run(
        "create table points_all partition of points default;
         insert into series (key, metric, labels, stream) values
             ('c{site=\"a\"}', 'c', '{\"site\": \"a\"}', 's'), ('c{site=\"b\"}', 'c', '{\"site\": \"b\"}', 's'),
             ('d{site=\"a\"}', 'd', '{\"site\": \"a\", \"__name__\": \"c\"}', 's');
         insert into points (series_id, partition_id, ts, value, \"offset\", recorded_at)
         select id, 1, timestamptz 'epoch' + n * interval '10 s', n * id, n, now()
         from series, generate_series(0, 60) n",
    )
    .await;
    let reader = Reader::new(db.url.clone(), ReadLimits::default()).unwrap();
    (db, reader)
}

async fn ask(reader: &Reader, text: &str) -> Result<Vec<(Vec<String>, Vec<f64>)>, PromqlError> {
    ask_as(&Viewer::everyone(), reader, text).await
}

async fn ask_as(
    viewer: &Viewer,
    reader: &Reader,
    text: &str,
) -> Result<Vec<(Vec<String>, Vec<f64>)>, PromqlError> {
    let instants = Instants {
        first: at(60_000),
        last: at(180_000),
        step: Step::new(Duration::from_secs(60)).unwrap(),
        lookback: Duration::from_secs(300),
    };
    let lines = answer(reader, viewer, &Expression::parse(text)?, &instants).await?;
    let line = |line: Sampled| {
        let labels = line.labels.iter().map(|(name, value)| format!("{name}={value}"));
        (
            labels.collect(),
            line.samples.iter().map(|(_, value)| *value).collect(),
        )
    };
    Ok(lines.into_iter().map(line).collect())
}

#[tokio::test]
async fn an_expression_is_read_and_taken_through_its_stages() {
    let (_db, reader) = world().await;
    let line = |labels: &[&str], values: [f64; 3]| {
        (
            labels.iter().map(ToString::to_string).collect::<Vec<_>>(),
            values.to_vec(),
        )
    };
    for (text, wanted) in [
        (
            "c{site=\"a\"}",
            vec![line(&["__name__=c", "site=a"], [6.0, 12.0, 18.0])],
        ),
        (
            "c{site=\"a\"} offset 1m",
            vec![line(&["__name__=c", "site=a"], [0.0, 6.0, 12.0])],
        ),
        (
            "c{site=\"a\"} offset -1m",
            vec![line(&["__name__=c", "site=a"], [12.0, 18.0, 24.0])],
        ),
        ("100 - c{site=\"a\"}", vec![line(&["site=a"], [94.0, 88.0, 82.0])]),
        ("rate(c{site=\"b\"}[1m])", vec![line(&["site=b"], [0.2; 3])]),
        (
            "count_over_time({__name__=\"c\",site!=\"b\"}[1m])",
            vec![line(&["site=a"], [6.0; 3])],
        ),
        ("sum(increase(c[30s])) / 3", vec![line(&[], [3.0; 3])]),
        (
            "max by (site) ({site=~\".+\"})",
            vec![
                line(&["site=a"], [18.0, 36.0, 54.0]),
                line(&["site=b"], [12.0, 24.0, 36.0]),
            ],
        ),
        (
            "count without (site) ({__name__=~\"c|d\"})",
            vec![line(&[], [3.0; 3])],
        ),
        (
            "last_over_time(d[1m])",
            vec![line(&["__name__=d", "site=a"], [18.0, 36.0, 54.0])],
        ),
        ("2", vec![line(&[], [2.0; 3])]),
        ("none", vec![]),
    ] {
        assert_eq!(ask(&reader, text).await, Ok(wanted), "{text}");
    }
}

#[tokio::test]
async fn an_expression_is_answered_of_the_viewers_scope() {
    let (_db, reader) = world().await;
    let scope = [selector("d").unwrap(), selector("{site=\"b\"}").unwrap()];
    let viewer = Viewer::of(Scope::any_of(scope));
    for (text, wanted) in [
        ("count({site=~\".+\"})", Some(2.0)),
        ("count(c)", Some(1.0)),
        ("count(c{site=\"a\"})", None),
    ] {
        let answer = ask_as(&viewer, &reader, text).await.unwrap();
        assert_eq!(answer.first().map(|(_, values)| values[0]), wanted, "{text}");
    }
}

#[test]
fn a_selector_keeps_to_the_limits_of_all_others() {
    let many = |n: usize, op: &str| -> String {
        let matchers: Vec<String> = (0..n).map(|n| format!("l{n}{op}\"x\"")).collect();
        format!("c{{{}}}", matchers.join(","))
    };
    assert!(selector(&many(32, "=")).is_ok() && selector(&many(8, "=~")).is_ok());
    for (text, why) in [
        (many(33, "="), "more than 32 label matchers"),
        (many(9, "=~"), "more than 8 regular expressions"),
        (
            format!("c{{l=\"{}\"}}", "x".repeat(4_096)),
            "a selector of more than 4096 bytes",
        ),
    ] {
        assert_eq!(selector(&text), Err(PromqlError::Refused(why.to_owned())));
    }
}

#[tokio::test]
async fn series_that_only_their_metric_tells_apart_cannot_lose_it() {
    let (_db, reader) = world().await;
    for text in ["rate({site=\"a\"}[1m])", "{site=\"a\"} * 2"] {
        let answer = ask(&reader, text).await;
        assert!(
            matches!(&answer, Err(PromqlError::Failed(why)) if why.contains("same labelset")),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn more_points_than_rows_are_allowed_are_refused_in_words_of_prometheus() {
    let (db, _) = world().await;
    let rows = 5;
    let reader = Reader::new(
        db.url.clone(),
        ReadLimits {
            rows,
            ..ReadLimits::default()
        },
    )
    .unwrap();
    for text in ["c", "rate(c[1m])"] {
        let answer = ask(&reader, text).await;
        let Err(PromqlError::Failed(why)) = answer else {
            panic!("{answer:?}")
        };
        assert!(
            why.starts_with("query processing would load too many samples"),
            "{why}"
        );
    }
    assert_eq!(ask(&reader, "c{site=\"a\"}").await.unwrap().len(), 1);
}

#[test]
fn a_name_in_braces_is_looked_up_like_any_other() {
    let metric = Some("x.y".to_owned());
    assert_eq!(
        selector("{\"x.y\"}").unwrap(),
        Selector {
            metric,
            labels: vec![]
        }
    );
    assert_eq!(selector("{__name__=\"x\"}").unwrap(), selector("x").unwrap());
}
