//! The page as HTML. Whatever comes from files is text: the templates escape it.

use super::calculations::{Ends, Stability};
use super::cost::{Cost, MOST_RANKS};
use super::distributions::Distribution;
use super::failures::FailureClass;
use super::pairs::{Pair, Parity, Spread, anchor};
use crate::report::RunJson;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use mlip_atoms::failure::remedy;
use std::collections::BTreeMap;
use std::fmt::Display;

/// A plot that is a file of its own.
pub(super) struct Plot {
    pub(super) title: &'static str,
    pub(super) svg: String,
}

/// All that the page shows.
pub(super) struct Content<'a> {
    /// Of the folder of the run.
    pub(super) name: String,
    pub(super) run: &'a RunJson,
    /// What was done with each structure.
    pub(super) calculation: &'static str,
    pub(super) distributions: Vec<Distribution>,
    /// Of several potentials.
    pub(super) parities: Vec<Parity>,
    pub(super) spread: Option<Spread>,
    pub(super) failures: BTreeMap<String, FailureClass>,
    /// Of relaxations: how they ended, by potential.
    pub(super) ends: Vec<(String, Ends)>,
    /// Where there is a hull, by potential.
    pub(super) stability: Vec<Stability>,
    /// Of relaxations, stability, curves.
    pub(super) plots: Vec<Plot>,
    pub(super) cost: Cost,
    /// Names of the files of the report.
    pub(super) files: Vec<String>,
    /// How the table is called in which the potentials stand side by side, and that of failures.
    pub(super) ensemble: String,
    pub(super) failures_file: String,
}

const STYLE: &str = include_str!("style.css");

/// Nothing is fetched and nothing runs.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The whole page.
pub(super) fn document(content: &Content<'_>) -> String {
    let Content { name, run, .. } = content;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (name) ": mlip-batch" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (name) }
                    p .quiet { (content.calculation) " of " (run.counts.entries) " entries by mlip-batch " (run.version) }
                    (counts(run))
                    (navigation(content))
                }
                main {
                    (what(content))
                    @if !content.failures.is_empty() { (failures(content)) }
                    (distributions(&content.distributions))
                    @if !content.parities.is_empty() { (parities(content)) }
                    @if !content.plots.is_empty() { (plots(content)) }
                    (cost(content))
                    (files(content))
                }
            }
        }
    };
    let mut text = page.into_string();
    text.push('\n');
    text
}

fn counts(run: &RunJson) -> Markup {
    let counts = &run.counts;
    let all = [
        (counts.structures, "structures"),
        (counts.unreadable, "unreadable"),
        (counts.ok, "results"),
        (counts.failed, "failed"),
        (counts.pending, "pending"),
    ];
    html! { ul .counts { @for (n, what) in all { li { b { (n) } (what) } } } }
}

fn navigation(content: &Content<'_>) -> Markup {
    let links = [
        ("what", "What was run", true),
        ("failures", "Failures", !content.failures.is_empty()),
        ("distributions", "Distributions", true),
        ("potentials", "Potentials compared", !content.parities.is_empty()),
        ("calculations", "Calculations", !content.plots.is_empty()),
        ("cost", "Cost", true),
        ("files", "Files", true),
    ];
    html! { nav { @for (place, title, is_there) in links { @if is_there { a href={ "#" (place) } { (title) } } } } }
}

fn what(content: &Content<'_>) -> Markup {
    let run = content.run;
    html! {
        section #what {
            h2 { "What was run" }
            div .wide { table {
                thead { tr { th { "potential" } th { "model" } th { "checkpoint" } th { "precision" } th { "settings" } th { "digest of the weights" } } }
                tbody { @for potential in &run.potentials {
                    tr {
                        td { (potential.label) } td { (potential.name) } td .name { (potential.checkpoint) }
                        td { (potential.precision) } td { (potential.settings) } td { (short(&potential.digest)) }
                    }
                } }
            } }
            p { "Run " code { (run.run) } "; Cartesian frame as in " (run.frame) "." }
            @if !run.counts.relaxations.is_empty() {
                p { "Relaxations: " (each(run.counts.relaxations.iter())) "." }
            }
            @if run.counts.warnings > 0 { p { (run.counts.warnings) " warnings of the readers are in warnings.csv." } }
            details {
                summary { "All settings" }
                pre { (serde_json::to_string_pretty(&run.settings).unwrap_or_default()) }
            }
        }
    }
}

