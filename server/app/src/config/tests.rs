use std::path::{Path, PathBuf};

use super::{Config, ConfigError, Flag, LogFormat, Sources, reference};

fn load_file(text: &str) -> Result<Config, ConfigError> {
    load(text, &[], Vec::new())
}

fn load(text: &str, environment: &[(&str, &str)], flags: Vec<Flag>) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fieldbook.toml");
    std::fs::write(&path, text).unwrap();
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    Config::load(&Sources {
        file: Some(path),
        environment,
        flags,
    })
    .map_err(|error| without_folder(&error, &folder))
}

/// Takes the temporary folder's name out of the messages.
fn without_folder(error: &ConfigError, folder: &tempfile::TempDir) -> ConfigError {
    use super::{Mistake, Place};
    let strip = |path: &Path| path.strip_prefix(folder.path()).map_or(path.to_owned(), Path::to_owned);
    let mut error = error.clone();
    for mistake in &mut error.0 {
        match mistake {
            Mistake::Unreadable { path, .. } | Mistake::NotToml { path, .. } => *path = strip(path),
            Mistake::Unknown {
                place: Place::File(path, _),
                ..
            }
            | Mistake::NotAllowed {
                place: Place::File(path, _),
                ..
            } => *path = strip(path),
            _ => {}
        }
    }
    error
}

fn told(result: Result<Config, ConfigError>) -> String {
    result.expect_err("there is a mistake").to_string()
}

#[test]
fn an_empty_file_means_the_defaults() {
    let config = load_file("").unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.limits.frame_bytes, 33_554_432);
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
}

#[test]
fn later_layers_win() {
    let file = "[server]\nlisten = \"0.0.0.0:1\"\n[sync]\nwindow_ms = 10\nwindow_messages = 5\n";
    let environment = [
        ("FIELDBOOK_SYNC__WINDOW_MS", "20"),
        ("FIELDBOOK_SERVER__LISTEN", "0.0.0.0:2"),
    ];
    let flag = Flag {
        flag: "--listen",
        setting: ("server", "listen"),
        value: "[::1]:3".into(),
    };
    let config = load(file, &environment, vec![flag]).unwrap();
    assert_eq!(config.sync.window_messages, 5);
    assert_eq!(config.sync.window_ms, 20);
    assert_eq!(config.server.listen.to_string(), "[::1]:3");
}

#[test]
fn every_kind_of_value_is_read() {
    let file = r#"
        [server]
        public_url = "https://Fieldbook.example/"
        trusted_proxies = ["10.0.0.0/8", "::1"]
        [limits]
        frame_bytes = 0x10_0000
        [compaction]
        tail_share = 1
        [log]
        format = "json"
        filter = "warn,fieldbook=debug"
    "#;
    let config = load_file(file).unwrap();
    assert_eq!(
        config.server.public_url.unwrap().to_string(),
        "https://fieldbook.example"
    );
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert_eq!(config.limits.frame_bytes, 1 << 20);
    assert!((config.compaction.tail_share - 1.0).abs() < f64::EPSILON);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.log.filter.as_str(), "warn,fieldbook=debug");
    let environment = [
        ("FIELDBOOK_SERVER__TRUSTED_PROXIES", "10.0.0.1, fd00::/8"),
        ("FIELDBOOK_COMPACTION__TAIL_SHARE", "0.25"),
    ];
    let config = load("", &environment, Vec::new()).unwrap();
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert!((config.compaction.tail_share - 0.25).abs() < f64::EPSILON);
}

#[test]
fn a_value_out_of_range_is_told_with_its_line_and_range() {
    assert_eq!(
        told(load_file("# one\n[limits]\n\nframe_bytes = 12\n")),
        "limits.frame_bytes in fieldbook.toml, line 4: 12 is not allowed; allowed: 1024 to 268435456"
    );
    assert_eq!(
        told(load("", &[("FIELDBOOK_SYNC__WINDOW_MS", "soon")], Vec::new())),
        "sync.window_ms in the environment variable FIELDBOOK_SYNC__WINDOW_MS: soon is not allowed; allowed: 10 to 600000"
    );
    let flag = Flag {
        flag: "--listen",
        setting: ("server", "listen"),
        value: "8080".into(),
    };
    assert_eq!(
        told(load("", &[], vec![flag])),
        "server.listen in the flag --listen: 8080 is not allowed; allowed: an IP address and a port, such as \
         127.0.0.1:8080, 0.0.0.0:8080 or [::]:8080"
    );
    assert!(told(load_file("[log]\nformat = \"xml\"")).ends_with("\"xml\" is not allowed; allowed: text, json"));
    assert!(told(load_file("[limits]\nframe_bytes = \"a\"")).contains("line 2"));
    assert!(told(load_file("[limits]\nframe_bytes = -1")).contains("-1 is not allowed"));
    assert!(told(load_file("[server]\npublic_url = \"https://a/b\"")).contains("no path"));
}

