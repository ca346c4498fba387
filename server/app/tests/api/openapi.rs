use std::collections::BTreeSet;

use reqwest::Method;

use crate::people::{TestServer, send};

/// The description and the server agree on every method of every address: what is described is taken, and what is
/// not described is refused as a method that the address does not have.
#[tokio::test]
async fn the_description_lists_exactly_what_the_server_takes() {
    let server = TestServer::start_with(|config| config.limits.requests_per_second = 10_000).await;
    let stranger = server.stranger();
    let description = stranger.get("/api/openapi.json").await.json();
    let paths = description["paths"].as_object().unwrap();
    let described: BTreeSet<&str> = paths.keys().map(String::as_str).collect();
    let routed: BTreeSet<String> = fieldbook::http::addresses().into_iter().collect();
    assert_eq!(described, routed.iter().map(String::as_str).collect());
    for (path, item) in paths {
        let address = path
            .replace("{id}", "4NMNnkMhL8jXrdJ9jamS58PAVdXu")
            .replace("{secret}", "s")
            .replace("{person}", "6d1f6d6e-3f43-4f3e-9a3e-0f0c4f3d8a02")
            .replace("{group}", "6d1f6d6e-3f43-4f3e-9a3e-0f0c4f3d8a03");
        for method in ["get", "post", "put", "patch", "delete"] {
            let method_name: Method = method.to_uppercase().parse().unwrap();
            let answer = send(stranger.request(method_name, &address)).await;
            assert_eq!(
                item.get(method).is_some(),
                answer.status != 405,
                "{method} {path}: {}",
                answer.status
            );
        }
    }
}

#[tokio::test]
async fn every_operation_has_a_name_a_success_and_its_errors() {
    let server = TestServer::start().await;
    let description = server.stranger().get("/api/openapi.json").await.json();
    let mut names = BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} twice");
            assert!(
                operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
                "{method} {path}"
            );
            let responses = operation["responses"].as_object().unwrap();
            assert!(
                responses.keys().any(|status| status.starts_with('2')),
                "{method} {path}"
            );
            let errors = responses.iter().filter(|(status, _)| !status.starts_with('2'));
            for (status, response) in errors {
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {status}");
            }
            let is_guarded = operation["security"]
                .as_array()
                .is_some_and(|schemes| !schemes.is_empty());
            assert!(!is_guarded || responses.contains_key("401"), "{method} {path}: no 401");
            assert!(
                !path.starts_with("/api/") || responses.contains_key("429"),
                "{method} {path}: no 429"
            );
        }
    }
    assert!(description["components"]["schemas"]["Role"].is_object());
}
