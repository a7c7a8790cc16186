//! Numbers and texts in the cells of a table.

/// Digits of a number with a fraction.
const DIGITS: i32 = 6;

/// Six digits, but all digits before the point; an exponent for very small and large numbers.
pub fn short(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        let text = format!("{number:.*e}", DIGITS as usize - 1);
        return match text.split_once('e') {
            Some((digits, exponent)) => format!("{}e{exponent}", without_zeros(digits)),
            None => text,
        };
    }
    // 0.00123 has two zeros after the point, so `before` is -2.
    let before = if size == 0.0 {
        1
    } else {
        size.log10().floor() as i32 + 1
    };
    let behind = (DIGITS - before).clamp(0, 15) as usize;
    without_zeros(&format!("{number:.behind$}")).to_owned()
}

fn without_zeros(digits: &str) -> &str {
    match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => digits,
    }
}

/// At most `width` characters. The middle is left out, since keys of series differ at both ends.
pub fn shortened(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let (front, back) = (kept.div_ceil(2), kept / 2);
    let ellipsis = Some('…').filter(|_| width > 0);
    let front = text.chars().take(front);
    front
        .chain(ellipsis)
        .chain(text.chars().skip(length - back))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_keep_what_stands_before_the_point() {
        for (number, expected) in [
            (0.0, "0"),
            (1.0, "1"),
            (1.771_999_999_999_999_8, "1.772"),
            (-0.001_234_567_8, "-0.00123457"),
            (123_456_789.25, "123456789"),
            (999_999.96, "1000000"),
            (1e15, "1e15"),
            (1.234_567_89e300, "1.23457e300"),
            (1e-300, "1e-300"),
        ] {
            assert_eq!(short(number), expected, "{number}");
        }
    }

    #[test]
    fn a_long_text_keeps_both_of_its_ends() {
        let key = "cpu{rack=\"é\"}";
        for (width, expected) in [(13, key), (7, "cpu…é\"}"), (4, "cp…}"), (1, "…"), (0, "")] {
            assert_eq!(shortened(key, width), expected);
        }
    }
}
