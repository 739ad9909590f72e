//! Configurations of the program, and those in files.

use super::keys::Config;
use crate::error::CommandError;
use crate::settings::is_yaml;
use std::path::Path;

/// The configurations that are in the program.
const BUILT_IN: [(&str, &str); 2] = [
    ("multi_mlip_stability", include_str!("../../../configs/multi_mlip_stability.toml")),
    ("multi_mlip_stability_optimized", include_str!("../../../configs/multi_mlip_stability_optimized.toml")),
];

/// The one type of configuration that computes potentials.
const TYPE: &str = "multi_mlip_stability";

/// Reads a configuration by its name, or a file.
pub(crate) fn read(config: &str) -> Result<Config, CommandError> {
    if let Some((_, text)) = BUILT_IN.iter().find(|(name, _)| *name == config) {
        return parse(text, false).map_err(|message| CommandError::new(message).usage());
    }
    let path = Path::new(config);
    let what = || format!("cannot read the configuration `{config}`");
    if path.extension().is_none() && !path.exists() {
        let known: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        return Err(CommandError::new(format!("there is no configuration `{config}`; known are {}", known.join(", ")))
            .hint(
                "name a .yaml or .toml file; validity, distribution and the like are benchmarks of LeMat-GenBench that \
                 read what this program computes",
            )
            .usage());
    }
    let text =
        std::fs::read_to_string(path).map_err(|error| CommandError::from_error(&error).while_doing(what()).usage())?;
    let mut config = parse(&text, is_yaml(path)).map_err(|message| {
        CommandError::new(message)
            .while_doing(what())
            .hint("docs/migrating.md lists the keys that are known; remove or correct the others")
            .usage()
    })?;
    config.start_from(path.parent().unwrap_or(Path::new("")));
    Ok(config)
}

/// What is wrong, as a sentence that names the key.
fn parse(text: &str, is_yaml: bool) -> Result<Config, String> {
    /// Only the type: files of other types have other keys.
    #[derive(serde::Deserialize)]
    struct OfType {
        r#type: Option<String>,
    }
    let found = if is_yaml {
        serde_yaml_ng::from_str::<OfType>(text).map_err(|error| error.to_string())?
    } else {
        toml::from_str::<OfType>(text).map_err(|error| error.to_string())?
    };
    match found.r#type {
        Some(other) if other != TYPE => Err(format!(
            "its type is `{other}`, which computes no potentials; expected `{TYPE}`: such benchmarks read what this \
             program computes"
        )),
        _ if is_yaml => serde_yaml_ng::from_str(text).map_err(|error| error.to_string()),
        _ => toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned()),
    }
}
