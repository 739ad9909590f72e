//! `models`: what this program knows.

use crate::error::Complaint;
use crate::exit_code::ExitCode;
use crate::potentials;

/// Lists the potentials.
pub(crate) fn models() -> Result<ExitCode, Complaint> {
    let mut text = String::new();
    for (name, what) in potentials::known() {
        text.push_str(&format!("{name:<16} {what}\n"));
    }
    super::print(&text)?;
    Ok(ExitCode::Success)
}
