//! The rate of a test over time, in one line of the terminal.

/// As many columns as a plot has at most.
const COLUMNS: usize = 60;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];

/// The rates in order, from 0 to the highest of them, in blocks or in plain ASCII; nothing for fewer than two.
pub(super) fn plot(rates: &[f64], ascii: bool) -> Option<String> {
    let highest = rates.iter().copied().fold(0.0, f64::max);
    if rates.len() < 2 || highest <= 0.0 {
        return None;
    }
    let marks = if ascii { ASCII } else { BLOCKS };
    let columns = rates.len().min(COLUMNS);
    let column = |index: usize| {
        let part = &rates[index * rates.len() / columns..(index + 1) * rates.len() / columns];
        let mean = part.iter().sum::<f64>() / part.len() as f64;
        marks[((mean / highest * 8.0).ceil() as usize).clamp(1, 8) - 1]
    };
    Some((0..columns).map(column).collect())
}

/// Whether the terminal can be trusted with more than ASCII, by its locale.
pub(super) fn is_ascii_terminal() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let utf8 = locale.is_some_and(|locale| locale.to_ascii_lowercase().replace('-', "").contains("utf8"));
    !utf8 || std::env::var("TERM").is_ok_and(|term| term == "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_is_full_and_nothing_is_empty() {
        let rates = [0.0, 1.0, 2.0, 4.0, 8.0, 4.0];
        assert_eq!(plot(&rates, false).unwrap(), "▁▁▂▄█▄");
        assert_eq!(plot(&rates, true).unwrap(), "__.-#-");
    }

    #[test]
    fn a_long_test_fits_the_line() {
        let rates: Vec<f64> = (1..=500).map(f64::from).collect();
        let line = plot(&rates, true).unwrap();
        assert_eq!(line.len(), COLUMNS);
        assert!(line.starts_with('_') && line.ends_with('#'));
    }

    #[test]
    fn too_little_makes_no_plot() {
        assert_eq!(plot(&[1.0], true), None);
        assert_eq!(plot(&[0.0, 0.0], true), None);
    }
}
