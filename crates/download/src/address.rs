//! Addresses and where they redirect to.

use crate::error::DownloadError;
use ureq::http::Uri;

/// An address of http or https.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    uri: Uri,
    text: String,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, DownloadError> {
        let wrong = || DownloadError::Address(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        match (uri.scheme_str(), uri.host()) {
            (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(Self { uri, text: text.to_owned() }),
            _ => Err(wrong()),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn host(&self) -> &str {
        self.uri.host().unwrap_or_default()
    }

    fn origin(&self) -> (Option<&str>, Option<&str>) {
        (self.uri.scheme_str(), self.uri.authority().map(|authority| authority.as_str()))
    }

    /// Whether both are of one host, port and scheme: a token for one is a token for the other.
    pub(crate) fn is_of(&self, other: &Self) -> bool {
        self.origin() == other.origin()
    }

    /// Where this address redirects to.
    pub(crate) fn redirected(&self, location: &str) -> Result<Self, DownloadError> {
        let (scheme, authority) = self.origin();
        let (scheme, authority) = (scheme.unwrap_or_default(), authority.unwrap_or_default());
        let path = self.uri.path();
        let folder = path.rfind('/').map_or("/", |end| &path[..=end]);
        let text = match location {
            whole if whole.contains("://") => whole.to_owned(),
            rest if rest.starts_with("//") => format!("{scheme}:{rest}"),
            rest if rest.starts_with('/') => format!("{scheme}://{authority}{rest}"),
            rest => format!("{scheme}://{authority}{folder}{rest}"),
        };
        let problem = |problem: String| DownloadError::Redirect { url: self.text.clone(), problem };
        let next = Self::parse(&text).map_err(|_| problem(format!("to `{location}`, which is no address")))?;
        match (scheme, next.uri.scheme_str()) {
            ("https", Some("http")) => {
                Err(problem(format!("to {text}, where anybody on the way could change the file")))
            }
            _ => Ok(next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections_are_followed_as_browsers_do() {
        let from = Address::parse("https://a.org:8080/x/y.pt?q=1").unwrap();
        let to =
            |location: &str| from.redirected(location).map(|next| next.text().to_owned()).map_err(|e| e.to_string());
        assert_eq!(to("https://b.org/z").unwrap(), "https://b.org/z");
        assert_eq!(to("//b.org/z").unwrap(), "https://b.org/z");
        assert_eq!(to("/z?k=2").unwrap(), "https://a.org:8080/z?k=2");
        assert_eq!(to("z").unwrap(), "https://a.org:8080/x/z");
        assert!(to("http://a.org:8080/z").unwrap_err().contains("anybody on the way"));
        assert!(from.is_of(&from.redirected("/z").unwrap()) && !from.is_of(&from.redirected("//a.org/z").unwrap()));
        assert!(Address::parse("ftp://a/b").is_err() && Address::parse("a/b").is_err());
    }
}
