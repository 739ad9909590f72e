//! Real MPI processes exchange messages. Started without a launcher the program starts itself under
//! `mpirun`; it fails where there is none.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use mlip_ranks::{Channel, Launch, Pause, Rank};
use std::process::{Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

/// Longer than several pieces, and not a multiple of one.
const LARGE: usize = 21_000_003;

fn main() -> ExitCode {
    let launch = Launch::detect(|name| std::env::var(name).ok());
    if launch != Launch::Alone {
        exchange(launch);
        return ExitCode::SUCCESS;
    }
    for size in ["2", "3", "5"] {
        match under_mpirun(size) {
            Err(error) => {
                eprintln!("FAILED: mpirun cannot be started ({error}); install it, or test without `--features mpi`");
                return ExitCode::FAILURE;
            }
            Ok(status) if !status.success() => {
                eprintln!("FAILED: mpirun -n {size}: {status}");
                return ExitCode::FAILURE;
            }
            Ok(_) => eprintln!("mpirun -n {size}: ok"),
        }
    }
    ExitCode::SUCCESS
}

/// This program as this many ranks. The launcher of Open MPI 4.1 now and then hangs when all its ranks
/// have ended well, so it is given a minute, three times.
fn under_mpirun(size: &str) -> std::io::Result<ExitStatus> {
    let program = std::env::current_exe()?;
    let mut last = None;
    for _ in 0..3 {
        let mut job = Command::new("mpirun")
            .args(["--oversubscribe", "-n", size])
            .arg(&program)
            .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
            .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
            .spawn()?;
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(60) {
            if let Some(status) = job.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        job.kill()?;
        last = Some(job.wait()?);
    }
    last.ok_or_else(|| std::io::Error::other("not started"))
}

/// Every rank sends a large and a small message to every rank, itself included, all at the same
/// time; then everybody agrees.
fn exchange(launch: Launch) {
    let mut ranks = mlip_ranks::start(launch, "unused".into()).expect("MPI starts");
    let (me, size) = (ranks.rank(), ranks.size());
    for to in 0..size {
        ranks.send(Rank::from_index(to), Channel::Work, vec![me.0 as u8; LARGE]);
        ranks.send(Rank::from_index(to), Channel::Work, vec![me.0 as u8, 7]);
    }
    let mut received = vec![0; size];
    let mut pause = Pause::new();
    while received.iter().sum::<usize>() < 2 * size {
        let Some((from, bytes)) = ranks.try_receive(Channel::Work) else {
            pause.sleep();
            continue;
        };
        let expected = if received[from.index()] == 0 { vec![from.0 as u8; LARGE] } else { vec![from.0 as u8, 7] };
        assert!(bytes == expected, "rank {me} got {} bytes from {from}", bytes.len());
        received[from.index()] += 1;
    }
    assert_eq!(ranks.broadcast(vec![5; 10]).unwrap(), [5; 10]);
    let hosts = ranks.gather(ranks.host().as_bytes().to_vec()).unwrap();
    assert_eq!(hosts.len(), if me == Rank::ROOT { size } else { 0 });
    assert!(!ranks.agree(me.index() + 1 != size).unwrap());
    ranks.barrier().unwrap();
}
