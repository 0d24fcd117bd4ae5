//! Serves one scenario for a given number of requests: `benchmark-instructions <scenario> <requests>`.
//! Without arguments it names the scenarios. Client and server are on one thread; what is the server's runs inside of
//! `counted::counted`.

mod client;
mod counted;
mod record;
mod served;

use std::process::ExitCode;

use record::Bridge;
use served::Served;

/// Something that can be asked again and again.
trait Scenario {
    /// Requests of one step.
    fn size(&self) -> usize {
        1
    }

    /// Has one request answered, or as many as go together.
    fn step(&mut self);
}

const NAMES: [&str; 7] = ["fixed", "param", "pipelined", "post", "head-typical", "connection", "record"];

fn scenario(name: &str) -> Option<Box<dyn Scenario>> {
    Some(match name {
        "record" => Box::new(Bridge::new()),
        _ => Box::new(Served::new(name)?),
    })
}

#[allow(clippy::print_stdout, reason = "it is asked what there is")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.is_empty() {
        println!("{}", NAMES.join("\n"));
        return ExitCode::SUCCESS;
    }
    match run(&arguments) {
        Some(()) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    }
}

fn run(arguments: &[String]) -> Option<()> {
    let [name, requests] = arguments else { return None };
    let requests: usize = requests.parse().ok()?;
    let mut scenario = scenario(name)?;
    for _ in 0..requests.div_ceil(scenario.size()) {
        scenario.step();
    }
    Some(())
}
