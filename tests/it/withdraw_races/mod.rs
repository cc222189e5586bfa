//! Money under races, faults and cut connections.

mod chaos;
mod cut;
mod dice;
mod faults;
mod moves;
mod parallel;
mod trail;
