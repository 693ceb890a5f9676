// A fleet, a plan, a history: the same every time, for tests of what is printed.
#ifndef LOCKSTEP_TESTS_CTL_SAMPLES_H_
#define LOCKSTEP_TESTS_CTL_SAMPLES_H_

#include "lockstep/v1/operation.pb.h"
#include "lockstep/v1/release.pb.h"
#include "lockstep/v1/status.pb.h"

#include "ctl/doctor.h"
#include "ctl/lint_report.h"

namespace lockstep::ctl::samples {

// Version 14 of 16 runs; services that serve, wait, are refused, are lost; a contract waits.
v1::ClusterStatus Fleet();
// Contract 13 drains: one of three instances has left, one is suspect, a client is undeclared.
v1::ContractState Contract();
// The same of five hundred instances in forty builds, with a dozen clients.
v1::ContractState ContractOfMany();
// Three migrations run, one contract is left waiting, one title is long.
v1::PlanUpgradeResponse Plan();
// Applied, running, pending and waiting migrations.
v1::ListMigrationsResponse History();
// One that runs, one that failed, one that succeeded.
v1::ListOperationsResponse OperationList();
// Findings of each severity in lines with tabs, wide letters and of great length; one is allowed,
// one waits for the fleet, one file cannot be read.
LintReport Linted();
// Each condition at least once.
Diagnosis Diagnosed();

}  // namespace lockstep::ctl::samples

#endif  // LOCKSTEP_TESTS_CTL_SAMPLES_H_
