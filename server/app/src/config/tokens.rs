//! `[tokens]`

use std::net::IpAddr;
use std::path::PathBuf;

use super::error::Mistake;
use super::topic::topic;

topic! {
    /// Tokens that another application signs for its own people, so that it can embed Fieldbook: see embedding.md. They
    /// are taken when `issuer`, `audience` and one of `secret_file`, `jwks_file` and `jwks_url` are set.
    Tokens in "tokens" {
        /// Who signs them: their `iss`. Together with it, `sub` says who somebody is.
        issuer: Option<String> = None, Text("a name or an address, other than fieldbook");
        /// For whom they are: their `aud`. Choose one for this server, so that a token for another is of no use here.
        audience: Option<String> = None, Text("a name or an address");
        /// A file that holds the secret of HS256, at least 32 bytes; a line end after it does not count.
        secret_file: Option<PathBuf> = None, Text("the path of a file");
        /// A file with the public keys (JWKS) of RS256, ES256 or EdDSA. It is read again like `jwks_url`.
        jwks_file: Option<PathBuf> = None, Text("the path of a file");
        /// Where the public keys (JWKS) of RS256, ES256 or EdDSA are fetched.
        jwks_url: Option<String> = None, Text("an address with https://, or http:// and an IP address of this machine");
        /// Keys are fetched again after so many seconds. When that fails, those that are known stay.
        jwks_refresh_s: u64 = 600, Whole(1, 86_400);
        /// A token with a key that is not known makes them be fetched at once, but not again within so many seconds.
        jwks_pause_s: u64 = 10, Whole(1, 3_600);
        /// How long a fetch may take, in milliseconds.
        jwks_timeout_ms: u64 = 5_000, Whole(100, 60_000);
        /// Longest set of keys, in bytes. A longer one counts as a failed fetch.
        jwks_bytes: usize = 262_144, Whole(1_024, 16_777_216);
        /// How far the other application's clock may be off, in seconds: `exp` and `nbf` are taken by so much wider.
        leeway_s: u64 = 30, Whole(0, 300);
        /// How many workspaces, and how many documents, one token may name.
        entries: usize = 100, Whole(1, 10_000);
    }
}

impl Tokens {
    pub(super) fn check(&self, mistakes: &mut Vec<Mistake>) {
        let sources = [
            self.secret_file.is_some(),
            self.jwks_file.is_some(),
            self.jwks_url.is_some(),
        ];
        let sources = sources.into_iter().filter(|is_set| *is_set).count();
        let names = usize::from(self.issuer.is_some()) + usize::from(self.audience.is_some());
        let mut mistake = |text: &str| mistakes.push(Mistake::Together(text.to_owned()));
        if (sources, names) != (0, 0) && (sources, names) != (1, 2) {
            mistake(
                "tokens of another application need tokens.issuer, tokens.audience and exactly one of \
                 tokens.secret_file, tokens.jwks_file and tokens.jwks_url; set these three, or none of them",
            );
        }
        if self
            .issuer
            .as_deref()
            .is_some_and(|issuer| issuer.is_empty() || issuer == "fieldbook")
        {
            mistake("tokens.issuer is empty or fieldbook, which stands in this server's own tokens; choose another");
        }
        if self.audience.as_deref() == Some("") {
            mistake("tokens.audience is empty; choose a name for this server");
        }
        if self.jwks_url.as_deref().is_some_and(|url| !can_be_trusted(url)) {
            mistake(
                "tokens.jwks_url is neither an https address nor an http one of this machine (http://127.0.0.1): who \
                 can change the keys on their way can sign tokens",
            );
        }
    }
}

fn can_be_trusted(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| match url.scheme() {
        "https" => true,
        "http" => url.host_str().is_some_and(|host| {
            let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
            address.is_ok_and(|address| address.is_loopback())
        }),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(change: impl FnOnce(&mut Tokens)) -> String {
        let mut tokens = Tokens {
            issuer: Some("https://crm.example".into()),
            audience: Some("fieldbook.example".into()),
            ..Tokens::default()
        };
        change(&mut tokens);
        let mut mistakes = Vec::new();
        tokens.check(&mut mistakes);
        mistakes.iter().map(Mistake::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn issuer_audience_and_one_source_go_together() {
        assert_eq!(told(|tokens| tokens.secret_file = Some("secret".into())), "");
        assert_eq!(told(|tokens| *tokens = Tokens::default()), "");
        assert!(told(|_| {}).contains("exactly one of"));
        let two = told(|tokens| {
            tokens.secret_file = Some("secret".into());
            tokens.jwks_file = Some("keys.json".into());
        });
        assert!(two.contains("exactly one of"), "{two}");
        let own = told(|tokens| {
            tokens.issuer = Some("fieldbook".into());
            tokens.secret_file = Some("secret".into());
        });
        assert!(own.contains("this server's own tokens"), "{own}");
    }

    #[test]
    fn keys_come_over_tls_or_from_this_machine() {
        let url = |url: &str| told(|tokens| tokens.jwks_url = Some(url.into()));
        for good in ["https://a.example/keys", "http://127.0.0.1:9/keys", "http://[::1]/keys"] {
            assert_eq!(url(good), "", "{good}");
        }
        for bad in [
            "http://a.example/keys",
            "http://localhost/keys",
            "file:///keys",
            "keys",
            "",
        ] {
            assert!(url(bad).contains("tokens.jwks_url"), "{bad}");
        }
    }
}
