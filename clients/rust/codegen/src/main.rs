//! Writes the contract as Rust: `sightline-codegen DESCRIPTORS DIRECTORY`. DESCRIPTORS is a FileDescriptorSet with imports and comments, as
//! protoc writes it; DIRECTORY gets `sightline.v1.rs`, and `sightline.v1.bin`, the same set without comments, for tools that speak JSON.
//! Called by scripts/generate.

use std::error::Error;
use std::{env, fs, path::PathBuf};

use prost::Message;
use prost_types::FileDescriptorSet;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = env::args_os().skip(1).map(PathBuf::from);
    let (Some(descriptors), Some(out)) = (words.next(), words.next()) else {
        return Err("usage: sightline-codegen DESCRIPTORS DIRECTORY".into());
    };
    let mut files = FileDescriptorSet::decode(fs::read(descriptors)?.as_slice())?;
    tonic_prost_build::configure()
        .build_server(false)
        .build_transport(false)
        .emit_rerun_if_changed(false)
        .out_dir(&out)
        .compile_fds(files.clone())?;
    for file in &mut files.file {
        file.source_code_info = None;
    }
    fs::write(out.join("sightline.v1.bin"), files.encode_to_vec())?;
    Ok(())
}
