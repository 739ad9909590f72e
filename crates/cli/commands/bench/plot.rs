//! Speed-up over threads, as an SVG that any browser shows.

use super::table::Row;
use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 60.0;

/// A point for each division, a line for the ideal.
pub(super) fn plot(rows: &[Row], title: &str) -> String {
    let base = rows.first().map_or(f64::NAN, Row::wall_s);
    let points: Vec<(f64, f64, String)> = rows
        .iter()
        .map(|row| (row.split.total() as f64, base / row.wall_s(), row.split.to_string()))
        .filter(|(_, speedup, _)| speedup.is_finite())
        .collect();
    let most = points.iter().map(|(threads, speedup, _)| threads.max(*speedup)).fold(1.0, f64::max) * 1.1;
    let x = |threads: f64| LEFT + threads / most * (WIDTH - LEFT - RIGHT);
    let y = |speedup: f64| HEIGHT - BOTTOM - speedup / most * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"24\" font-size=\"15\">{}</text>\n",
        escaped(title)
    );
    // Writing into a string does not fail.
    let step = step(most);
    let mut tick = 0.0;
    while tick <= most {
        let _ = write!(
            svg,
            "<line x1=\"{LEFT}\" y1=\"{0:.1}\" x2=\"{1:.1}\" y2=\"{0:.1}\" stroke=\"#ddd\"/>\n\
             <text x=\"{2:.1}\" y=\"{3:.1}\" text-anchor=\"end\">{tick}</text>\n\
             <text x=\"{4:.1}\" y=\"{5:.1}\" text-anchor=\"middle\">{tick}</text>\n",
            y(tick),
            WIDTH - RIGHT,
            LEFT - 8.0,
            y(tick) + 4.0,
            x(tick),
            HEIGHT - BOTTOM + 18.0
        );
        tick += step;
    }
    let _ = write!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"#888\" stroke-dasharray=\"5 4\"/>\n\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">threads that compute</text>\n\
         <text transform=\"translate(18 {:.1}) rotate(-90)\" text-anchor=\"middle\">speed-up</text>\n",
        x(0.0),
        y(0.0),
        x(most),
        y(most),
        0.5 * (LEFT + WIDTH - RIGHT),
        HEIGHT - 16.0,
        0.5 * (TOP + HEIGHT - BOTTOM)
    );
    for (threads, speedup, split) in &points {
        let _ = write!(
            svg,
            "<circle cx=\"{0:.1}\" cy=\"{1:.1}\" r=\"5\" fill=\"#1f5fa8\"/>\n\
             <text x=\"{2:.1}\" y=\"{3:.1}\">{split}: {speedup:.2}</text>\n",
            x(*threads),
            y(*speedup),
            (x(*threads) + 9.0).min(WIDTH - RIGHT - 90.0),
            y(*speedup) + 16.0
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// A round number of which a few fit.
fn step(most: f64) -> f64 {
    [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]
        .into_iter()
        .find(|step| most / step <= 8.0)
        .unwrap_or((most / 8.0).ceil())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::table::samples;
    use super::*;

    #[test]
    fn every_division_is_a_point_inside_the_picture() {
        let svg = plot(&samples(), "a < b");
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.contains("a &lt; b") && svg.contains("2x1x1: 2.00"), "{svg}");
        for part in svg.split("<circle cx=\"").skip(1) {
            let at: f64 = part.split('"').next().unwrap().parse().unwrap();
            assert!((LEFT..=WIDTH - RIGHT).contains(&at), "{at}");
        }
        assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
    }
}
