//! `energy_volume.svg`: the first curves of a run, as its table has them.

use super::plot::{Layout, Marks, Panel, svg};
use super::table::TableReader;
use crate::StoreError;
use std::path::Path;

/// Structures that are drawn.
const MOST_PANELS: usize = 24;

const LAYOUT: Layout = Layout {
    columns: 4,
    panel: (250.0, 190.0),
    axes: ["volume, Å³", "meV/atom"],
    marks: Marks::Both,
    empty: "no structure has a curve",
};

/// Draws the first structures of the table at this path: volume against energy per atom above the least, meV.
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
        if panels.last().is_none_or(|panel| panel.title != id) {
            if panels.len() == MOST_PANELS {
                break;
            }
            panels.push(Panel { title: id.to_owned(), ..Panel::default() });
        }
        let potential = labels.iter().position(|known| *known == label).unwrap_or(labels.len());
        if let Some(panel) = panels.last_mut() {
            panel.curves.entry(potential).or_default().push((volume, energy));
        }
    }
    panels.iter_mut().for_each(from_the_least);
    Ok(svg(&LAYOUT, &panels, labels))
}

/// Energies of different potentials have different zeros: each curve from its own least, in meV.
fn from_the_least(panel: &mut Panel) {
    for points in panel.curves.values_mut() {
        let least = points.iter().map(|(_, energy)| *energy).fold(f64::INFINITY, f64::min);
        points.iter_mut().for_each(|(_, energy)| *energy = 1e3 * (*energy - least));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_curve_is_drawn_from_its_least_energy_up() {
        let points = vec![(10.0, -1.0), (11.0, -1.5), (12.0, -1.2)];
        let mut panel = Panel { title: "a<b>".into(), curves: BTreeMap::from([(0, points)]), ..Panel::default() };
        from_the_least(&mut panel);
        let text = svg(&LAYOUT, &[panel], &["mine"]);
        assert!(text.contains(">a&lt;b&gt;<") && text.contains(">400<") && text.contains(">0<"), "{text}");
        assert_eq!(text.matches("<circle").count(), 3);
        assert_eq!(text.matches("<g>").count(), text.matches("</g>").count());
    }

    #[test]
    fn a_flat_curve_and_no_curve_are_drawn_without_nonsense() {
        let curves = BTreeMap::from([(0, vec![(10.0, -1.0), (11.0, -1.0)])]);
        let panel = Panel { title: "flat".into(), curves, ..Panel::default() };
        assert!(!svg(&LAYOUT, &[panel], &["mine"]).contains("NaN"));
        assert!(svg(&LAYOUT, &[], &["mine"]).contains("no structure has a curve"));
    }
}
