//! The Rust client of Sightline: the contract's calls ([`v1`]), and subscriptions that resume by themselves ([`Client::subscribe`]).
#![warn(missing_docs)]
#![cfg_attr(doctest, doc = include_str!("../README.md"))]

mod client;
mod error;
mod progress;
mod subscription;

/// The contract, generated: its messages, and the calls of [`Client::service`].
#[allow(missing_docs, clippy::all)]
pub mod v1 {
    include!("generated/sightline.v1.rs");
}

pub use client::{Client, Options, Service, connect};
pub use error::Error;
pub use progress::Item;
pub use subscription::Subscription;
pub use v1::subscribe_response::Sign;
