//! Which ports the system uses: those of the last run, else the documented ones, else any.

use agent_devenv::net::{free_port, is_free};

use crate::failure::{Failure, Outcome};
use crate::state::Ports;

const API: u16 = 8080;
const METRICS: u16 = 9464;
const WORKER: u16 = 9465;
/// Also for a state that was written before there was a stand-in for the SMS provider.
pub(crate) const SMS: u16 = 9466;

/// Chooses all ports; `api` is the port a person insists on.
pub(crate) fn choose(last: Option<Ports>, api: Option<u16>) -> Outcome<Ports> {
    choose_among(last, api, is_free)
}

fn choose_among(
    last: Option<Ports>,
    api: Option<u16>,
    is_free: impl Fn(u16) -> bool,
) -> Outcome<Ports> {
    let mut chosen = Chosen {
        ports: Vec::new(),
        is_free,
    };
    let api = match api {
        Some(port) if (chosen.is_free)(port) => chosen.take(port),
        Some(port) => {
            return Err(Failure::message(format!(
                "port {port} is in use: choose another `--port`"
            )));
        }
        None => chosen.first_free(&[last.map(|ports| ports.api), Some(API)])?,
    };
    Ok(Ports {
        api,
        metrics: chosen.first_free(&[last.map(|ports| ports.metrics), Some(METRICS)])?,
        worker: chosen.first_free(&[last.map(|ports| ports.worker), Some(WORKER)])?,
        sms: chosen.first_free(&[last.map(|ports| ports.sms), Some(SMS)])?,
        postgres: chosen.first_free(&[last.map(|ports| ports.postgres)])?,
        redis: chosen.first_free(&[last.map(|ports| ports.redis)])?,
    })
}

/// Nothing listens on a port that was only chosen, so it has to be remembered.
struct Chosen<F> {
    ports: Vec<u16>,
    is_free: F,
}

impl<F: Fn(u16) -> bool> Chosen<F> {
    fn first_free(&mut self, wishes: &[Option<u16>]) -> Outcome<u16> {
        let wish = wishes
            .iter()
            .flatten()
            .find(|wish| !self.ports.contains(wish) && (self.is_free)(**wish));
        if let Some(wish) = wish {
            return Ok(self.take(*wish));
        }
        loop {
            let port = free_port()?;
            if !self.ports.contains(&port) {
                return Ok(self.take(port));
            }
        }
    }

    fn take(&mut self, port: u16) -> u16 {
        self.ports.push(port);
        port
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(ports: Ports) -> [u16; 6] {
        [
            ports.api,
            ports.metrics,
            ports.worker,
            ports.sms,
            ports.postgres,
            ports.redis,
        ]
    }

    #[test]
    fn prefers_the_documented_ports_and_then_those_of_the_last_run() {
        let first = choose_among(None, None, |_| true).unwrap();
        assert_eq!([first.api, first.metrics, first.worker], [8080, 9464, 9465]);
        assert_eq!(choose_among(Some(first), None, |_| true).unwrap(), first);
        let second = choose_among(Some(first), None, |port| {
            port != first.redis && port != 8080
        })
        .unwrap();
        assert_ne!(second.redis, first.redis);
        assert_ne!(second.api, 8080);
        assert_eq!(second.postgres, first.postgres);
    }

    #[test]
    fn a_port_that_a_person_names_must_be_free_and_is_used_once() {
        assert!(choose_among(None, Some(9464), |_| false).is_err());
        let ports = choose_among(None, Some(9464), |_| true).unwrap();
        assert_eq!(ports.api, 9464);
        let all = all(ports);
        assert!(
            all.iter()
                .all(|port| all.iter().filter(|other| *other == port).count() == 1),
            "{all:?}"
        );
    }
}
