//! Says what to do when the site that the feature `dashboard` embeds is not there: the compiler would only name a file.

use std::path::Path;

const SITE: &str = "dashboard/sealed/site.rs";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_DASHBOARD").is_some() {
        println!("cargo::rerun-if-changed={SITE}");
        if !Path::new(SITE).exists() {
            println!(
                "cargo::error=the feature `dashboard` embeds a site that is not built: run `make dashboard`"
            );
        }
    }
}
