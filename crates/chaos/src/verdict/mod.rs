//! Looking at what is there, once all is quiet.

pub(crate) mod books;
pub(crate) mod clients;
pub(crate) mod logs;
pub(crate) mod relay;
