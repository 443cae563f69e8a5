//! A recorded call played again: from a recording to a scenario, and what came of it then and now side by side. Pure:
//! who plays it is somebody else.

mod about;
mod compare;
mod infer;
mod made;
mod names;
mod order;
mod reading;
mod signal;
mod steps;
mod story;
mod takes;
mod tape;
mod text;

pub use compare::{Difference, columns, compare};
pub use made::{Announced, Made, Wish, make};
pub use reading::read;
pub use steps::Pace;
pub use story::Story;
pub use takes::{Take, takes};
pub use tape::{At, End, Tape};
