//! Compiles the protocol's definitions; `protox` does it without a `protoc` on the machine.
//!
//! It must never write outside `OUT_DIR`.

use std::error::Error;

/// The folder of the definitions.
const FOLDER: &str = "proto";

/// The definitions that declare something of their own; what they import is compiled with them.
const FILES: [&str; 4] = ["streams.proto", "serverfeatures.proto", "gossip.proto", "stored.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={FOLDER}");
    let mut compiler = protox::Compiler::new([FOLDER])?;
    // Comments would become documentation, and the examples in Google's own files would be run as tests.
    compiler.include_imports(true).include_source_info(false).open_files(FILES)?;
    tonic_build::configure()
        .compile_well_known_types(true)
        .bytes(["."])
        .include_file("protocol.rs")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
