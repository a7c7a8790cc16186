//! What the command line says of itself: completions for shells, and manual pages.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::builder::Resettable;
use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use super::pages;

#[derive(Args, Debug)]
pub(super) struct CompletionsArgs {
    /// For which shell
    shell: Shell,
}

#[derive(Args, Debug)]
pub(super) struct ManArgs {
    /// Write a page for each command into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn completions(mut command: Command, args: &CompletionsArgs) -> Result<()> {
    let (name, mut script) = (command.get_name().to_owned(), Vec::new());
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    io::stdout()
        .write_all(&script)
        .context("cannot write the completions")
}

pub(super) fn man(command: Command, args: &ManArgs) -> Result<()> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    match &args.out {
        None => page(&command, "", &mut io::stdout().lock()).context("cannot write the page"),
        Some(dir) => {
            fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
            into(dir, &command, "")
        }
    }
}

fn into(dir: &Path, command: &Command, path: &str) -> Result<()> {
    let file = dir.join(Man::new(command.clone()).get_filename());
    let written = File::create(&file).and_then(|mut file| page(command, path, &mut file));
    written.with_context(|| format!("cannot write {}", file.display()))?;
    for inner in command.get_subcommands() {
        into(dir, inner, format!("{path} {}", inner.get_name()).trim_start())?;
    }
    Ok(())
}

/// The examples keep their lines, which the crate would fill to a paragraph.
fn page(command: &Command, path: &str, out: &mut dyn Write) -> io::Result<()> {
    Man::new(command.clone().after_help(Resettable::Reset)).render(out)?;
    writeln!(out, ".SH EXAMPLES\n.nf")?;
    for line in pages::examples(path).lines() {
        writeln!(out, "{}", line.replace('\\', "\\e").replace('-', "\\-"))?;
    }
    writeln!(out, ".fi")
}

#[cfg(test)]
mod tests;
