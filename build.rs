//! Says that the pages are part of the program: cargo cannot see that a file was added to `static/`, which is what
//! happens when npm fills `static/vendor` after a first build.
#![allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

fn main() {
    println!("cargo:rerun-if-changed=static");
}
