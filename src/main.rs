//! The `callspec` program: everything it does is in the library's `cli` room.

/// What is judged is read by one thread and dropped by another, which this allocator is made for: checking a large file
/// takes two thirds of the time.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    callspec::cli::main()
}
