//! Influx line protocol: `<measurement>_<field>` with the tags of the line, `value` adding nothing.

use super::refusals::Refusals;
use crate::data::TimeUnit;
use crate::decode::{LineProtocol, lines};
use crate::transform::{Mapping, Taking};

/// Every line by itself. `unit`: of the times of the lines.
pub fn read(body: &[u8], unit: TimeUnit, taking: &mut Taking<'_>) -> Refusals {
    let mapping = Mapping::default().of_fields_and_tags("measurement", "time", unit);
    let mut refusals = Refusals::default();
    for (number, line) in lines(body) {
        let taken = line.and_then(|line| taking.object(&mapping, &line, &LineProtocol));
        if let Err(error) = taken {
            refusals.add(|| format!("line {number}"), error);
        }
    }
    refusals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Micros;
    use crate::transform::{Intake, Limits};

    const NOW: Micros = Micros(1_764_351_845_000_000);

    fn written(body: &[u8], unit: TimeUnit) -> (Vec<String>, Vec<String>) {
        let (mut intake, limits) = (Intake::default(), Limits::default());
        let mut taking = intake.begin(&limits, body, NOW);
        let refusals = read(body, unit, &mut taking);
        let taken = taking.end();
        let points = taken.points.iter().map(|point| {
            let series = &taken.series[point.series as usize].key;
            format!("{series} {} {}", point.value, point.ts.0 - NOW.0)
        });
        let told = refusals.told().iter().map(ToString::to_string);
        (points.collect(), told.collect())
    }

    #[test]
    fn each_line_is_taken_or_refused_by_itself() {
        let body = b"# from a test\n\
            m,site=north temp=21.5,count=3i 1764351845000000001\n\
            m,site=north temp= 1764351845000000001\n\
            m,site=south text=\"two\nlines\",value=7 1764351846000000000\r\n\
            m temp=1 1\n\
            m,site=\xff temp=1\n\
            \n\
            last on=true";
        let (points, told) = written(body, TimeUnit::Ns);
        assert_eq!(
            points,
            [
                r#"m_temp{site="north"} 21.5 0"#,
                r#"m_count{site="north"} 3 0"#,
                r#"m{site="south"} 7 1000000"#,
                "last_on{} 1 0",
            ]
        );
        let begins = [
            "line 3: not_line_protocol: expected a number",
            "line 6: out_of_time_range: 1970-01-01",
            "line 7: not_line_protocol: ",
        ];
        assert_eq!(told.len(), begins.len(), "{told:?}");
        for (told, begin) in told.iter().zip(begins) {
            assert!(told.starts_with(begin), "{told} does not begin with {begin}");
        }
    }

    #[test]
    fn times_have_the_precision_that_was_asked_for() {
        for (unit, time) in [
            (TimeUnit::S, "1764351845"),
            (TimeUnit::Ms, "1764351845000"),
            (TimeUnit::Us, "1764351845000000"),
            (TimeUnit::Ns, "1764351845000000000"),
        ] {
            let (points, told) = written(format!("m value=1 {time}").as_bytes(), unit);
            assert_eq!((points, told), (vec!["m{} 1 0".to_owned()], vec![]));
        }
    }
}