#[test]
fn a_name_that_is_not_known_gets_a_suggestion() {
    assert_eq!(
        told(load_file("[limits]\nframe_byte = 4096")),
        "limits.frame_byte in fieldbook.toml, line 2: there is no such setting; did you mean limits.frame_bytes?"
    );
    assert_eq!(
        told(load_file("[auth]\nsso = true")),
        "auth.sso in fieldbook.toml, line 2: there is no such setting; known in [auth]: session_days, rotation_s, \
         rotation_grace_s, sessions_per_user, password_shortest, \
         password_longest, password_score, invitation_days, reset_hours"
    );
    assert!(told(load_file("[limit]\na = 1")).ends_with("did you mean the section [limits]?"));
    assert!(told(load_file("port = 80")).contains("settings stand in a section: [server], "));
    assert!(told(load("", &[("FIELDBOOK_HTTP__PORT", "1")], Vec::new())).contains("known sections: [server], "));
}

#[test]
fn a_section_that_is_no_table_is_told_as_such() {
    assert_eq!(
        told(load_file("# first\nserver = 3\n")),
        "server in fieldbook.toml, line 2: a value (integer) is not allowed; allowed: a table: a line [server], and \
         its settings below that line"
    );
    assert!(
        told(load_file("\n[[limits]]\nmailbox = 3\n")).contains("limits in fieldbook.toml, line 2: a value (array)")
    );
}

#[test]
fn a_variable_with_one_underscore_too_few_is_a_mistake() {
    assert_eq!(
        told(load("", &[("FIELDBOOK_SERVER_PUBLIC_URL", "https://a")], Vec::new())),
        "server_public_url in the environment variable FIELDBOOK_SERVER_PUBLIC_URL: there is no such setting; did you \
         mean FIELDBOOK_SERVER__PUBLIC_URL?"
    );
}

#[test]
fn other_variables_that_begin_like_ours_are_strays() {
    let variables = [
        ("FIELDBOOK_SERVICE_HOST", "10.0.0.1"),
        ("FIELDBOOK_PORT", "tcp://10.0.0.1:80"),
        ("FIELDBOOK_LOG__FORMAT", "json"),
        ("PATH", "/bin"),
    ];
    assert!(load("", &variables, Vec::new()).is_ok());
    let sources = Sources {
        environment: variables
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect(),
        ..Sources::default()
    };
    assert_eq!(sources.strays(), ["FIELDBOOK_PORT", "FIELDBOOK_SERVICE_HOST"]);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = told(load_file(
        "[limits]\nframe_bytes = 1\nmailbox = 0\n[server]\ntls_cert = \"a.pem\"\n",
    ));
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(
        text.contains("server.tls_cert is set and server.tls_key is not"),
        "{text}"
    );
}

#[test]
fn limits_that_contradict_each_other_are_told() {
    for (limits, told_of) in [
        (
            "frame_bytes = 70_000\nuser_bytes = 65_536",
            ["frame_bytes", "user_bytes"],
        ),
        (
            "frame_bytes = 60_000\npresence_bytes = 1",
            ["ephemeral_bytes", "frame_bytes"],
        ),
        (
            "ephemeral_bytes = 0\npresence_bytes = 5_000\nframe_bytes = 4_000",
            ["presence_bytes", "frame_bytes"],
        ),
        (
            "ephemeral_backlog_bytes = 65_535",
            ["ephemeral_bytes", "ephemeral_backlog_bytes"],
        ),
        (
            "presence_bytes = 4_096\nuser_ephemeral_bytes_per_second = 65_535",
            ["ephemeral_bytes", "user_ephemeral"],
        ),
        (
            "ephemeral_bytes = 0\nuser_ephemeral_bytes_per_second = 4_095",
            ["presence_bytes", "user_ephemeral"],
        ),
        (
            "documents_per_user = 21\ndocuments_in_memory = 20",
            ["documents_per_user", "documents_in_memory"],
        ),
        ("message_hashes = 999", ["message_hashes", "1000 heads"]),
    ] {
        let words = told(load_file(&format!("[limits]\n{limits}")));
        assert_eq!(words.lines().count(), 1, "{words}");
        assert!(told_of.iter().all(|name| words.contains(name)), "{words}");
    }
    for limits in ["frame_bytes = 65_536\nuser_bytes = 65_536", "message_hashes = 1_000"] {
        load_file(&format!("[limits]\n{limits}")).unwrap();
    }
}

#[test]
fn a_broken_or_missing_file_is_told() {
    assert!(told(load_file("[limits]\nframe_bytes = = 3\n")).starts_with("fieldbook.toml, line 2: this is not TOML: "));
    let missing = Sources {
        file: Some(PathBuf::from("/nowhere/fieldbook.toml")),
        ..Sources::default()
    };
    assert!(
        told(Config::load(&missing)).starts_with("the configuration file /nowhere/fieldbook.toml cannot be read: ")
    );
}

#[test]
fn every_default_is_inside_its_own_range() {
    let mut file = String::new();
    let mut section = "";
    for key in Config::keys().iter().filter(|key| !key.default.is_empty()) {
        if key.section != section {
            section = key.section;
            file.push_str(&format!("[{section}]\n"));
        }
        file.push_str(&format!("{} = {}\n", key.name, key.default));
    }
    assert_eq!(load_file(&file).unwrap(), Config::default());
}

#[test]
fn the_reference_in_docs_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, reference()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == reference(),
        "docs/configuration.md is stale; renew it with: UPDATE_DOCS=1 cargo test -p fieldbook --lib config"
    );
}

#[test]
fn the_benchmark_configuration_is_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/load/bench.toml");
    Config::load(&Sources {
        file: Some(file),
        ..Sources::default()
    })
    .unwrap();
}
