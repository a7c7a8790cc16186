//! Documents that grow in one direction, up to the limits and beyond.

use super::Dice;

/// One of them.
pub fn extreme(dice: &mut Dice) -> String {
    let n = 1 + match dice.below(3) {
        0 => dice.below(20),
        1 => dice.below(130),
        _ => dice.below(8_000),
    };
    let m = 1 + dice.below(4);
    let numbered = |text: &dyn Fn(usize) -> String| (0..n).map(text).collect::<String>();
    match dice.below(24) {
        0 => format!(
            "{{ latest(selector: {}{}) {{ ts }} }}",
            "[".repeat(n),
            "]".repeat(n)
        ),
        1 => format!(
            "{{ latest(selector: {}1{}) {{ ts }} }}",
            "{a:".repeat(n),
            "}".repeat(n)
        ),
        2 => format!("{}a{}", "{a".repeat(n), "}".repeat(n)),
        3 => format!("{{{}a{}}}", "...{".repeat(n), "}".repeat(n)),
        4 => format!(
            "{{...F0}}{} fragment F{n} on Query{{__typename}}",
            numbered(&|at| format!(
                " fragment F{at} on Query{{{}}}",
                format!("...F{} ", at + 1).repeat(m)
            ))
        ),
        5 => format!(
            "{{...F0}}{}",
            numbered(&|at| format!(" fragment F{at} on Query{{...F{}}}", (at + 1) % n))
        ),
        6 => format!("{{ {} }}", numbered(&|at| format!("a{at}: metrics {{ name }} "))),
        7 => format!("{{ {} }}", "metrics { name }".repeat(n)),
        8 => format!(
            "{{ metrics({}) {{ name }} }}",
            numbered(&|at| format!("a{at}: 1 "))
        ),
        9 => format!(
            "query({}) {{ metrics {{ name }} }}",
            numbered(&|at| format!("$a{at}: Int "))
        ),
        10 => format!("{{ metrics {{ name {} }} }}", "@skip(if: false) ".repeat(n)),
        11 => format!("{{ metrics(first: {}) {{ name }} }}", "9".repeat(n)),
        12 => format!(
            "{{ metrics(search: \"{}\") {{ name }} }}",
            "\\ud83d\\ude00".repeat(n)
        ),
        13 => format!(
            "{{ metrics(search: \"\"\"{}\"\"\") {{ name }} }}",
            " \n\\\"\"\"".repeat(n)
        ),
        14 => format!(
            "query($a: {}Int{}) {{ metrics(first: $a) {{ name }} }}",
            "[".repeat(n),
            "]".repeat(n)
        ),
        15 => format!(
            "query($a: [Nope] = [{}]) {{ metrics {{ name }} }}",
            "1 ".repeat(n)
        ),
        16 => format!("{{ {} }}", "__typename ".repeat(n)),
        17 => format!("{{ {} }}", numbered(&|at| format!("nope{at} "))),
        18 => format!(
            "{} a {}",
            "{ __schema { types ".to_owned() + &"{ fields { type ".repeat(n),
            "} }".repeat(n + 1)
        ),
        19 => format!(
            "{{ {} }}{}",
            "...F ".repeat(n),
            " fragment F on Query { metrics { name } }"
        ),
        20 => format!(
            "subscription {{ {} }}",
            numbered(&|at| format!("a{at}: pipeline {{ state }} "))
        ),
        21 => format!("{} {{ metrics {{ name }} }}", "#x\n,\u{feff}".repeat(n)),
        22 => format!(
            "{{ {} }} {}",
            "latest(selector: {metric: \"m\"}) { ts } ".repeat(n),
            numbered(&|at| format!("query Q{at} {{ metrics {{ name }} }} "))
        ),
        _ => format!("{{ {}: metrics {{ {} }} }}", "a".repeat(n), "name ".repeat(n)),
    }
}
