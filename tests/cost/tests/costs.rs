//! What each call costs is in `numbers`. A change that makes one cost more, or less, changes the
//! numbers there too: `VINE_COSTS=write cargo nextest run --package vine-cost` writes them.

use std::{collections::BTreeMap, env, fs, path::Path, process::Command};

use serde::Deserialize;

/// Allocations and instructions may differ by one part in so many.
const NOISE: u64 = 20;
/// The same for instructions with PostgreSQL, which vary by 7 % with the connections that a pool picks.
const POOL_NOISE: u64 = 8;
/// A thread that waits more often hands over; with a busy machine beside it waits about ten times.
const SWITCHES: u64 = 40;
/// The function in which callgrind counts.
const MEASURED: &str = "vine_cost::meter::measured";

/// What one call costs, as `vine-cost` prints it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
struct Cost {
    commits: u64,
    statements: u64,
    parsed: u64,
    allocations: u64,
    #[serde(default)]
    switches: u64,
    #[serde(default)]
    instructions: u64,
}

#[derive(Deserialize)]
struct Sample {
    call: String,
    #[serde(flatten)]
    cost: Cost,
}

/// By the name of the call.
type Costs = BTreeMap<String, Cost>;

/// Runs `vine-cost`, or a program that runs it.
fn samples(command: &mut Command) -> Vec<Sample> {
    let ran = command.output().expect("it starts");
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{errors}");
    serde_json::from_slice(&ran.stdout).expect("a list of costs")
}

/// One number of each call, in ascending order.
fn numbers(samples: &[Sample], of: fn(&Cost) -> u64) -> BTreeMap<&str, Vec<u64>> {
    let mut all: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| !sample.call.is_empty()) {
        all.entry(&sample.call).or_default().push(of(&sample.cost));
    }
    all.values_mut().for_each(|found| found.sort_unstable());
    all
}

/// The median.
fn medians(samples: &[Sample], of: fn(&Cost) -> u64) -> BTreeMap<&str, u64> {
    let all = numbers(samples, of).into_iter();
    all.map(|(call, found)| (call, found[found.len() / 2]))
        .collect()
}

/// The smallest: the first calls on each connection prepare their statements.
fn smallest(samples: &[Sample], of: fn(&Cost) -> u64) -> BTreeMap<&str, u64> {
    let all = numbers(samples, of).into_iter();
    all.map(|(call, found)| (call, found[0])).collect()
}

/// Counts with callgrind, which writes a file after each call.
fn with_instructions(place: &str) -> Vec<Sample> {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let mut samples = samples(
        Command::new("valgrind")
            .args(["--tool=callgrind", "--quiet", "--collect-atstart=no"])
            .arg(format!("--toggle-collect={MEASURED}"))
            .arg(format!("--dump-after={MEASURED}"))
            .arg(format!("--callgrind-out-file={}", out.display()))
            .args([env!("CARGO_BIN_EXE_vine-cost"), "work", place]),
    );
    for (number, sample) in (1..).zip(&mut samples) {
        sample.cost.instructions = instructions_in(&out.with_extension(number.to_string()));
    }
    samples
}

fn instructions_in(dump: &Path) -> u64 {
    let text = fs::read_to_string(dump).expect("a file for each call");
    let line = text.lines().find_map(|line| line.strip_prefix("summary: "));
    line.expect("a summary").trim().parse().expect("a number")
}

/// Counts everything. `place` gives an empty store for each run.
fn counted(place: impl Fn(&str) -> String) -> Costs {
    let run = |count| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_vine-cost"));
        samples(program.args([count, &place(count)]))
    };
    let statements = run("statements");
    let work = run("work");
    let instructions = with_instructions(&place("instructions"));
    let commits = medians(&statements, |cost| cost.commits);
    let parsed = medians(&statements, |cost| cost.parsed);
    let allocations = smallest(&work, |cost| cost.allocations);
    let switches = medians(&work, |cost| cost.switches);
    let instructions = smallest(&instructions, |cost| cost.instructions);
    let cost = |(call, statements): (&&str, &u64)| {
        let cost = Cost {
            commits: commits[call],
            statements: *statements,
            parsed: parsed[call],
            allocations: allocations[call],
            switches: switches[call],
            instructions: instructions[call],
        };
        ((*call).to_owned(), cost)
    };
    medians(&statements, |cost| cost.statements)
        .iter()
        .map(cost)
        .collect()
}

