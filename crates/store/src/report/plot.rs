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
#[derive(Default)]
pub(super) struct Panel {
    pub(super) title: String,
    /// By the place of the potential.
    pub(super) curves: BTreeMap<usize, Points>,
    /// Points of their own, which lead somewhere.
    pub(super) links: Vec<Link>,
    /// Whether x = y is drawn.
    pub(super) has_diagonal: bool,
    /// What is along its x and y, if not what is along those of all.
    pub(super) axes: Option<[String; 2]>,
}

/// A point with a name and a place that it leads to.
pub(super) struct Link {
    pub(super) at: (f64, f64),
    pub(super) name: String,
    /// The fragment of the place in the page.
    pub(super) place: String,
}

/// How points are drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    /// As a line.
    Line,
    /// As a line through marks.
    Both,
    /// As marks alone.
    Points,
}

/// How panels look.
pub(super) struct Layout {
    /// Panels side by side.
    pub(super) columns: usize,
    /// Width and height of a panel.
    pub(super) panel: (f64, f64),
    /// What is along x and y.
    pub(super) axes: [&'static str; 2],
    /// How points are drawn.
    pub(super) marks: Marks,
    /// Said where there is nothing to draw.
    pub(super) empty: &'static str,
}

/// What an SVG of this size begins with. Color and paper are attributes, which the style of a page overrides where it holds
/// the plot.
pub(super) fn head((width, height): (f64, f64), font_size: u32) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"{font_size}\" color=\"#222\" fill=\"currentColor\">\
         <rect class=\"paper\" width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    )
}

/// The file.
pub(super) fn svg(layout: &Layout, panels: &[Panel], labels: &[&str]) -> String {
    let n_rows = panels.len().div_ceil(layout.columns).max(1);
    let (width, height) = (layout.columns as f64 * layout.panel.0, n_rows as f64 * layout.panel.1 + 34.0);
    let mut text = head((width, height), 10);
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
    let all = || panel.curves.values().flatten().copied().chain(panel.links.iter().map(|link| link.at));
    let range = |value: fn((f64, f64)) -> f64| {
        let (least, most) = all().map(value).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
        let (least, most) = if least <= most { (least, most) } else { (0.0, 1.0) };
        if most > least { (least, most) } else { (least - 0.5, least + 0.5) }
    };
    let ((a0, a1), (b0, b1)) = (range(|point| point.0), range(|point| point.1));
    let ((a0, a1), (b0, b1)) = match panel.has_diagonal {
        true => ((a0.min(b0), a1.max(b1)), (a0.min(b0), a1.max(b1))),
        false => ((a0, a1), (b0, b1)),
    };
    let (w, h) = (layout.panel.0 - MARGIN.0 - 12.0, layout.panel.1 - MARGIN.1 - 26.0);
    let (x0, y0) = (left + MARGIN.0, top + 20.0);
    let at = |(a, b): (f64, f64)| {
        (x0 + w * (0.04 + 0.92 * (a - a0) / (a1 - a0)), y0 + h * (0.96 - 0.92 * (b - b0) / (b1 - b0)))
    };
    let _ = writeln!(
        text,
        "<g><text x=\"{x0}\" y=\"{}\" font-size=\"11\">{}</text><rect x=\"{x0}\" y=\"{y0}\" width=\"{w}\" \
         height=\"{h}\" fill=\"none\" stroke=\"#999\"/>",
        top + 14.0,
        escape(&shortened(&panel.title))
    );
    let below = y0 + h;
    for (value, said) in ticks(a0, a1) {
        let x = at((value, b0)).0;
        let _ = writeln!(
            text,
            "<path d=\"M{x:.1} {below:.1}v4\" stroke=\"#999\"/><text x=\"{x:.1}\" y=\"{:.1}\" \
             text-anchor=\"middle\">{said}</text>",
            below + 13.0
        );
    }
    for (value, said) in ticks(b0, b1) {
        let y = at((a0, value)).1;
        let _ = writeln!(
            text,
            "<path d=\"M{x0} {y:.1}h-4\" stroke=\"#999\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{said}</text>",
            x0 - 6.0,
            y + 3.0
        );
    }
    let of_all = layout.axes.map(str::to_owned);
    let [along_x, along_y] = panel.axes.as_ref().unwrap_or(&of_all).each_ref().map(|axis| escape(axis));
    let _ = writeln!(
        text,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{along_x}</text>\
         <text transform=\"translate({} {}) rotate(-90)\" text-anchor=\"middle\">{along_y}</text>",
        x0 + 0.5 * w,
        below + 27.0,
        left + 11.0,
        y0 + 0.5 * h
    );
    if panel.has_diagonal {
        let ((x, y), (u, v)) = (at((a0, a0)), at((a1, a1)));
        let _ = writeln!(text, "<path d=\"M{x:.1} {y:.1}L{u:.1} {v:.1}\" stroke=\"#999\" stroke-dasharray=\"4 3\"/>");
    }
    for (potential, points) in &panel.curves {
        draw_points(text, layout.marks, *potential, points, &at);
    }
    for Link { at: point, name, place } in &panel.links {
        let (x, y) = at(*point);
        let (name, place) = (escape(name), escape(place));
        let _ = writeln!(
            text,
            "<a href=\"#{place}\"><title>{name}</title><circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"none\" \
             stroke=\"#d55e00\" stroke-width=\"1.5\" pointer-events=\"all\"/></a>"
        );
    }
    text.push_str("</g>\n");
}