fn failures(content: &Content<'_>) -> Markup {
    html! {
        section #failures {
            h2 { "Failures" }
            p .quiet { "The first of each class; " a href=(content.failures_file) { (content.failures_file) } " has all." }
            div .wide { table {
                thead { tr { th .number { "failures" } th { "class" } th { "for example" } } }
                tbody { @for (class, found) in &content.failures {
                    tr {
                        td .number { (found.n) }
                        td .name { (class) @if let Some(remedy) = remedy(class) { p .quiet { (remedy) } } }
                        td .message { @for example in &found.examples {
                            p {
                                b { (example.id) }
                                @if !example.potential.is_empty() { " (" (example.potential) ")" }
                                @if !example.line.is_empty() { ", line " (example.line) }
                                ": " (example.message)
                            }
                        } }
                    }
                } }
            } }
        }
    }
}

fn distributions(all: &[Distribution]) -> Markup {
    html! {
        section #distributions {
            h2 { "Distributions" }
            p .quiet { "Of the structures as they were read, one each result. Plots show where nearly all numbers lie. The median of more than 4000 is that of a sample." }
            @for distribution in all {
                h3 { (distribution.quantity.title) }
                (figure(distribution.quantity.title, &distribution.svg, outside(distribution.outside)))
                div .wide { table {
                    thead { tr { th { "potential" } th .number { "results" } th .number { "least" } th .number { "median" } th .number { "mean" } th .number { "largest" } th { } } }
                    tbody { @for (label, n, summary) in &distribution.summaries {
                        tr {
                            td { (label) } td .number { (n) }
                            @for value in summary.iter().flatten() { td .number { (digits(*value)) } }
                            @if summary.is_some() { td { (distribution.quantity.unit) } }
                        }
                    } }
                } }
            }
        }
    }
}

fn outside([below, above]: [u64; 2]) -> Option<String> {
    (below + above > 0).then(|| format!("{below} numbers lie below and {above} above what is drawn."))
}

fn parities(content: &Content<'_>) -> Markup {
    html! {
        section #potentials {
            h2 { "Potentials compared" }
            @for parity in &content.parities {
                h3 { (parity.compared.title()) }
                (figure(parity.compared.title(), &parity.svg, parity_caption(parity)))
                div .wide { table {
                    thead { tr { th { "potentials" } th .number { "structures" } th .number { "median difference" } th .number { "mean" } th .number { "root mean square" } } }
                    tbody { @for pair in &parity.pairs {
                        tr {
                            td { (pair.labels.1) " − " (pair.labels.0) } td .number { (pair.n) }
                            @for value in pair.differences.iter().flatten() { td .number { (digits(*value)) } }
                        }
                    } }
                } }
                @for (number, pair) in parity.pairs.iter().enumerate() {
                    @if !pair.outliers.is_empty() { (outliers(content, parity, number, pair)) }
                }
            }
            @if let Some(spread) = &content.spread {
                h3 { "Spread of the energies" }
                (figure("Spread of the energies", &spread.svg, (spread.n_outside > 0).then(|| format!("{} structures lie beyond what is drawn.", spread.n_outside))))
                @if let Some([least, median, mean, most]) = spread.summary {
                    p { (spread.n) " structures: least " (digits(least)) ", median " (digits(median)) ", mean " (digits(mean)) ", largest " (digits(most)) " eV/atom." }
                }
            }
        }
    }
}

fn parity_caption(parity: &Parity) -> Option<String> {
    let mut said = String::new();
    if parity.pairs.iter().any(|pair| pair.is_sample) {
        said.push_str("The dots are a sample of the structures, the same for any number of ranks; circles are the outliers of all. ");
    } else {
        said.push_str("Circles are the outliers below. ");
    }
    if parity.n_left_out > 0 {
        said.push_str(&format!("{} further pairs of potentials are not drawn.", parity.n_left_out));
    }
    Some(said)
}

fn outliers(content: &Content<'_>, parity: &Parity, number: usize, pair: &Pair) -> Markup {
    html! {
        p { "Farthest from the median of " (pair.labels.1) " − " (pair.labels.0) ":" }
        div .wide { table {
            thead { tr { th { "structure" } th { "formula" } th .number { (pair.labels.0) } th .number { (pair.labels.1) } th .number { "from the median" } th { "row" } } }
            tbody { @for (place, outlier) in pair.outliers.iter().enumerate() {
                tr id=(anchor(parity.compared, number, place)) {
                    td .name { (outlier.id) } td { (outlier.formula) }
                    td .number { (digits(outlier.values.0)) } td .number { (digits(outlier.values.1)) }
                    td .number { (digits(outlier.deviation)) }
                    td { a href=(content.ensemble) { "line " (outlier.line) } }
                }
            } }
        } }
    }
}

fn plots(content: &Content<'_>) -> Markup {
    html! {
        section #calculations {
            h2 { "Calculations" }
            @if !content.ends.is_empty() { div .wide { table {
                thead { tr { th { "potential" } th { "relaxations" } } }
                tbody { @for (label, ends) in &content.ends { tr { td { (label) } td { (each(ends.iter())) } } } }
            } } }
            @if !content.stability.is_empty() { div .wide { table {
                thead { tr { th { "potential" } th .number { "structures" } th .number { "on the hull or below" } th .number { "up to 0.1 eV/atom above" } } }
                tbody { @for of in &content.stability {
                    tr { td { (of.label) } td .number { (of.n) } td .number { (of.n_stable) } td .number { (of.n_metastable) } }
                } }
            } } }
            @for plot in &content.plots {
                h3 { (plot.title) }
                (figure(plot.title, &plot.svg, None))
            }
        }
    }
}

