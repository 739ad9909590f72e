//! The page of a run, as a file and in a browser.

use crate::chromium::{Page, chromium, url};
use crate::support::{rock_salt, run, said};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Names that would do something in a page that took them for markup.
const NAMES: [&str; 2] = ["<script>window.hacked=1;", "<img src=x onerror=window.hacked=1>"];

/// Computes crystals with two potentials, some of them and some bad files with such names; the folder of the report.
fn report(folder: &Path, out: &str, more: &[&str]) -> PathBuf {
    let cifs = folder.join("cifs");
    fs::create_dir_all(&cifs).unwrap();
    for number in 0..30 {
        fs::write(cifs.join(format!("salt-{number:02}.cif")), rock_salt(number, 1)).unwrap();
    }
    for (number, name) in NAMES.iter().enumerate() {
        // Denser than the others: the potentials differ there.
        let text = rock_salt(60 + number, 1).replace(" 5.", " 4.");
        fs::write(cifs.join(format!("{name}.cif")), text).unwrap();
        fs::write(cifs.join(format!("bad {name}.cif")), "this is not a CIF\n").unwrap();
    }
    let arguments = ["run", "--cifs", "cifs", "--model", "lennard-jones", "chgnet", "--format", "html", "--out", out];
    let output = run(&[&arguments, more].concat(), folder);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    folder.join(out).join("report")
}

#[test]
fn a_page_is_one_file_in_which_names_are_text() {
    let folder = tempfile::tempdir().unwrap();
    let report = report(folder.path(), "RUN", &[]);
    let page = fs::read_to_string(report.join("report.html")).unwrap();
    assert!(!page.contains("<script") && !page.contains("<img"), "a name became markup");
    assert!(page.contains("&lt;script&gt;window.hacked=1;") && page.contains("bad &lt;img src=x"));
    for forbidden in ["http://", "https://", "url(", "@import", "<link"] {
        let found = page.replace("http://www.w3.org/2000/svg", "").contains(forbidden);
        assert!(!found, "{forbidden} stands in the page");
    }
    for plot in ["energy_per_atom", "max_force", "volume_per_atom", "parity_energy", "parity_force", "spread", "cost"] {
        let svg = fs::read_to_string(report.join(format!("{plot}.svg"))).unwrap();
        assert!(page.contains(&svg), "the page shows {plot}.svg as it is");
        assert!(!svg.contains("<script") && !svg.contains("NaN"));
    }
}

#[test]
fn a_page_of_an_earlier_state_is_removed_by_a_report_without_it() {
    let folder = tempfile::tempdir().unwrap();
    crate::support::crystals(folder.path(), 3, 1);
    let done = |arguments: &[&str]| assert_eq!(run(arguments, folder.path()).status.code(), Some(0));
    let files =
        ["report.html", "energy_per_atom.svg", "cost.svg"].map(|name| folder.path().join("RUN/report").join(name));
    done(&["run", "--cifs", "cifs", "--model", "lennard-jones"]);
    done(&["report", "RUN", "--format", "html,extxyz"]);
    assert!(files.iter().all(|file| file.is_file()));
    done(&["report", "RUN"]);
    assert!(files.iter().all(|file| !file.exists()));
}

#[test]
fn a_page_does_not_depend_on_who_computed_but_for_the_cost() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (
        report(folder.path(), "A/RUN", &["--structure-workers", "1"]),
        report(folder.path(), "B/RUN", &["--batch-size", "3"]),
    );
    let part = |report: &Path| {
        let page = fs::read_to_string(report.join("report.html")).unwrap();
        let begin = page.find("<section id=\"failures\"").unwrap();
        page[begin..page.find("<section id=\"cost\"").unwrap()].to_owned()
    };
    assert_eq!(part(&one), part(&two));
    for plot in ["energy_per_atom", "max_force", "volume_per_atom", "parity_energy", "parity_force", "spread"] {
        let read = |report: &Path| fs::read(report.join(format!("{plot}.svg"))).unwrap();
        assert_eq!(read(&one), read(&two), "{plot}");
    }
}