fn draw_points(
    text: &mut String,
    marks: Marks,
    potential: usize,
    points: &[(f64, f64)],
    at: &impl Fn((f64, f64)) -> (f64, f64),
) {
    if points.is_empty() {
        return;
    }
    let places = points.iter().map(|point| at(*point));
    let color = COLORS[potential.min(COLORS.len() - 1)];
    if marks == Marks::Points {
        // Lines of no length with round ends: the shortest text for many points.
        let dots: String = places.map(|(x, y)| format!("M{x:.1} {y:.1}h0")).collect();
        let _ = writeln!(
            text,
            "<path d=\"{dots}\" stroke=\"{color}\" stroke-width=\"3\" stroke-linecap=\"round\" stroke-opacity=\"0.5\"/>"
        );
        return;
    }
    let line: Vec<String> = places.clone().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    let _ = writeln!(text, "<path d=\"M{}\" {}/>", line.join("L"), style(potential));
    for (x, y) in places.filter(|_| marks == Marks::Both) {
        let _ = write!(text, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\" fill=\"{color}\"/>");
    }
}

/// Round numbers between two, three to six of them, and how they are said.
fn ticks(least: f64, most: f64) -> Vec<(f64, String)> {
    let rough = (most - least) / 4.0;
    let power = 10f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| *step >= rough).unwrap_or(rough);
    if !(step.is_finite() && step > 0.0) {
        return Vec::new();
    }
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    let largest = least.abs().max(most.abs());
    let say = |value: f64| {
        if largest >= 1e5 || step < 1e-4 { format!("{value:.1e}") } else { format!("{value:.decimals$}") }
    };
    let (first, last) = ((least / step).ceil(), (most / step).floor());
    let count = (last - first).clamp(0.0, 10.0) as usize;
    // Not -0.
    (0..=count).map(|k| (first + k as f64) * step + 0.0).filter(|x| *x <= most).map(|x| (x, say(x))).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_numbers() {
        let said = |least: f64, most: f64| ticks(least, most).into_iter().map(|(_, said)| said).collect::<Vec<_>>();
        assert_eq!(said(0.0, 75.0), ["0", "20", "40", "60"]);
        assert_eq!(said(-0.13, 0.31), ["0.0", "0.2"]);
        assert_eq!(said(-3.7, -3.61), ["-3.70", "-3.65"]);
        assert_eq!(said(0.0, 4e6), ["0.0e0", "1.0e6", "2.0e6", "3.0e6", "4.0e6"]);
        assert!(said(1.0, 1.0).is_empty() && said(f64::NAN, 1.0).is_empty());
    }

    #[test]
    fn names_in_plots_are_text() {
        let link = Link { at: (1.0, 2.0), name: "<script>alert(1)</script>".into(), place: "a\"b".into() };
        let layout = Layout { columns: 1, panel: (200.0, 200.0), axes: ["x", "y"], marks: Marks::Points, empty: "" };
        let panel = Panel { title: "<b>".into(), links: vec![link], has_diagonal: true, ..Panel::default() };
        let text = svg(&layout, &[panel], &["a<b"]);
        assert!(!text.contains("<script") && !text.contains("<b>") && text.contains("href=\"#a&quot;b\""), "{text}");
        assert!(!text.contains("NaN"));
    }
}
