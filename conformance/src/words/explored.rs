//! What an exploration tried: how much, how each find was made short, and which transitions of the model were left out.

use crate::model::explored::{CoverageRow, CoverageTable, Explored, RoleCoverage};
use crate::model::notation::show;
use crate::words::escape;
use crate::words::page::{BOLD, DIM, Page, UNSURE, count, painted};

/// How many transitions that were not tried a brief report names.
const NAMED: usize = 6;

/// Writes the section.
pub fn write(page: &mut Page, explored: &Explored, full: bool) {
    page.blank();
    let head = format!(
        "Explored for {}: {}, {}; seed {}.",
        show(explored.duration),
        count(explored.conversations, "conversation"),
        count(explored.starts, "start"),
        explored.seed
    );
    page.wrapped("", &painted(BOLD, head));
    for find in &explored.finds {
        let steps = match find.steps < find.steps_before {
            true => format!("made shorter from {} to {}", count(find.steps_before, "step"), find.steps),
            false => count(find.steps, "step"),
        };
        let smallest = if find.smallest { "" } else { ", and shorter ones were not all tried" };
        let rate = match find.failed == find.played {
            true => "fails every time".to_owned(),
            false => painted(UNSURE, format!("fails {} of {} times", find.failed, find.played)),
        };
        let text = format!("confirmed after {}, {steps}{smallest}; {rate}", show(find.confirmed));
        page.wrapped(&format!("  {}  ", find.id), &text);
    }
    if explored.blocked {
        page.wrapped(
            "  ",
            "It ended early: every conversation met a find that was known already. Fix that first.",
        );
    }
    if explored.again > 0 {
        let text = format!("{} showed a find once more.", count(explored.again, "further failure"));
        page.wrapped("  ", &painted(DIM, text));
    }
    for message in &explored.unconfirmed {
        let text = format!(
            "Seen once, not when it was played again alone, and not counted: {}",
            escape::line(message)
        );
        page.wrapped("  ", &painted(UNSURE, text));
    }
    if let Some(folder) = &explored.saved {
        page.wrapped(
            "  ",
            &format!("The finds are conversations in {}: --fixtures plays them.", escape::line(folder)),
        );
    }
    explored.coverage.iter().for_each(|role| write_coverage(page, role, full));
}

fn write_coverage(page: &mut Page, RoleCoverage { role, table }: &RoleCoverage, full: bool) {
    let (tried, all) = table.counts();
    if full {
        page.wrapped("  ", &format!("As a {role}: {tried} of {all} transitions of the model were tried."));
        write_table(page, table);
        return;
    }
    let left = not_tried(table);
    let named = match left.len() {
        0 => String::new(),
        more if more > NAMED => {
            format!(" Not tried: {}, and {} more (--verbose).", left[..NAMED].join("; "), more - NAMED)
        }
        _ => format!(" Not tried: {}.", left.join("; ")),
    };
    page.wrapped("  ", &format!("As a {role}: {tried} of {all} transitions of the model were tried.{named}"));
}

/// The same in one line, without the finds.
pub fn summary(explored: &Explored) -> String {
    let of_role = |RoleCoverage { role, table }: &RoleCoverage| {
        let (tried, all) = table.counts();
        let left = not_tried(table);
        let left = if left.is_empty() { String::new() } else { format!(" (not tried: {})", left.join("; ")) };
        format!("; as a {role}, {tried} of {all} transitions{left}")
    };
    format!(
        "{}, {}, seed {}{}",
        show(explored.duration),
        count(explored.conversations, "conversation"),
        explored.seed,
        explored.coverage.iter().map(of_role).collect::<String>()
    )
}

fn not_tried(table: &CoverageTable) -> Vec<String> {
    let of_row = |row: &CoverageRow| {
        let missing = row.tried.iter().zip(&table.inputs).filter(|(count, _)| **count == Some(0));
        missing.map(|(_, input)| format!("{input} after {}", row.state)).collect::<Vec<_>>()
    };
    table.rows.iter().flat_map(of_row).collect()
}

fn write_table(page: &mut Page, table: &CoverageTable) {
    let first =
        table.rows.iter().map(|row| row.state.len()).chain([table.states.len()]).max().unwrap_or_default();
    let cells = |cells: Vec<String>| {
        let cells: Vec<String> = cells
            .iter()
            .zip(&table.inputs)
            .map(|(cell, head)| format!("{cell:>width$}", width = head.len().max(6)))
            .collect();
        cells.join("  ")
    };
    page.line(painted(DIM, format!("     {:<first$}  {}", table.states, cells(table.inputs.clone()))));
    for row in &table.rows {
        let counts =
            row.tried.iter().map(|count| count.map_or_else(|| "-".to_owned(), |count| count.to_string()));
        page.line(format!("     {:<first$}  {}", row.state, cells(counts.collect())));
    }
}
