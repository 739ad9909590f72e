//! What a run draws on a terminal, in a real one: tmux, which breaks lines anew when its window changes.

use crate::support::{PROGRAM, crystals};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A terminal that ends with the test.
struct Terminal(String);

impl Terminal {
    /// A shell in a folder; `None` without tmux.
    fn start(folder: &Path) -> Option<Self> {
        let terminal = Self(format!("mlip-batch-test-{}", std::process::id()));
        let size = ["-x", "120", "-y", "24"];
        let folder = folder.to_str().unwrap();
        let begun = Command::new("tmux")
            .args(["-L", &terminal.0, "-f", "/dev/null", "new-session", "-d", "-s", "it", "-c", folder])
            .args(size)
            .args(["env", "PS1=>", "LC_ALL=C.UTF-8", "bash", "--norc"])
            .output();
        match begun {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("skipped: no tmux");
                None
            }
            Err(error) => panic!("tmux: {error}"),
            Ok(output) if output.status.success() => Some(terminal),
            Ok(output) => panic!("tmux: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux").args(["-L", &self.0]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// All that is there to be seen; lines that the terminal broke are whole.
    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-J", "-S", "-", "-t", "it"])
    }

    fn resize(&self, columns: u32, rows: u32) {
        self.tmux(&["resize-window", "-t", "it", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    #[track_caller]
    fn wait_for(&self, is_there: impl Fn(&str) -> bool) {
        let begin = Instant::now();
        while !is_there(&self.screen()) {
            assert!(begin.elapsed() < Duration::from_secs(60), "{}", self.screen());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.0, "kill-server"]).output();
    }
}

fn bars(screen: &str) -> usize {
    screen.lines().filter(|line| line.contains(['░', '█'])).count()
}

#[test]
fn a_bar_leaves_nothing_behind_when_the_terminal_changes_its_size() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 40, 3);
    let Some(terminal) = Terminal::start(folder.path()) else { return };
    let relaxation = "--relax --fmax 1e-12 --max-steps 100000 --drain 0.5";
    let line = format!("{PROGRAM} run --cifs cifs --model chgnet {relaxation} --out RUN");
    terminal.tmux(&["send-keys", "-t", "it", &line, "Enter"]);
    terminal.wait_for(|screen| screen.contains("in flight"));
    // In four rows the bar that was broken begins in the upper left corner, or above it: then its first part stays there.
    let mut above = 0;
    for (columns, rows) in [(50, 24), (110, 24), (30, 24), (64, 24), (110, 4), (30, 4), (64, 4), (120, 24)] {
        terminal.resize(columns, rows);
        // It is drawn some times a second.
        std::thread::sleep(Duration::from_millis(800));
        let screen = terminal.screen();
        above += usize::from(rows < 24);
        assert!((1..=1 + above).contains(&bars(&screen)), "{columns} columns, {rows} rows:\n{screen}");
        let bar = screen.lines().rfind(|line| line.contains(['░', '█'])).unwrap();
        assert!(above > 0 || bar.trim_end().chars().count() < columns as usize, "{columns} columns: {bar}");
    }
    terminal.tmux(&["send-keys", "-t", "it", "C-c", ""]);
    terminal.wait_for(|screen| screen.contains("go on with"));
    terminal.wait_for(|screen| bars(screen) <= above);
    let screen = terminal.screen();
    // Messages stand whole where the bar was.
    assert!(screen.lines().any(|line| line.contains("WARN signal received: finishing what is in flight")), "{screen}");
}