fn cost(content: &Content<'_>) -> Markup {
    let (run, cost) = (content.run, &content.cost);
    let mut ranks: Vec<_> = cost.ranks.iter().collect();
    ranks.sort_by(|a, b| b.wall_s.total_cmp(&a.wall_s));
    ranks.truncate(MOST_RANKS);
    ranks.sort_by_key(|rank| (rank.attempt, rank.rank));
    html! {
        section #cost {
            h2 { "Cost" }
            p { (seconds(run.wall_s)) " in all attempts together, on " (run.hosts.join(", ")) "." }
            div .wide { table {
                thead { tr { th .number { "attempt" } th .number { "ranks" } th .number { "left in order" } th .number { "time" } th .number { "records" } th .number { "largest rank" } } }
                tbody { @for attempt in &run.attempts {
                    tr {
                        td .number { (attempt.attempt) } td .number { (attempt.n_ranks) } td .number { (attempt.n_closed) }
                        td .number { (seconds(attempt.wall_s)) } td .number { (attempt.n_records) } td .number { (megabytes(attempt.peak_bytes as f64)) }
                    }
                } }
            } }
            div .wide { table {
                thead { tr { th { "potential" } th .number { "records" } th .number { "time" } th .number { "each" } } }
                tbody { @for (label, (n, wall_s)) in &cost.potentials {
                    tr { td { (label) } td .number { (n) } td .number { (seconds(*wall_s)) } td .number { (seconds(wall_s / (*n).max(1) as f64)) } }
                } }
            } }
            p .quiet { "Equal structures share an evaluation and repeat its time." }
            h3 { "By rank" }
            (figure("Cost by rank", &cost.svg, None))
            @if cost.ranks.len() > ranks.len() { p .quiet { "The " (ranks.len()) " busiest of " (cost.ranks.len()) " ranks; memory.csv and timings.csv have all." } }
            div .wide { table {
                thead { tr { th .number { "attempt" } th .number { "rank" } th { "host" } th .number { "records" } th .number { "in evaluations" } th .number { "largest memory" } th .number { "weights" } } }
                tbody { @for rank in ranks {
                    tr {
                        td .number { (rank.attempt) } td .number { (rank.rank) } td { (rank.host) } td .number { (rank.n) }
                        td .number { (seconds(rank.wall_s)) }
                        td .number { (rank.peak_bytes.map(megabytes).unwrap_or_default()) }
                        td .number { (rank.weight_bytes.map(megabytes).unwrap_or_default()) }
                    }
                } }
            } }
            @if !cost.slowest.is_empty() {
                h3 { "What took longest" }
                div .wide { table {
                    thead { tr { th { "structure" } th { "potential" } th .number { "atoms" } th .number { "time" } } }
                    tbody { @for slow in &cost.slowest {
                        tr { td .name { (slow.id) } td { (slow.potential) } td .number { (slow.n_atoms) } td .number { (seconds(slow.wall_s)) } }
                    } }
                } }
            }
        }
    }
}

fn files(content: &Content<'_>) -> Markup {
    html! {
        section #files {
            h2 { "Files" }
            p { @for file in &content.files { a href=(file) { (file) } " " } }
        }
    }
}

/// A plot in the page: the same text as its file.
fn figure(title: &str, svg: &str, caption: Option<String>) -> Markup {
    html! {
        figure role="img" aria-label=(title) {
            (PreEscaped(svg))
            @if let Some(caption) = caption { figcaption { (caption) } }
        }
    }
}

fn each<'c>(counts: impl Iterator<Item = (&'c String, &'c u64)>) -> String {
    counts.map(|(what, n)| format!("{n} {what}")).collect::<Vec<_>>().join(", ")
}

fn short(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}

/// Enough digits to compare by eye.
fn digits(value: f64) -> impl Display {
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if (1e-3..1e6).contains(&size) {
        format!("{value:.4}")
    } else {
        format!("{value:.3e}")
    }
}

fn seconds(value: f64) -> String {
    match value {
        value if value < 1.0 => format!("{:.1} ms", 1e3 * value),
        value if value < 120.0 => format!("{value:.1} s"),
        value if value < 7200.0 => format!("{:.1} min", value / 60.0),
        value => format!("{:.1} h", value / 3600.0),
    }
}

fn megabytes(bytes: f64) -> String {
    format!("{:.0} MB", bytes / 1e6)
}
