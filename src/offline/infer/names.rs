//! What the name of a field says of it.

/// The words of a path's last name, in small letters: `deviceId` and `device_id` are `device` and `id`.
pub fn words(path: &str) -> Vec<String> {
    let name = path.rsplit('.').find(|part| !part.is_empty()).unwrap_or(path);
    let letters: Vec<char> = name.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let behind = letters.get(at + 1);
        // `deviceID`, and the `V` of `EUIValue`.
        let begins = letter.is_uppercase()
            && (before.is_some_and(|c| c.is_lowercase()) || behind.is_some_and(|c| c.is_lowercase()));
        if !letter.is_alphanumeric() || begins {
            words.push(std::mem::take(&mut word));
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// How much a name speaks for a time, from 0 to 4.
pub fn time(path: &str) -> u8 {
    let words = words(path);
    let whole = words.concat();
    let last = words.last().map_or("", String::as_str);
    let is_later = [
        "created",
        "updated",
        "modified",
        "ingested",
        "received",
        "processed",
        "expires",
        "until",
    ]
    .iter()
    .any(|word| words.iter().any(|found| found == word));
    let is_unit = matches!(
        last,
        "ms" | "us" | "ns" | "sec" | "millis" | "micros" | "nanos" | "unix" | "utc"
    );
    match &*whole {
        _ if is_later && (names_time(last) || is_unit) => 1,
        "ts" | "time" | "timestamp" | "datetime" | "t" | "at" => 4,
        "eventtime" | "measuredat" | "observedat" | "recordedat" | "sampledat" | "occurredat" => 4,
        _ if names_time(last) => 3,
        _ if is_unit && words.iter().any(|word| names_time(word)) => 3,
        _ if whole.contains("timestamp") || words.iter().any(|word| names_time(word)) => 2,
        _ => 0,
    }
}

fn names_time(word: &str) -> bool {
    matches!(
        word,
        "ts" | "time" | "timestamp" | "datetime" | "date" | "at" | "epoch" | "zeit" | "zeitstempel" | "datum"
    )
}

/// Whether a number in it names something rather than measures.
pub fn is_id(path: &str) -> bool {
    let last = words(path).pop().unwrap_or_default();
    matches!(
        &*last,
        "id" | "ids"
            | "uid"
            | "uuid"
            | "guid"
            | "serial"
            | "imei"
            | "imsi"
            | "iccid"
            | "mac"
            | "eui"
            | "deveui"
            | "zip"
            | "zipcode"
            | "postcode"
            | "plz"
            | "phone"
            | "version"
            | "no"
            | "nr"
    )
}

/// Whether it names one record, so that as a label it would give each record a series.
pub fn is_of_one_record(path: &str) -> bool {
    let words = words(path);
    let first = words.first().map_or("", String::as_str);
    let ids = matches!(
        first,
        "event"
            | "message"
            | "msg"
            | "request"
            | "trace"
            | "span"
            | "correlation"
            | "transaction"
            | "tx"
            | "record"
            | "reading"
            | "batch"
            | "packet"
            | "frame"
    );
    matches!(&*words.concat(), "uuid" | "guid") || (ids && is_id(path))
}

/// Whether its texts are for people to read.
pub fn is_prose(path: &str) -> bool {
    let last = words(path).pop().unwrap_or_default();
    matches!(
        &*last,
        "message"
            | "msg"
            | "description"
            | "text"
            | "comment"
            | "note"
            | "notes"
            | "error"
            | "log"
            | "body"
            | "payload"
            | "raw"
            | "url"
            | "uri"
            | "stacktrace"
            | "title"
    )
}

/// How much a name speaks for that of a metric, from 0 to 2.
pub fn metric(path: &str) -> u8 {
    match &*words(path).concat() {
        "metric" | "metricname" | "measurement" | "measurementname" | "measure" | "parameter"
        | "quantity" | "variable" | "signal" => 2,
        "name" | "n" | "key" | "tag" | "tagname" | "channel" | "point" | "pointname" | "item"
        | "sensortype" | "type" | "kind" | "property" | "field" | "datapoint" => 1,
        _ => 0,
    }
}

/// Whether it says that it is a value, and not of what.
pub fn is_plain_value(path: &str) -> bool {
    let whole = words(path).concat();
    matches!(
        &*whole,
        "value" | "val" | "v" | "reading" | "number" | "metricvalue" | "measuredvalue" | "y"
    )
}

/// Whether it says in which unit another field is.
pub fn is_unit(path: &str) -> bool {
    let last = words(path).pop().unwrap_or_default();
    matches!(&*last, "unit" | "units" | "uom" | "u" | "unitofmeasure")
}

/// Whether an object of that name holds labels.
pub fn holds_labels(path: &str) -> bool {
    let last = words(path).pop().unwrap_or_default();
    matches!(&*last, "tags" | "labels" | "dimensions" | "attributes")
}

/// Whether an object of that name holds values.
pub fn holds_values(path: &str) -> bool {
    let last = words(path).pop().unwrap_or_default();
    matches!(
        &*last,
        "fields" | "values" | "metrics" | "measurements" | "readings" | "telemetry" | "sensors"
    )
}

/// The numbers of two words that are a state, the one that is 1 first.
pub fn states(texts: &[&str]) -> Option<[(String, f64); 2]> {
    const PAIRS: [(&str, &str); 10] = [
        ("on", "off"),
        ("open", "closed"),
        ("opened", "closed"),
        ("yes", "no"),
        ("up", "down"),
        ("true", "false"),
        ("online", "offline"),
        ("enabled", "disabled"),
        ("active", "inactive"),
        ("running", "stopped"),
    ];
    let [one, other] = texts else { return None };
    let (small, other_small) = (one.to_lowercase(), other.to_lowercase());
    let found = |a: &str, b: &str| PAIRS.contains(&(a, b));
    let pair = |on: &str, off: &str| Some([(on.to_owned(), 1.0), (off.to_owned(), 0.0)]);
    match (found(&small, &other_small), found(&other_small, &small)) {
        (true, _) => pair(one, other),
        (_, true) => pair(other, one),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_words_however_it_is_written() {
        for name in ["device_id", "deviceId", "a.DeviceID", "device-id", "Device ID"] {
            assert_eq!(words(name), ["device", "id"], "{name}");
        }
        assert_eq!(words("@timestamp"), ["timestamp"]);
        assert_eq!(words("a..").len(), 1);
        assert!(words("").is_empty());
    }

    #[test]
    fn names_tell_times_ids_and_records_apart() {
        let times = ["ts", "event_ts", "time_of_day", "created_at", "temperature"].map(time);
        assert_eq!(times, [4, 3, 2, 1, 0]);
        assert_eq!(
            ["ts_ms", "timeUnixNano", "updated_ts", "what"].map(time),
            [3, 2, 1, 0]
        );
        assert!(is_id("sensor.deviceId") && is_id("id") && !is_id("humid") && !is_id("void"));
        assert!(is_of_one_record("event_id") && is_of_one_record("uuid") && !is_of_one_record("device_id"));
        assert_eq!(["metricName", "name", "site"].map(metric), [2, 1, 0]);
        assert_eq!(
            states(&["Off", "On"]).map(|[(on, _), _]| on),
            Some("On".to_owned())
        );
        assert_eq!(states(&["on"]), None);
    }
}
