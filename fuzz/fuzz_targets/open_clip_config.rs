#![no_main]

#[macro_use]
mod common;

target!("open_clip_config");
