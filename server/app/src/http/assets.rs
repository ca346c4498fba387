//! The files of the web client, embedded in the binary.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::sync::{LazyLock, OnceLock};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;

/// Smaller files gain nothing.
const LEAST_COMPRESSED_BYTES: usize = 1_024;

#[derive(RustEmbed)]
#[folder = "../../web-client/dist/"]
struct Dist;

/// One file.
pub(super) struct Asset {
    /// Its bytes.
    pub bytes: Bytes,
    /// Its media type.
    pub media_type: String,
    /// Its name's hash changes with its contents, so that browsers may keep it forever.
    pub is_immutable: bool,
    /// Quoted, as it stands in the header.
    pub etag: String,
    gzip: OnceLock<Option<Bytes>>,
}

/// The file of that name.
pub(super) fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.get(path)
}

static ASSETS: LazyLock<HashMap<String, Asset>> = LazyLock::new(|| {
    Dist::iter()
        .filter_map(|path| Some((path.to_string(), Asset::from(&path, &Dist::get(&path)?))))
        .collect()
});

impl Asset {
    fn from(path: &str, file: &rust_embed::EmbeddedFile) -> Self {
        let bytes = match &file.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::copy_from_slice(bytes),
        };
        let hash = hex::encode(&file.metadata.sha256_hash()[..16]);
        Self {
            bytes,
            media_type: media_type(path, file.metadata.mimetype()),
            is_immutable: path.starts_with("assets/"),
            etag: format!("\"{hash}\""),
            gzip: OnceLock::new(),
        }
    }

    /// The file compressed, if that makes it smaller. The first call takes a while; what comes of it is kept.
    pub(super) fn gzip(&self) -> Option<&Bytes> {
        self.gzip.get_or_init(|| compress(self)).as_ref()
    }

    /// Whether [`Asset::gzip`] returns at once.
    pub(super) fn gzip_is_ready(&self) -> bool {
        self.gzip.get().is_some()
    }
}

fn compress(asset: &Asset) -> Option<Bytes> {
    if asset.bytes.len() < LEAST_COMPRESSED_BYTES || !is_compressible(&asset.media_type) {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(asset.bytes.len() / 2), Compression::best());
    encoder.write_all(&asset.bytes).ok()?;
    let compressed = encoder.finish().ok()?;
    (compressed.len() < asset.bytes.len()).then(|| compressed.into())
}

fn is_compressible(media_type: &str) -> bool {
    media_type.starts_with("text/")
        || ["json", "javascript", "xml", "wasm"]
            .iter()
            .any(|kind| media_type.contains(kind))
}

fn media_type(path: &str, guessed: &str) -> String {
    match path.rsplit('.').next() {
        // Browsers compile WebAssembly while it arrives only if it is called that.
        Some("wasm") => "application/wasm".to_owned(),
        Some("webmanifest") => "application/manifest+json".to_owned(),
        _ if guessed.starts_with("text/") => format!("{guessed}; charset=utf-8"),
        _ => guessed.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_those_that_browsers_insist_on() {
        assert_eq!(
            media_type("assets/automerge-1a.wasm", "application/octet-stream"),
            "application/wasm"
        );
        assert_eq!(
            media_type("assets/index-1a.js", "text/javascript"),
            "text/javascript; charset=utf-8"
        );
        assert_eq!(media_type("icon.png", "image/png"), "image/png");
        assert!(
            is_compressible("application/wasm") && is_compressible("image/svg+xml") && !is_compressible("image/png")
        );
    }
}
