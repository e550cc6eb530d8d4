#![no_main]

#[macro_use]
mod common;

target!("real_iad_json");
