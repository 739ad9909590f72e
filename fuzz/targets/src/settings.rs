//! What users write: job files, and settings of another program in their place.

use crate::folder::with_file;

/// The first byte chooses what the file is called, and with it what it holds. Nothing is begun.
pub(crate) fn job(bytes: &[u8]) {
    const WORDS: [(&str, &[&str]); 3] =
        [("job.toml", &["run"]), ("job.yaml", &["run"]), ("config.toml", &["run", "--cifs", "x", "--config"])];
    let Some((first, rest)) = bytes.split_first() else { return };
    let (name, words) = WORDS[usize::from(*first) % WORDS.len()];
    with_file(name, rest, |path| {
        let words = words.iter().map(std::ffi::OsString::from).chain([path.into()]);
        if let Err(error) = mlip_batch::check_settings(words) {
            assert!(!error.text().is_empty());
        }
    });
}