/// Lightness of a color as a browser says it, 0 to 1.
fn lightness(color: &Value) -> f64 {
    let color = color.as_str().unwrap();
    let numbers = color.trim_start_matches(|c: char| !c.is_ascii_digit()).trim_end_matches(')');
    let parts: Vec<f64> = numbers.split(',').take(3).map(|part| part.trim().parse().unwrap()).collect();
    parts.iter().sum::<f64>() / (3.0 * 255.0)
}

#[test]
fn a_page_is_read_and_clicked_in_a_browser() {
    let Some(program) = chromium() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = report(folder.path(), "RUN", &[]).join("report.html");
    let mut page = Page::open(program, &file, folder.path());
    assert_eq!(page.value("document.querySelector('h1').textContent"), "RUN");
    assert_eq!(page.value("document.scripts.length + document.images.length"), 0);
    assert_eq!(page.value("typeof window.hacked"), "undefined");

    // On a phone nothing is wider than the screen but what scrolls by itself.
    for width in [360, 390, 1200] {
        page.resize(width, 800);
        assert_eq!(page.value("document.documentElement.scrollWidth <= window.innerWidth"), true, "{width}");
    }
    page.resize(390, 844);
    let drawn =
        page.value("[...document.querySelectorAll('figure svg')].every(s => s.getBoundingClientRect().width > 300)");
    assert_eq!(drawn, true);

    // An outlier leads to its row, and stands out there.
    page.click("#potentials figure svg a circle");
    let hash = page.value("location.hash");
    assert!(hash.as_str().unwrap().starts_with("#parity_energy-0-"), "{hash}");
    assert_eq!(page.value("document.querySelector(':target').tagName"), "TR");
    let title = page.value("document.querySelector(`svg a[href='${location.hash}'] title`).textContent");
    let row = page.value("document.querySelector(':target td').textContent");
    assert!(title.as_str().unwrap().starts_with(row.as_str().unwrap()), "{title} {row}");
    let line = page.value("document.querySelector(':target a').textContent").as_str().unwrap().to_owned();
    let line: usize = line.trim_start_matches("line ").parse().unwrap();
    let table = fs::read_to_string(file.with_file_name("ensemble.csv")).unwrap();
    assert!(table.lines().nth(line - 1).unwrap().starts_with(row.as_str().unwrap()), "{row} is not in line {line}");

    page.click("nav a[href='#cost']");
    assert_eq!(page.value("location.hash"), "#cost");
    page.click("summary");
    assert_eq!(page.value("document.querySelector('details').open"), true);

    // Dark and light, also the plots; white on paper.
    let mut colors = |media: &str, scheme: &str| {
        page.show(media, scheme);
        let of =
            |element: &str, property: &str| format!("getComputedStyle(document.querySelector('{element}')).{property}");
        ["backgroundColor", "color"]
            .map(|property| lightness(&page.value(&of("body", property))))
            .into_iter()
            .chain([lightness(&page.value(&of("figure svg text", "fill")))])
            .collect::<Vec<_>>()
    };
    let (light, dark, paper) = (colors("screen", "light"), colors("screen", "dark"), colors("print", "dark"));
    assert!(light[0] > 0.9 && light[1] < 0.2 && light[2] < 0.2, "{light:?}");
    assert!(dark[0] < 0.15 && dark[1] > 0.8 && dark[2] > 0.8, "{dark:?}");
    assert!(paper[0] > 0.9 && paper[1] < 0.2 && paper[2] < 0.2, "{paper:?}");
    let pdf = page.order("Page.printToPDF", serde_json::json!({ "printBackground": true }));
    assert!(pdf["data"].as_str().unwrap().starts_with("JVBERi"), "no PDF");

    // Nothing was fetched but the page, and nothing went wrong in it.
    let events = std::mem::take(&mut page.events);
    let fetched: Vec<&Value> = events
        .iter()
        .filter(|event| event["method"] == "Network.requestWillBeSent")
        .map(|event| &event["params"]["request"]["url"])
        .collect();
    assert!(!fetched.is_empty() && fetched.iter().all(|found| found.as_str() == Some(&url(&file))), "{fetched:?}");
    let is_trouble =
        |event: &&Value| event["method"] == "Runtime.exceptionThrown" || event["method"] == "Log.entryAdded";
    assert_eq!(events.iter().filter(is_trouble).collect::<Vec<_>>(), Vec::<&Value>::new());
}
