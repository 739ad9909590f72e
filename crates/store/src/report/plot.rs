//! Small plots as SVG: panels side by side, in each a curve for each potential.

use std::collections::BTreeMap;
use std::fmt::Write;

const MARGIN: (f64, f64) = (52.0, 38.0);

/// Of potentials, in their order; the last serves all further ones. Distinguishable without colors too: each has its
/// own dashes.
const COLORS: [&str; 5] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#777777"];
const DASHES: [&str; 5] = ["none", "5 3", "2 2", "7 3 2 3", "1 3"];

pub(super) type Points = Vec<(f64, f64)>;

/// Curves in one pair of axes.
pub(super) struct Panel {
    pub(super) title: String,
    /// By the place of the potential.
    pub(super) curves: BTreeMap<usize, Points>,
}

/// How panels look.
pub(super) struct Layout {
    /// Panels side by side.
    pub(super) columns: usize,
    /// Width and height of a panel.
    pub(super) panel: (f64, f64),
    /// What is along x and y.
    pub(super) axes: [&'static str; 2],
    /// Whether points are marked.
    pub(super) marks: bool,
    /// Said where there is nothing to draw.
    pub(super) empty: &'static str,
}

/// The file.
pub(super) fn svg(layout: &Layout, panels: &[Panel], labels: &[&str]) -> String {
    let n_rows = panels.len().div_ceil(layout.columns).max(1);
    let (width, height) = (layout.columns as f64 * layout.panel.0, n_rows as f64 * layout.panel.1 + 34.0);
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
        let _ = writeln!(text, "<text x=\"12\" y=\"60\" font-size=\"12\">{}</text>", layout.empty);
    }
    for (number, panel) in panels.iter().enumerate() {
        let (column, row) = (number % layout.columns, number / layout.columns);
        let origin = (column as f64 * layout.panel.0, 34.0 + row as f64 * layout.panel.1);
        draw_panel(&mut text, layout, panel, origin);
    }
    text.push_str("</svg>\n");
    text
}

pub(super) fn style(potential: usize) -> String {
    let place = potential.min(COLORS.len() - 1);
    format!("fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\" stroke-dasharray=\"{}\"", COLORS[place], DASHES[place])
}

fn draw_panel(text: &mut String, layout: &Layout, panel: &Panel, (left, top): (f64, f64)) {
    let all = || panel.curves.values().flatten();
    let range = |value: fn(&(f64, f64)) -> f64| {
        let (least, most) = all().map(value).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
        if most > least { (least, most) } else { (least - 0.5, least + 0.5) }
    };
    let ((a0, a1), (b0, b1)) = (range(|point| point.0), range(|point| point.1));
    let (w, h) = (layout.panel.0 - MARGIN.0 - 12.0, layout.panel.1 - MARGIN.1 - 26.0);
    let (x0, y0) = (left + MARGIN.0, top + 20.0);
    let at = |(a, b): &(f64, f64)| {
        (x0 + w * (0.04 + 0.92 * (a - a0) / (a1 - a0)), y0 + h * (0.96 - 0.92 * (b - b0) / (b1 - b0)))
    };
    let _ = writeln!(
        text,
        "<g><text x=\"{x0}\" y=\"{}\" font-size=\"11\">{}</text><rect x=\"{x0}\" y=\"{y0}\" width=\"{w}\" \
         height=\"{h}\" fill=\"none\" stroke=\"#999\"/>",
        top + 14.0,
        escape(&shortened(&panel.title))
    );
    let (below, middle) = (y0 + h + 12.0, x0 + 0.5 * w);
    let [along_x, along_y] = layout.axes;
    let _ = writeln!(
        text,
        "<text x=\"{x0}\" y=\"{below}\">{a0:.1}</text><text x=\"{}\" y=\"{below}\" text-anchor=\"end\">{a1:.1}</text>\
         <text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">{along_x}</text>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{b1:.1}</text><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{b0:.1}</text>\
         <text transform=\"translate({} {}) rotate(-90)\" text-anchor=\"middle\">{along_y}</text>",
        x0 + w,
        x0 - 4.0,
        y0 + 8.0,
        x0 - 4.0,
        y0 + h,
        left + 12.0,
        y0 + 0.5 * h
    );
    for (potential, points) in &panel.curves {
        let line: Vec<String> = points.iter().map(|point| format!("{:.1} {:.1}", at(point).0, at(point).1)).collect();
        let _ = writeln!(text, "<path d=\"M{}\" {}/>", line.join("L"), style(*potential));
        for point in points.iter().filter(|_| layout.marks) {
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

pub(super) fn escape(text: &str) -> String {
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
