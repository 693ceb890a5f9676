// The benchmarks by name. Each runs on a stage, adds its rows to the report, and throws when it
// cannot run or when what it measured was wrong. A figure that misses its target is no failure.
#ifndef LOCKSTEP_TESTS_BENCH_BENCHMARKS_H_
#define LOCKSTEP_TESTS_BENCH_BENCHMARKS_H_

#include "tests/bench/stage.h"

namespace lockstep::bench {

// The Playground's 16 migrations, one fenced transaction each.
void Playground(Stage& stage);
// 1,000 generated migrations, one fenced transaction each and in groups.
void Generated(Stage& stage);
// Splitting and analysing generated files, beside PostgreSQL's parser alone.
void Analysis(Stage& stage);
// CheckGate: warm, cold, and how soon it follows an applied version.
void Gate(Stage& stage);
// StartUpgrade at the head and GetStatus, on a short chain and on a long one.
void Status(Stage& stage);
// What people and pipelines ask of a fleet of 500 instances, beside one of 5.
void Fleet(Stage& stage);
// 1,000 agents on one coordinator: when the last is told of a version, and what one costs.
void Watch(Stage& stage);
// kill -9 and SIGSTOP of the holder in mid-statement: when its backend is gone, when the next one
// starts.
void Takeover(Stage& stage);
void Backfills(Stage& stage);

}  // namespace lockstep::bench

#endif  // LOCKSTEP_TESTS_BENCH_BENCHMARKS_H_
