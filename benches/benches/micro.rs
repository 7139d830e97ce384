//! Single steps with criterion, each beside its limit: `cargo bench -p perpdex-benches`.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn micro(criterion: &mut Criterion) {
    for step in perpdex_benches::micro::steps().expect("inputs of the steps") {
        let mut group = criterion.benchmark_group(step.name);
        group.throughput(Throughput::Elements(step.items)).sample_size(10).measurement_time(Duration::from_secs(2));
        group.bench_function("perpdex", |bencher| bencher.iter(|| (step.run)()));
        group.bench_function(step.limit_name, |bencher| bencher.iter(|| (step.limit)()));
        group.finish();
    }
}

criterion_group!(benches, micro);
criterion_main!(benches);
