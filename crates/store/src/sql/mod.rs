//! What is said to a database and what it answers, on both engines: parameters, values, rows, pages of numbers, faults.

mod bulk;
mod fault;
mod numbers;
mod value;

pub(crate) use bulk::{Bulk, Lot};
pub(crate) use fault::{Fault, Result};
pub(crate) use numbers::{Numbers, Page, Reading, Start};
pub(crate) use value::{EachRecord, Param, Record, first_int};
pub use value::{Table, Value};
