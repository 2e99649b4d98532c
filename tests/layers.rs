//! The direction of dependencies, and a few habits, held by reading the repository.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What each crate may know of the others. `command`, `projector` and `query` never know one another.
const ALLOWED: [(&str, &[&str]); 16] = [
    ("domain", &[]),
    ("schemas", &["domain"]),
    ("eventstore", &["domain", "schemas"]),
    ("line", &["domain", "schemas", "eventstore"]),
    ("transparency", &["domain", "schemas", "eventstore"]),
    ("demand", &["domain", "schemas", "eventstore"]),
    ("people", &["domain", "schemas", "eventstore"]),
    ("snapshots", &["domain", "schemas", "eventstore"]),
    ("views", &["domain", "schemas"]),
    ("http", &["domain", "schemas"]),
    ("command", &["domain", "schemas", "eventstore", "line", "demand", "people", "snapshots", "http"]),
    ("projector", &["domain", "schemas", "eventstore", "transparency", "snapshots", "views"]),
    ("query", &["domain", "schemas", "eventstore", "line", "transparency", "demand", "views", "http"]),
    ("tests/servers", &[]),
    ("bench", &["domain", "schemas", "eventstore", "snapshots", "test-servers"]),
    (
        ".",
        &[
            "domain",
            "schemas",
            "eventstore",
            "line",
            "transparency",
            "demand",
            "people",
            "snapshots",
            "views",
            "http",
            "command",
            "projector",
            "query",
        ],
    ),
];

/// What the domain may know of the world: the standard library.
const DOMAIN_DEPENDENCIES: [&str; 0] = [];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Dependencies that end up in a crate's build, by the crate's folder.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let folder = |package: &Value| {
        let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
        let relative = manifest.parent().unwrap().strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        if relative.is_empty() { ".".to_owned() } else { relative }
    };
    let is_built = |dependency: &&Value| dependency["kind"].is_null();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| {
            let names = package["dependencies"].as_array().unwrap().iter().filter(is_built);
            (folder(package), names.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect())
        })
        .collect()
}

#[test]
fn crates_know_only_those_below_them() {
    let dependencies = dependencies();
    let listed: BTreeSet<&str> = ALLOWED.iter().map(|(folder, _)| *folder).collect();
    assert_eq!(listed, dependencies.keys().map(String::as_str).collect(), "every crate has its line here");
    for (folder, allowed) in ALLOWED {
        let allowed: BTreeSet<String> = allowed.iter().map(|name| format!("fullhouse-{name}")).collect();
        let known: BTreeSet<String> = dependencies[folder].iter().filter(|name| name.starts_with("fullhouse-")).cloned().collect();
        assert!(known.is_subset(&allowed), "{folder} may not know {:?}", known.difference(&allowed));
    }
    assert!(dependencies["domain"].iter().eq(DOMAIN_DEPENDENCIES.iter()), "the domain knows nothing but the standard library");
}

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && !["target", ".git", "node_modules"].contains(&name.to_str().unwrap()) {
            files(&path, ending, found);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
}

fn sources(ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&root(), ending, &mut found);
    found.into_iter().map(|path| (path.strip_prefix(root()).unwrap().into(), std::fs::read_to_string(&path).unwrap())).collect()
}

#[test]
fn the_domain_reads_no_clock_and_rolls_no_dice() {
    for (path, text) in sources("rs").iter().filter(|(path, _)| path.starts_with("domain/src")) {
        for word in ["SystemTime", "Instant::now", "std::fs", "std::env", "std::net", "std::thread", "async fn"] {
            assert!(!text.contains(word), "{} has {word}", path.display());
        }
    }
}

#[test]
fn the_environment_is_read_in_one_place() {
    for (path, text) in &sources("rs") {
        let may = path.starts_with("src")
            || path.starts_with("tests")
            || path.starts_with("bench")
            || path.components().any(|part| part.as_os_str() == "tests");
        assert!(may || !text.contains("std::env"), "{} reads the environment", path.display());
    }
}

#[test]
fn files_can_be_read_in_one_sitting() {
    const LINES_MAX: usize = 600;
    for (path, text) in sources("rs").into_iter().chain(sources("js")).filter(|(path, _)| !path.ends_with("uplot.js")) {
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", path.display());
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    for (path, text) in sources("md") {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            let is_local = !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:");
            let place = root().join(path.parent().unwrap()).join(target);
            assert!(!is_local || place.exists(), "{} links to {link}", path.display());
        }
    }
}

/// Metrics that the program has, by the names in its sources. Histograms have three series each.
fn metrics() -> BTreeSet<String> {
    let sources = sources("rs").into_iter().filter(|(path, _)| !path.starts_with("tests"));
    let constants = sources.flat_map(|(_, text)| {
        text.lines().filter(|line| line.contains("const ") && line.contains(": &str = \"fullhouse_")).map(str::to_owned).collect::<Vec<_>>()
    });
    let names = constants.filter_map(|line| line.split('"').nth(1).map(str::to_owned));
    names.flat_map(|name| ["", "_bucket", "_sum", "_count"].map(|ending| format!("{name}{ending}"))).collect()
}

#[test]
fn alerts_and_the_dashboard_ask_only_for_metrics_that_exist() {
    let known = metrics();
    assert!(known.contains("fullhouse_log_head") && known.contains("fullhouse_append_seconds_bucket"), "{known:?}");
    for path in ["deploy/prometheus/alerts.yaml", "deploy/grafana/fullhouse.json"] {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        let words =
            text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')).filter(|word| word.starts_with("fullhouse_"));
        let unknown: BTreeSet<&str> = words.filter(|word| !known.contains(*word)).collect();
        assert!(unknown.is_empty(), "{path} asks for {unknown:?}");
    }
}

#[test]
fn every_alert_has_its_section_in_the_operations_page() {
    let alerts = std::fs::read_to_string(root().join("deploy/prometheus/alerts.yaml")).unwrap();
    let page = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let names: Vec<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(page.lines().any(|line| line.starts_with('#') && line.ends_with(name)), "docs/operations.md says nothing about {name}");
    }
}
