//! What Hugging Face knows a user by: where its own programs look for it.

use super::explained::TOKEN;
use crate::error::CommandError;
use mlip_download::Token;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::PathBuf;

/// From a reader of environment variables: `HF_TOKEN`, the file of `HF_TOKEN_PATH`, or that of `hf auth login`, which need
/// not be there. What is named and cannot be used is an error; its text never holds a token.
pub(super) fn token(variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<Token>, CommandError> {
    let variable = |name: &str| variable(name).filter(|value| !value.to_string_lossy().trim().is_empty());
    let path = |name: &str| variable(name).map(PathBuf::from);
    for name in ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"] {
        if let Some(value) = variable(name) {
            return usable(name, value.as_encoded_bytes()).map(Some);
        }
    }
    if let Some(file) = path("HF_TOKEN_PATH") {
        let name = format!("HF_TOKEN_PATH={}", file.display());
        let text = std::fs::read(&file).map_err(|error| {
            CommandError::from_error(&error).while_doing(format!("{name} cannot be read")).hint(remedy()).usage()
        })?;
        return usable(&name, &text).map(Some);
    }
    let cache = path("XDG_CACHE_HOME").or_else(|| path("HOME").map(|home| home.join(".cache")));
    let home = path("HF_HOME").or_else(|| cache.map(|cache| cache.join("huggingface")));
    let Some(file) = home.map(|home| home.join("token")) else { return Ok(None) };
    match std::fs::read(&file) {
        Ok(text) if text.trim_ascii().is_empty() => Ok(None),
        Ok(text) => usable(&file.display().to_string(), &text).map(Some),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(CommandError::from_error(&error)
            .while_doing(format!("the token in {} cannot be read", file.display()))
            .hint(remedy())),
    }
}

fn remedy() -> String {
    format!("leave it out, or give {TOKEN}")
}

/// What can be sent: one word of visible characters.
fn usable(name: &str, text: &[u8]) -> Result<Token, CommandError> {
    let text = text.trim_ascii();
    match str::from_utf8(text) {
        Ok(text) if !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic()) => Ok(Token(text.to_owned())),
        _ => Err(CommandError::new(format!("{name} holds no token: one is a word of letters, digits and `_`"))
            .hint(remedy())
            .usage()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;
    use std::slice::from_ref;

    #[test]
    fn what_is_named_is_used_or_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let kept = folder.path().join("token");
        let said = |variables: &[(&str, OsString)]| {
            let variable =
                |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, text)| text.clone());
            match token(variable) {
                Ok(token) => token.map_or("none".to_owned(), |Token(text)| text),
                Err(error) => error.text(),
            }
        };
        let home = ("HF_HOME", OsString::from(folder.path()));
        let file = ("HF_TOKEN_PATH", OsString::from(&kept));
        assert_eq!((said(&[]), said(from_ref(&home))), ("none".to_owned(), "none".to_owned()));
        let missing = said(from_ref(&file));
        assert!(missing.contains(&format!("HF_TOKEN_PATH={} cannot be read", kept.display())), "{missing}");
        std::fs::write(&kept, "hf_kept\n").unwrap();
        assert_eq!((said(from_ref(&home)), said(from_ref(&file))), ("hf_kept".to_owned(), "hf_kept".to_owned()));
        assert_eq!(said(&[home.clone(), ("HF_TOKEN", " hf_own ".into())]), "hf_own");
        assert_eq!(said(&[home.clone(), ("HF_TOKEN", " ".into())]), "hf_kept");
        for wrong in [OsString::from("hf_a secret"), OsString::from_vec(vec![b'h', 0xff])] {
            let text = said(&[home.clone(), ("HF_TOKEN", wrong)]);
            assert!(text.starts_with("HF_TOKEN holds no token") && !text.contains("secret"), "{text}");
        }
        std::fs::write(&kept, "two words").unwrap();
        for (text, name) in [(said(&[home]), kept.display().to_string()), (said(&[file]), "HF_TOKEN_PATH=".into())] {
            assert!(text.contains(&name) && text.contains("holds no token") && !text.contains("words"), "{text}");
        }
    }
}
