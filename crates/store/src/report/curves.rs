//! `energy_volume.svg`: the first curves of a run, as its table has them.

use super::table::TableReader;
use crate::StoreError;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Structures that are drawn, in columns of four.
const MOST_PANELS: usize = 24;
const COLUMNS: usize = 4;

const PANEL: (f64, f64) = (250.0, 190.0);
const MARGIN: (f64, f64) = (52.0, 38.0);

/// Of potentials, in their order; the last serves all further ones. Distinguishable without colors too: each has its
/// own marker size and dashes.
const COLORS: [&str; 5] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#777777"];
const DASHES: [&str; 5] = ["none", "5 3", "2 2", "7 3 2 3", "1 3"];

type Points = Vec<(f64, f64)>;

/// The curves of one structure by potential: relative volume against energy per atom above the least, eV.
struct Panel {
    id: String,
    curves: BTreeMap<usize, Points>,
}

/// Draws the first structures of the table at this path.
///
/// # Errors
/// When the table cannot be read back.
pub(super) fn draw(table: &Path, labels: &[&str]) -> Result<String, StoreError> {
    let mut panels: Vec<Panel> = Vec::new();
    for row in TableReader::open(table)?.rows() {
        let row = row?;
        let (Some(id), Some(label)) = (row.get(0), row.get(1)) else { continue };
        let number = |column: usize| row.get(column).and_then(|text| text.parse::<f64>().ok());
        let (Some(volume), Some(energy)) = (number(3), number(5)) else { continue };
        if panels.last().is_none_or(|panel| panel.id != id) {
            if panels.len() == MOST_PANELS {
                break;
            }
            panels.push(Panel { id: id.to_owned(), curves: BTreeMap::new() });
        }
        let potential = labels.iter().position(|known| *known == label).unwrap_or(labels.len());
        if let Some(panel) = panels.last_mut() {
            panel.curves.entry(potential).or_default().push((volume, energy));
        }
    }
    Ok(svg(&panels, labels))
}

fn svg(panels: &[Panel], labels: &[&str]) -> String {
    let n_rows = panels.len().div_ceil(COLUMNS).max(1);
    let (width, height) = (COLUMNS as f64 * PANEL.0, n_rows as f64 * PANEL.1 + 34.0);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"10\"><rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (number, label) in labels.iter().enumerate() {
        let x = 12.0 + 150.0 * number as f64;
        let style = style(number);
        let _ = writeln!(
            text,
            "<path d=\"M{x} 16h24\" {style}/><text x=\"{}\" y=\"20\" font-size=\"12\">{}</text>",
            x + 30.0,
            escape(label)
        );
    }
    if panels.is_empty() {
        text.push_str("<text x=\"12\" y=\"60\" font-size=\"12\">no structure has a curve</text>\n");
    }
    for (number, panel) in panels.iter().enumerate() {
        let origin = ((number % COLUMNS) as f64 * PANEL.0, 34.0 + (number / COLUMNS) as f64 * PANEL.1);
        draw_panel(&mut text, panel, origin);
    }
    text.push_str("</svg>\n");
    text
}

fn style(potential: usize) -> String {
    let place = potential.min(COLORS.len() - 1);
    format!("fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\" stroke-dasharray=\"{}\"", COLORS[place], DASHES[place])
}

fn draw_panel(text: &mut String, panel: &Panel, (left, top): (f64, f64)) {
    // Energies of different potentials have different zeros: each curve from its own least.
    let shifted: BTreeMap<usize, Points> = panel
        .curves
        .iter()
        .map(|(potential, points)| {
            let least = points.iter().map(|(_, energy)| *energy).fold(f64::INFINITY, f64::min);
            (*potential, points.iter().map(|(volume, energy)| (*volume, 1e3 * (energy - least))).collect())
        })
        .collect();
    let all = || shifted.values().flatten();
    let range = |value: fn(&(f64, f64)) -> f64| {
        let (least, most) = all().map(value).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
        if most > least { (least, most) } else { (least - 0.5, least + 0.5) }
    };
    let ((v0, v1), (e0, e1)) = (range(|point| point.0), range(|point| point.1));
    let (w, h) = (PANEL.0 - MARGIN.0 - 12.0, PANEL.1 - MARGIN.1 - 26.0);
    let (x0, y0) = (left + MARGIN.0, top + 20.0);
    let at = |(volume, energy): &(f64, f64)| {
        (x0 + w * (0.04 + 0.92 * (volume - v0) / (v1 - v0)), y0 + h * (0.96 - 0.92 * (energy - e0) / (e1 - e0)))
    };
    let _ = writeln!(
        text,
        "<g><text x=\"{x0}\" y=\"{}\" font-size=\"11\">{}</text><rect x=\"{x0}\" y=\"{y0}\" width=\"{w}\" \
         height=\"{h}\" fill=\"none\" stroke=\"#999\"/>",
        top + 14.0,
        escape(&shortened(&panel.id))
    );
    let (below, middle) = (y0 + h + 12.0, x0 + 0.5 * w);
    let _ = writeln!(
        text,
        "<text x=\"{x0}\" y=\"{below}\">{v0:.1}</text><text x=\"{}\" y=\"{below}\" text-anchor=\"end\">{v1:.1}</text>\
         <text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">volume, Å³</text>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{e1:.1}</text><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{e0:.1}</text>\
         <text transform=\"translate({} {}) rotate(-90)\" text-anchor=\"middle\">meV/atom</text>",
        x0 + w,
        x0 - 4.0,
        y0 + 8.0,
        x0 - 4.0,
        y0 + h,
        left + 12.0,
        y0 + 0.5 * h
    );
    for (potential, points) in &shifted {
        let line: Vec<String> = points.iter().map(|point| format!("{:.1} {:.1}", at(point).0, at(point).1)).collect();
        let _ = writeln!(text, "<path d=\"M{}\" {}/>", line.join("L"), style(*potential));
        for point in points {
            let ((x, y), color) = (at(point), COLORS[(*potential).min(COLORS.len() - 1)]);
            let _ = write!(text, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\" fill=\"{color}\"/>");
        }
    }
    text.push_str("</g>\n");
}

/// Ids may be as long as paths.
fn shortened(id: &str) -> String {
    const MOST: usize = 34;
    match id.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &id[..end]),
        None => id.to_owned(),
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // Control characters have no place in XML.
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_drawn_from_its_least_energy_up() {
        let points = vec![(10.0, -1.0), (11.0, -1.5), (12.0, -1.2)];
        let panel = Panel { id: "a<b>".into(), curves: BTreeMap::from([(0, points)]) };
        let text = svg(&[panel], &["mine"]);
        assert!(text.contains(">a&lt;b&gt;<") && text.contains(">500.0<") && text.contains(">0.0<"), "{text}");
        assert_eq!(text.matches("<circle").count(), 3);
        assert_eq!(text.matches("<g>").count(), text.matches("</g>").count());
    }

    #[test]
    fn a_flat_curve_and_no_curve_are_drawn_without_nonsense() {
        let panel = Panel { id: "flat".into(), curves: BTreeMap::from([(0, vec![(10.0, -1.0), (11.0, -1.0)])]) };
        assert!(!svg(&[panel], &["mine"]).contains("NaN"));
        assert!(svg(&[], &["mine"]).contains("no structure has a curve"));
    }
}
