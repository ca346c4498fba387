use reqwest::Method;

use crate::people::{TestServer, send};

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let server = TestServer::start_with(|config| config.server.hsts_seconds = 300).await;
    let stranger = server.stranger();
    let own = server.server.addr();
    for path in ["/", "/api/session", "/api/nothing", "/healthz", "/no/such/file.js"] {
        let answer = stranger.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains(&format!("connect-src 'self' ws://{own} wss://{own};")),
            "{path}: {policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(
            answer.header("strict-transport-security"),
            "",
            "{path}: the address is http"
        );
    }
}

#[tokio::test]
async fn a_name_that_may_be_an_attackers_is_refused() {
    let server = TestServer::start().await;
    let stranger = server.stranger();
    for path in ["/", "/api/session", "/sync"] {
        let answer = send(stranger.bare(Method::GET, path).header("host", "rebound.example")).await;
        answer.assert_problem(403, "unknown-host");
        assert!(answer.json()["detail"].as_str().unwrap().contains("--public-url"));
    }
    let monitor = send(
        stranger
            .bare(Method::GET, "/readyz")
            .header("host", "fieldbook.internal"),
    )
    .await;
    assert_eq!(monitor.status, 200);
    let local = send(stranger.bare(Method::GET, "/").header("host", "localhost:5173")).await;
    assert_eq!(local.status, 200);
}

#[tokio::test]
async fn behind_a_proxy_with_tls_cookies_and_headers_are_for_tls() {
    let server = TestServer::start_with(|config| {
        config.server.public_url = "https://fieldbook.example".parse().ok();
        config.server.hsts_seconds = 300;
    })
    .await;
    let link = server.server.setup_link().unwrap();
    assert!(link.starts_with("https://fieldbook.example/join/"), "{link}");
    let secret = link.rsplit('/').next().unwrap();
    let body = serde_json::json!({"name": "Ann", "password": crate::people::PASSWORD});
    let accept = |origin: &'static str| {
        let request = server
            .stranger()
            .bare(Method::POST, &format!("/api/invitations/{secret}/accept"));
        request.header("origin", origin).json(&body)
    };
    send(accept("http://fieldbook.example"))
        .await
        .assert_problem(403, "foreign-origin");
    let answer = send(accept("https://fieldbook.example")).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert!(answer.header("set-cookie").contains("Secure"));
    assert_eq!(answer.header("strict-transport-security"), "max-age=300");
    assert!(
        answer
            .header("content-security-policy")
            .contains("wss://fieldbook.example")
    );
}

#[tokio::test]
async fn a_trusted_proxy_says_who_asks() {
    let server = TestServer::start_with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        config.limits.requests_per_second = 1;
    })
    .await;
    let stranger = server.stranger();
    let from = |address: &str| {
        send(
            stranger
                .bare(Method::GET, "/api/session")
                .header("x-forwarded-for", address),
        )
    };
    from("203.0.113.1").await.assert_problem(401, "unauthenticated");
    from("203.0.113.1").await.assert_problem(429, "too-many-requests");
    from("203.0.113.2").await.assert_problem(401, "unauthenticated");
}
