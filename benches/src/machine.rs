//! What the kernel says of processes: time on processors, memory. Linux only, from `/proc`.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// Ticks of a second in `/proc/PID/stat` (`USER_HZ`, 100 on every Linux of the last decades).
const TICKS_PER_S: f64 = 100.0;
/// Time between two looks at a running process.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A finished run of the program.
#[derive(Clone, Debug)]
pub struct Ran {
    /// From start to end, seconds.
    pub wall_s: f64,
    /// Time on processors, seconds.
    pub cpu_s: f64,
    /// Largest resident set, bytes.
    pub peak_rss_bytes: u64,
    /// What it printed.
    pub stdout: String,
}

/// Runs a program to its end; another exit code than 0 is an error, as is a run beyond `limit`.
///
/// `look` is called now and then meanwhile with the seconds since the start.
pub fn run(command: &mut Command, limit: Duration, mut look: impl FnMut(f64)) -> Result<Ran> {
    let out = tempfile::NamedTempFile::new()?;
    let errors = tempfile::NamedTempFile::new()?;
    command.stdin(Stdio::null()).stdout(out.reopen()?).stderr(errors.reopen()?);
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| format!("{command:?} does not start"))?;
    let (mut peak_rss_bytes, pid) = (0, child.id());
    // A process that has ended and was not waited for still tells its times.
    let (wall_s, cpu_s) = loop {
        let stat = Stat::of(pid)?;
        if stat.state == 'Z' {
            break (started.elapsed().as_secs_f64(), stat.cpu_s());
        }
        peak_rss_bytes = peak_rss_bytes.max(peak_rss(pid));
        look(started.elapsed().as_secs_f64());
        if started.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("{command:?} took longer than {} s", limit.as_secs());
        }
        std::thread::sleep(LOOK_EVERY);
    };
    let status = child.wait()?;
    let (stdout, stderr) = (fs::read_to_string(out.path())?, fs::read_to_string(errors.path())?);
    ensure!(status.success(), "{command:?} ended with {status}\n{stdout}{stderr}");
    Ok(Ran { wall_s, cpu_s, peak_rss_bytes, stdout })
}

/// The process that started another.
pub fn parent_of(pid: u32) -> Result<u32> {
    Ok(Stat::of(pid)?.parent)
}

/// Time on processors of a server and all processes it ever started, seconds.
pub fn server_cpu_s(server_pid: u32) -> Result<f64> {
    let own = Stat::of(server_pid)?;
    let mut ticks = own.ticks + own.children_ticks;
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process may end between the listing and the look.
        if let Some(stat) = Stat::of(pid).ok().filter(|stat| stat.parent == server_pid) {
            ticks += stat.ticks;
        }
    }
    Ok(ticks as f64 / TICKS_PER_S)
}

/// Model and number of the processors, load of the last minute.
pub fn describe() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpus.lines().find_map(|line| line.strip_prefix("model name")).and_then(|line| line.split_once(": ")).map_or("unknown", |m| m.1);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} cores ({model}), load of the last minute {}", load())
}

/// Mean number of processes that wanted a processor in the last minute.
pub fn load() -> String {
    fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| text.split(' ').next().map(str::to_owned))
        .unwrap_or_else(|| "unknown".to_owned())
}

struct Stat {
    state: char,
    parent: u32,
    ticks: u64,
    children_ticks: u64,
}

impl Stat {
    /// Fields of `/proc/PID/stat` (proc(5)); the name before them may hold anything, so they are counted behind it.
    fn of(pid: u32) -> Result<Stat> {
        let path = format!("/proc/{pid}/stat");
        let text = fs::read_to_string(&path).with_context(|| path.clone())?;
        let fields: Vec<&str> = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let field = |at: usize| fields.get(at).copied().with_context(|| format!("{path} has no field {at}"));
        let number = |at: usize| -> Result<u64> { Ok(field(at)?.parse()?) };
        Ok(Stat {
            state: field(0)?.chars().next().unwrap_or('?'),
            parent: u32::try_from(number(1)?)?,
            ticks: number(11)? + number(12)?,
            children_ticks: number(13)? + number(14)?,
        })
    }

    fn cpu_s(&self) -> f64 {
        self.ticks as f64 / TICKS_PER_S
    }
}

/// Largest resident set so far, bytes; 0 of a process that has ended.
fn peak_rss(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1_024
}
