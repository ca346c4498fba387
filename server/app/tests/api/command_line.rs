use std::path::Path;

use crate::program::{Serving, fieldbook, folder, on, on_runtime, run, said};

#[test]
fn the_first_start_prints_where_to_begin() {
    let folder = folder();
    let serving = Serving::start(folder.path(), 2);
    let address = serving.lines[0].rsplit(' ').next().unwrap();
    assert!(address.starts_with("http://127.0.0.1:"), "{address}");
    let link = serving.lines[1].strip_prefix("Set up the first account: ").unwrap();
    assert!(link.starts_with(&format!("{address}/join/")), "{link}");

    let second = on(folder.path(), "serve", &["--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(
        said(&second).starts_with("another server uses the data folder "),
        "{}",
        said(&second)
    );
    assert_eq!(serving.stop(), Some(0));
}

#[test]
fn a_reader_that_closes_the_pipe_does_not_stop_the_server() {
    let folder = folder();
    let serving = Serving::start(folder.path(), 0);
    let is_there = || folder.path().join("fieldbook.sqlite").exists();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !is_there() && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(serving.stop(), Some(0));
}

#[test]
fn tokens_are_made_while_the_server_runs() {
    let folder = folder();
    let serving = Serving::start(folder.path(), 1);
    let output = on(folder.path(), "token", &["--user", "Ann"]);
    assert!(output.status.success(), "{}", said(&output));
    let token = String::from_utf8(output.stdout).unwrap();
    assert_eq!(token.trim().split('.').count(), 3, "{token}");
    let claims = claims(&token);
    assert_eq!((&claims["name"], &claims["role"]), (&"Ann".into(), &"owner".into()));
    assert_eq!(
        claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(),
        8 * 3_600
    );
    assert_eq!(serving.stop(), Some(0));
}

#[test]
fn a_token_for_a_mistyped_folder_is_refused_and_nothing_is_made() {
    let folder = folder();
    let mistyped = folder.path().join("dtaa");
    let refused = on(&mistyped, "token", &["--user", "Ann"]);
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0));
    let place = mistyped.display();
    assert_eq!(
        said(&refused),
        format!("there is no Fieldbook data in {place}; check --data, or start `fieldbook serve --data {place}` once")
    );
    assert!(!mistyped.exists());
    std::fs::create_dir(&mistyped).unwrap();
    assert!(on(&mistyped, "token", &["--user", "Ann"]).status.success());
}

#[test]
fn a_token_changes_nobodys_role_or_workspace() {
    let folder = folder();
    let role_of = |more: &[&str]| {
        let output = on(folder.path(), "token", &[&["--user", "Ann"], more].concat());
        assert!(output.status.success(), "{}", said(&output));
        claims(&String::from_utf8(output.stdout).unwrap())["role"].clone()
    };
    for role in ["editor", "owner", "viewer", "commenter"] {
        assert_eq!(role_of(&["--role", role]), role);
    }
    assert_eq!(role_of(&[]), "owner");
    let ann = on_runtime(async {
        use fieldbook_store::Directory;
        let store = fieldbook::startup::open_store(folder.path(), fieldbook_store::sqlite::SqliteOptions::default())
            .await
            .unwrap();
        let ann = store.account_by_name("Ann").await.unwrap().unwrap();
        store.close().await;
        ann
    });
    assert_eq!(ann.home.unwrap().role, fieldbook_store::WorkspaceRole::Member);
    let moved = on(folder.path(), "token", &["--user", "Ann", "--workspace", "Elsewhere"]);
    assert_eq!(moved.status.code(), Some(1));
    assert!(
        said(&moved).contains("belongs to the workspace Fieldbook"),
        "{}",
        said(&moved)
    );
    for user in ["Eve", "Zoe"] {
        let output = on(folder.path(), "token", &["--user", user, "--workspace", "Elsewhere"]);
        assert!(output.status.success(), "{}", said(&output));
    }
}