/// A line for each call, as in `numbers`.
fn lines(costs: &Costs) -> String {
    let line = |(call, cost): (&String, &Cost)| {
        format!(
            "{call} = {{ commits = {}, statements = {}, parsed = {}, allocations = {}, instructions = {} }}\n",
            cost.commits, cost.statements, cost.parsed, cost.allocations, cost.instructions
        )
    };
    costs.iter().map(line).collect()
}

/// What differs between a call's cost and what it should be.
fn differences(engine: &str, call: &str, known: &Cost, now: &Cost) -> Vec<String> {
    let is_near = |known: u64, now: u64, noise: u64| known.abs_diff(now) <= known / noise;
    let noise = if engine == "postgres" {
        POOL_NOISE
    } else {
        NOISE
    };
    let numbers = [
        (
            "commits",
            known.commits,
            now.commits,
            known.commits == now.commits,
        ),
        (
            "statements",
            known.statements,
            now.statements,
            known.statements == now.statements,
        ),
        (
            "parsed",
            known.parsed,
            now.parsed,
            known.parsed == now.parsed,
        ),
        (
            "allocations",
            known.allocations,
            now.allocations,
            is_near(known.allocations, now.allocations, NOISE),
        ),
        (
            "instructions",
            known.instructions,
            now.instructions,
            is_near(known.instructions, now.instructions, noise),
        ),
    ];
    let differing = numbers.iter().filter(|(.., is_same)| !is_same);
    differing
        .map(|(what, known, now, _)| format!("{call}: {now} {what}, not {known}"))
        .collect()
}

/// Compares with the numbers, or writes them.
fn compare(engine: &str, costs: &Costs) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("numbers")
        .join(format!("{engine}.toml"));
    if env::var("VINE_COSTS").is_ok_and(|what| what == "write") {
        fs::write(&file, lines(costs)).expect("written");
        return;
    }
    let text = fs::read_to_string(&file).expect("the numbers");
    let known: Costs = toml::from_str(&text).expect("numbers");
    assert_eq!(
        known.keys().collect::<Vec<_>>(),
        costs.keys().collect::<Vec<_>>(),
        "the same calls"
    );
    let found: Vec<String> = costs
        .iter()
        .flat_map(|(call, now)| differences(engine, call, &known[call], now))
        .collect();
    assert!(
        found.is_empty(),
        "{}\n\nIf that is meant, write the numbers with VINE_COSTS=write. Now:\n{}",
        found.join("\n"),
        lines(costs)
    );
}

/// The rules that hold whatever the numbers are.
fn keeps_the_rules(costs: &Costs) {
    for (call, cost) in costs {
        assert!(cost.commits <= 1, "{call} is one transaction");
        assert_eq!(cost.parsed, 0, "{call} parses nothing again");
        assert!(
            cost.switches < SWITCHES,
            "{call} waits {} times",
            cost.switches
        );
    }
    let (first, later) = (costs["ask"], costs["ask_later"]);
    assert_eq!(
        first.statements, later.statements,
        "with 40 earlier questions"
    );
}

#[test]
fn calls_cost_what_the_numbers_say_on_sqlite() {
    let costs = counted(|_| "sqlite".into());
    keeps_the_rules(&costs);
    compare("sqlite", &costs);
}

#[test]
fn calls_cost_what_the_numbers_say_on_postgres() {
    let server = env::var("VINE_TEST_POSTGRES").expect("tests/run starts a server");
    let costs = counted(|count| {
        let name = format!("cost_{count}_{}", std::process::id());
        let made = Command::new("psql")
            .args([
                &format!("{server}postgres"),
                "-qc",
                &format!("CREATE DATABASE {name}"),
            ])
            .status();
        assert!(made.expect("psql").success());
        format!("{server}{name}")
    });
    keeps_the_rules(&costs);
    compare("postgres", &costs);
}
