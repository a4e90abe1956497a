//! Compiles the protocol's definitions with `protox`, which does not need an installed `protoc`.
//!
//! The script must never write outside `OUT_DIR`.

use std::error::Error;

/// The folder that contains the definitions.
const FOLDER: &str = "proto";

/// The top-level definitions. The compiler also includes their imports.
const FILES: [&str; 4] = ["streams.proto", "serverfeatures.proto", "gossip.proto", "stored.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={FOLDER}");
    let mut compiler = protox::Compiler::new([FOLDER])?;
    // Without this, comments would become documentation, and the examples in Google's files would run as tests.
    compiler.include_imports(true).include_source_info(false).open_files(FILES)?;
    tonic_build::configure()
        .compile_well_known_types(true)
        .bytes(["."])
        .include_file("protocol.rs")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
