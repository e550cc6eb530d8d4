#![no_main]

#[macro_use]
mod common;

target!("part");
