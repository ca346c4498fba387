use reqwest::Method;

use crate::people::{TestServer, send};

#[tokio::test]
async fn pages_of_the_web_client_all_begin_with_its_first() {
    let server = TestServer::start().await;
    let stranger = server.stranger();
    let first = stranger.get("/").await;
    assert_eq!(first.status, 200);
    assert_eq!(first.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(first.header("cache-control"), "no-cache");
    for path in [
        "/join/abc",
        "/documents/4NMNnkMhL8jXrdJ9jamS58PAVdXu",
        "/index.html",
        "/a/b/c",
    ] {
        let page = stranger.get(path).await;
        assert_eq!((page.status.as_u16(), &page.body), (200, &first.body), "{path}");
    }
}

#[tokio::test]
async fn a_file_that_is_missing_is_not_replaced_by_a_page() {
    let server = TestServer::start().await;
    for path in [
        "/assets/index-00000000.js",
        "/nothing.css",
        "/../Cargo.toml",
        "/..%2fCargo.toml",
        "/%2e%2e/x.y",
    ] {
        server.stranger().get(path).await.assert_problem(404, "not-found");
    }
}

#[tokio::test]
async fn what_a_browser_has_is_not_sent_again() {
    let server = TestServer::start().await;
    let stranger = server.stranger();
    let etag = stranger.get("/").await.header("etag").to_owned();
    assert!(etag.starts_with('"'), "{etag}");
    let again = send(
        stranger
            .bare(Method::GET, "/")
            .header("if-none-match", format!("\"x\", W/{etag}")),
    )
    .await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    let head = send(stranger.bare(Method::HEAD, "/")).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert!(head.header("content-length").parse::<usize>().unwrap() > 0);
}

#[tokio::test]
async fn a_browser_that_takes_gzip_gets_its_own_etag() {
    let server = TestServer::start().await;
    let stranger = server.stranger();
    let plain = stranger.get("/").await;
    let packed = send(
        stranger
            .bare(Method::GET, "/")
            .header("accept-encoding", "br, gzip;q=0.8"),
    )
    .await;
    assert_eq!(packed.header("vary"), "Accept-Encoding");
    // A page of less than a kilobyte is not packed.
    if packed.header("content-encoding") == "gzip" {
        assert_ne!(plain.header("etag"), packed.header("etag"));
        assert!(packed.body.len() < plain.body.len());
    } else {
        assert_eq!(plain.body, packed.body);
    }
    let refused = send(stranger.bare(Method::GET, "/").header("accept-encoding", "gzip;q=0")).await;
    assert_eq!(refused.header("content-encoding"), "");
}
