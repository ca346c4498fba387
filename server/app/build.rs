//! The web client is embedded from `web-client/dist`. Without Node a server can be built all the same: it says then
//! how to build the client.

use std::path::Path;

const PAGE: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Fieldbook</title>
<p>This server was built without its web client. Build that first (<code>npm ci</code> and
<code>npm run build</code> in <code>web-client</code>), then build the server again.
</html>
";

fn main() -> std::io::Result<()> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web-client/dist");
    if !dist.join("index.html").exists() {
        std::fs::create_dir_all(&dist)?;
        std::fs::write(dist.join("index.html"), PAGE)?;
    }
    println!("cargo:rerun-if-changed={}", dist.display());
    println!("cargo:rerun-if-changed=build.rs");
    Ok(())
}