#[test]
fn documents_are_verified_and_exported() {
    let folder = folder();
    let id = make_document(folder.path());
    let verified = on(folder.path(), "verify", &[]);
    assert!(verified.status.success(), "{}", said(&verified));
    assert_eq!(
        String::from_utf8_lossy(&verified.stdout).trim(),
        "All documents are in order: 1"
    );

    let file = folder.path().join("globex.automerge");
    let exported = on(folder.path(), "export", &[&id, "-o", file.to_str().unwrap()]);
    assert!(exported.status.success(), "{}", said(&exported));
    let document = automerge::Automerge::load(&std::fs::read(&file).unwrap()).unwrap();
    use automerge::ReadDoc;
    assert_eq!(
        document
            .get(automerge::ROOT, "kind")
            .unwrap()
            .unwrap()
            .0
            .into_string()
            .unwrap(),
        "account_plan"
    );
    let piped = on(folder.path(), "export", &[&format!("automerge:{id}")]);
    assert_eq!(piped.stdout, std::fs::read(&file).unwrap());

    let missing = on(folder.path(), "export", &["4NMNnkMhL8jXrdJ9jamS58PAVdXu"]);
    assert_eq!((missing.status.code(), missing.stdout.len()), (Some(1), 0));
}

#[test]
fn a_document_that_does_not_load_or_holds_what_is_not_admitted_is_named() {
    let folder = folder();
    make_document(folder.path());
    let (unreadable, forged) = (bytes::Bytes::from_static(b"no change at all"), forged_change());
    let bad = [(unreadable, "the tail"), (forged, "would not be admitted")];
    let bad = bad.map(|(change, why)| (append_unchecked(folder.path(), change).to_string(), why));
    let verified = on(folder.path(), "verify", &[]);
    assert_eq!(verified.status.code(), Some(1));
    let listed = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    for (id, why) in bad {
        let line = listed.lines().find(|line| line.starts_with(&id)).expect("it is listed");
        assert!(line.contains(why), "{line}");
    }
    assert_eq!(said(&verified), "2 of 3 documents are not in order");
}

/// A change that automerge applies, saves and loads: an insertion into a map.
fn forged_change() -> bytes::Bytes {
    use automerge::transaction::Transactable;
    let mut document = automerge::AutoCommit::new();
    document.put(automerge::ROOT, "key", 1).unwrap();
    let mut change = document.get_last_local_change().unwrap().decode();
    change.operations[0].insert = true;
    automerge::Change::from(change).raw_bytes().to_vec().into()
}

/// A new document of Ann's, of one change that nobody has looked at.
fn append_unchecked(folder: &Path, change: bytes::Bytes) -> fieldbook_core::id::DocumentId {
    on_runtime(async {
        let store = fieldbook::startup::open_store(folder, fieldbook_store::sqlite::SqliteOptions::default())
            .await
            .unwrap();
        let bad = fieldbook_core::id::DocumentId::from_bytes(*uuid::Uuid::new_v4().as_bytes()).unwrap();
        use fieldbook_store::{Directory, DocumentStore};
        let ann = store.account_by_name("Ann").await.unwrap().unwrap();
        let new = fieldbook_store::NewDocument {
            creation: creation(&ann),
            kind: None,
            title: String::new(),
            created_at_ms: 0,
        };
        store.append(bad, Some(new), 1, vec![change]).await.unwrap();
        store.close().await;
        bad
    })
}

