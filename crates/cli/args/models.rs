//! What is said of potentials and their checkpoints.

use crate::values::Seconds;
use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

/// `models`.
#[derive(Debug, Clone, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ModelsCommand>,
    /// Write JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Folder in which published checkpoints are looked for first
    #[arg(long, value_name = "DIR", env = "MLIP_MODELS_DIR")]
    pub(crate) models_dir: Option<PathBuf>,
}

/// What else there is to do with models.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Fetch published checkpoints from where upstream publishes them
    Get(ModelsGetArgs),
}

/// `models get`.
#[derive(Debug, Clone, ClapArgs)]
#[command(after_long_help = "\
Do this where there is a network, on a login node: `run` never downloads anything. The licences are shown first. A \
checkpoint that is on this machine is not fetched again; what a broken download left is gone on with. Files of Hugging \
Face (UMA) need the token of a user who has agreed to the terms there: HF_TOKEN, or `hf auth login`.

Proxies: HTTPS_PROXY, ALL_PROXY, NO_PROXY. Authorities of certificates: SSL_CERT_FILE. Paths go to stdout.

Examples:
  mlip-batch models get medium-mpa-0 orb-v3-conservative-inf-omat
  HF_TOKEN=hf_… mlip-batch models get uma-s-1p1 --models-dir /project/models --accept-licence
  mlip-batch models get 7net-l3i5 --mirror https://mirror.example.org/checkpoints

Exit codes: 0 all are there; 1 one could not be had; 2 the command line is wrong, or a licence was not accepted; 75 a signal \
came, the same command goes on.")]
pub(crate) struct ModelsGetArgs {
    /// Names of published checkpoints: `mlip-batch models` lists them
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
    /// Folder that they are kept in [default: mlip-batch/models in $XDG_CACHE_HOME or ~/.cache]
    #[arg(long, value_name = "DIR", env = "MLIP_MODELS_DIR")]
    pub(crate) models_dir: Option<PathBuf>,
    /// Accept the licences without being asked
    #[arg(long, visible_alias = "accept-license")]
    pub(crate) accept_licence: bool,
    /// Address of a folder that has the files as `models get` keeps them, instead of upstream's hosts
    #[arg(long, value_name = "URL", env = "MLIP_MIRROR")]
    pub(crate) mirror: Option<String>,
    /// A server that sends nothing for so long has gone [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<Seconds>,
    /// Times that a cut connection is taken up again without progress [default: 5]
    #[arg(long, value_name = "N")]
    pub(crate) retries: Option<u32>,
}
