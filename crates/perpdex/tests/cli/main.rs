//! The command line as its users meet it: the built program in an empty folder, everything on loopback.

mod cases;
mod pipe;
mod support;