#[test]
fn what_is_asked_for_wrongly_is_told() {
    let folder = folder();
    let version = run(&["--version"]);
    assert!(String::from_utf8_lossy(&version.stdout).starts_with("fieldbook 0."));
    assert_eq!(run(&[]).status.code(), Some(2));
    assert_eq!(run(&["sing"]).status.code(), Some(2));
    assert_eq!(
        on(folder.path(), "token", &["--user", "Ann", "--ttl", "8"])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(
        on(folder.path(), "token", &["--user", "Ann", "--role", "king"])
            .status
            .code(),
        Some(2)
    );
    let nothing = on(folder.path(), "verify", &[]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(
        said(&nothing).starts_with("there is no Fieldbook data in "),
        "{}",
        said(&nothing)
    );

    let mistaken = fieldbook()
        .env("FIELDBOOK_LIMITS__FRAME_BYTES", "1")
        .args(["serve"])
        .output()
        .unwrap();
    assert_eq!(mistaken.status.code(), Some(2));
    assert_eq!(
        said(&mistaken),
        "limits.frame_bytes in the environment variable FIELDBOOK_LIMITS__FRAME_BYTES: 1 is not allowed; allowed: \
         1024 to 268435456"
    );
    let flags = on(folder.path(), "serve", &["--listen", "8080", "--tls-cert", "x.pem"]);
    assert_eq!(flags.status.code(), Some(2));
    assert!(
        said(&flags).contains("in the flag --listen") && said(&flags).contains("server.tls_key"),
        "{}",
        said(&flags)
    );
}

#[test]
fn a_worker_started_by_hand_says_what_to_do_instead() {
    let worker = run(&["worker"]);
    assert_eq!((worker.status.code(), worker.stdout.len()), (Some(1), 0));
    let words = said(&worker);
    assert!(words.contains("standard input ended before there was a job"), "{words}");
    assert!(words.contains("fieldbook verify"), "{words}");
}

#[test]
fn variables_that_set_nothing_are_named_at_the_start() {
    let folder = folder();
    let log = folder.path().join("log");
    let variables = [("FIELDBOOK_DATA", "/elsewhere"), ("FIELDBOOK_LOG__FILTER", "warn")];
    let file = std::fs::File::create(&log).unwrap();
    let serving = Serving::start_with(&folder.path().join("data"), 1, &variables, file.into());
    assert_eq!(serving.stop(), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    let warned: Vec<&str> = log.lines().filter(|line| line.contains("FIELDBOOK_DATA")).collect();
    assert_eq!(warned.len(), 1, "{log}");
    assert!(
        !log.contains("FIELDBOOK_LOG__FILTER") && !log.contains("/elsewhere"),
        "{log}"
    );
}

fn creation(account: &fieldbook_store::Account) -> fieldbook_core::access::Creation {
    use fieldbook_core::access::{Creation, Subject};
    let home = account.home.as_ref().unwrap();
    let subject = Subject::of(account.id, &account.name, home.workspace.id, home.role);
    Creation::at_home(&subject).unwrap()
}

/// A document of Ann's, made by the store alone.
fn make_document(data: &Path) -> String {
    assert!(on(data, "token", &["--user", "Ann"]).status.success());
    on_runtime(async {
        use fieldbook_store::{Directory, DocumentStore};
        let store = fieldbook::startup::open_store(data, fieldbook_store::sqlite::SqliteOptions::default())
            .await
            .unwrap();
        let ann = store.account_by_name("Ann").await.unwrap().unwrap();
        let id = fieldbook_core::id::DocumentId::from_bytes(*uuid::Uuid::new_v4().as_bytes()).unwrap();
        let kind = fieldbook_core::template::Kind::AccountPlan;
        let new = fieldbook_store::NewDocument {
            creation: creation(&ann),
            kind: Some(kind.as_str().into()),
            title: "Globex".into(),
            created_at_ms: 1,
        };
        let changes = fieldbook_core::template::build(kind, "Globex", [1; 16], 1).unwrap();
        store.append(id, Some(new), 1, changes).await.unwrap();
        store.close().await;
        id.to_string()
    })
}

/// What a token says, unchecked.
fn claims(token: &str) -> serde_json::Value {
    jsonwebtoken::dangerous::insecure_decode_claims(token.trim()).unwrap()
}
