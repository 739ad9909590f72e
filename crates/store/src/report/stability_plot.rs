//! `stability.svg`: how far above the hull the structures of a run lie, as a table has it.

use super::plot::{escape, head, style};
use super::table::TableReader;
use crate::StoreError;
use std::fmt::Write;
use std::path::Path;

/// Points of a curve, at most: a run may have millions of structures.
const MOST_POINTS: usize = 400;
/// What is farther above the hull than most is not drawn to scale: the axis ends at this part of the structures, a little
/// above.
const DRAWN: f64 = 0.95;
/// Where structures count as metastable, eV/atom.
const METASTABLE: f64 = 0.1;

const SIZE: (f64, f64) = (640.0, 400.0);
/// Left, top, right, bottom.
const MARGINS: [f64; 4] = [64.0, 44.0, 16.0, 44.0];

/// Draws a column of a table with the columns `potential` and this, sorted, for each potential.
///
/// # Errors
/// When the table cannot be read back.
pub(super) fn draw(table: &Path, column: &str, labels: &[&str], title: &str) -> Result<String, StoreError> {
    let mut table = TableReader::open(table)?;
    let columns = table.columns()?;
    let place = |name: &str| columns.iter().position(|column| column == name);
    let mut energies: Vec<Vec<f64>> = vec![Vec::new(); labels.len()];
    if let (Some(potential), Some(column)) = (place("potential"), place(column)) {
        for row in table.rows() {
            let row = row?;
            let of = row.get(potential).and_then(|label| labels.iter().position(|known| *known == label));
            let energy = row.get(column).and_then(|text| text.parse::<f64>().ok()).filter(|energy| energy.is_finite());
            if let (Some(energies), Some(energy)) = (of.and_then(|of| energies.get_mut(of)), energy) {
                energies.push(energy);
            }
        }
    }
    energies.iter_mut().for_each(|energies| energies.sort_by(f64::total_cmp));
    Ok(svg(&energies, labels, title))
}

/// Of sorted energies, the one below which this part of them lies.
fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((part * last as f64).round() as usize).copied()
}

fn svg(energies: &[Vec<f64>], labels: &[&str], title: &str) -> String {
    let (width, height) = SIZE;
    let [left, top, right, bottom] = MARGINS;
    let (w, h) = (width - left - right, height - top - bottom);
    let mut text = head(SIZE, 11);
    let _ = writeln!(text, "<text x=\"{left}\" y=\"18\" font-size=\"13\">{}</text>", escape(title));
    let least = energies.iter().filter_map(|sorted| sorted.first().copied()).fold(0.0, f64::min);
    let most = energies.iter().filter_map(|sorted| quantile(sorted, DRAWN)).fold(METASTABLE, f64::max);
    let margin = 0.05 * (most - least);
    let (low, high) = (least - margin, most + margin);
    let y = |energy: f64| top + h * (high - energy.min(high)) / (high - low);
    for (energy, said) in [(0.0, "0"), (METASTABLE, "0.1")] {
        let _ = writeln!(
            text,
            "<path d=\"M{left} {y:.1}h{w}\" stroke=\"#999\" stroke-dasharray=\"4 3\"/><text x=\"{}\" y=\"{:.1}\" \
             text-anchor=\"end\">{said}</text>",
            left - 6.0,
            y(energy) + 4.0,
            y = y(energy)
        );
    }
    let (middle, below) = (left + 0.5 * w, top + h + 16.0);
    let _ = writeln!(
        text,
        "<rect x=\"{left}\" y=\"{top}\" width=\"{w}\" height=\"{h}\" fill=\"none\" stroke=\"#999\"/>\
         <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{high:.2}</text><text x=\"{left}\" y=\"{below}\">0 %</text>\
         <text x=\"{}\" y=\"{below}\" text-anchor=\"end\">100 %</text>\
         <text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">part of the structures</text>\
         <text transform=\"translate(16 {}) rotate(-90)\" text-anchor=\"middle\">energy above the hull, eV/atom</text>",
        left - 6.0,
        top + 9.0,
        left + w,
        below + 16.0,
        top + 0.5 * h
    );
    for (number, (sorted, label)) in energies.iter().zip(labels).enumerate() {
        let (n, x) = (sorted.len(), left + 190.0 * number as f64);
        let _ = writeln!(
            text,
            "<path d=\"M{x} 32h24\" {}/><text x=\"{}\" y=\"36\">{} ({n} structures)</text>",
            style(number),
            x + 30.0,
            escape(label)
        );
        let points = n.min(MOST_POINTS);
        let at = |k: usize| if points < 2 { 0.5 } else { k as f64 / (points - 1) as f64 };
        let point = |k: usize| Some(format!("{:.1} {:.1}", left + w * at(k), y(quantile(sorted, at(k))?)));
        let line: Vec<String> = (0..points).filter_map(point).collect();
        if !line.is_empty() {
            let _ = writeln!(text, "<path d=\"M{}\" {}/>", line.join("L"), style(number));
        }
        // Few structures are seen as points.
        if n <= 60 {
            for (k, energy) in sorted.iter().enumerate() {
                let x = left + w * at(k);
                let _ = write!(text, "<circle cx=\"{x:.1}\" cy=\"{:.1}\" r=\"2.5\"/>", y(*energy));
            }
        }
    }
    text.push_str("</svg>\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energies_are_drawn_in_their_order_between_the_lines_of_zero_and_of_metastability() {
        let text = svg(&[vec![-0.1, 0.0, 0.3], Vec::new()], &["a<b", "c"], "as read");
        assert!(text.contains(">a&lt;b (3 structures)<") && text.contains(">c (0 structures)<"), "{text}");
        assert_eq!(text.matches("<circle").count(), 3);
        // From -0.12 to 0.32 over 312: zero is 320/440 down.
        assert!(text.contains(&format!("M64 {:.1}h560", 44.0 + 312.0 * 0.32 / 0.44)), "{text}");
        assert!(!text.contains("NaN"));
    }

    #[test]
    fn many_structures_are_few_points_and_one_far_away_does_not_flatten_the_rest() {
        let mut many: Vec<f64> = (0..100_000).map(|n| 1e-5 * f64::from(n)).collect();
        many.push(1e6);
        let text = svg(&[many], &["a"], "as read");
        assert!(text.len() < 20_000 && text.contains(">1.00<"), "{text}");
        assert!(!svg(&[vec![0.0]], &["a"], "one").contains("NaN"));
        assert!(!svg(&[], &[], "none").contains("NaN"));
    }
}
