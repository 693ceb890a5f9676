#include "ctl/status_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

#include "ctl/fleet_view.h"
#include "ctl/sanitize.h"
#include "proto/convert/time.h"

namespace lockstep::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kNow = 1'800'000'000;

v1::InstanceStatus* AddInstance(v1::ServiceStatus& service, const char* name, const char* build,
                                int needs, int adapted_to) {
  auto* instance = service.add_instances();
  instance->set_instance(name);
  instance->set_build(build);
  instance->set_needs(needs);
  instance->set_adapted_to(adapted_to);
  instance->mutable_gate()->set_state(v1::GATE_STATE_OPEN);
  instance->mutable_gate()->set_reason("ready");
  instance->set_state("live");
  instance->set_serving(true);
  instance->set_connected(true);
  instance->mutable_last_seen()->set_seconds(2);
  instance->mutable_registered_at()->set_seconds(kNow - 12);
  return instance;
}

v1::InstanceStatus* Wait(v1::InstanceStatus* instance, const char* detail) {
  instance->mutable_gate()->set_state(v1::GATE_STATE_WAIT);
  instance->mutable_gate()->set_reason("behind");
  instance->mutable_gate()->set_detail(detail);
  instance->set_serving(false);
  instance->set_state("waiting");
  return instance;
}

v1::ClusterStatus Fleet() {
  v1::ClusterStatus status;
  status.set_database("dpp");
  status.set_server_version("15.18");
  status.mutable_leader()->set_address("lockstep-0:7411");
  status.mutable_leader()->set_epoch(7);
  status.mutable_chain()->set_applied(12);
  status.mutable_chain()->set_head(14);
  status.mutable_chain()->set_pending(1);
  status.mutable_chain()->add_contracts_waiting(13);
  status.mutable_read_at()->set_seconds(kNow);
  auto* operation = status.mutable_operation();
  operation->set_operation_id("op-7f3a");
  operation->set_state(v1::OPERATION_STATE_RUNNING);
  operation->mutable_running()->set_version(14);
  operation->mutable_running()->set_title("event_logs");
  operation->mutable_running()->set_statement(2);
  operation->mutable_running()->set_statements(5);
  operation->mutable_running()->set_holder("platform-core@pod-1");
  operation->mutable_running()->mutable_elapsed()->set_seconds(3);
  auto* collaboration = status.add_services();
  collaboration->set_service("collaboration-service");
  AddInstance(*collaboration, "pod-1", "8d02b17", 11, 13);
  AddInstance(*collaboration, "pod-2", "9c1e4aa", 11, 13);
  auto* core = status.add_services();
  core->set_service("platform-core");
  AddInstance(*core, "pod-1", "8d02b17", 11, 12);
  auto* engine = status.add_services();
  engine->set_service("simulation-engine");
  Wait(AddInstance(*engine, "pod-1", "a41f0d3", 14, 13), "needs 14, the database is at 12");
  auto* backfill = status.add_backfills();
  backfill->set_name("journey_backfill_v1");
  backfill->set_state("not run");
  return status;
}

TEST(StatusText, ShowsTheWholeFleetWorstFirst) {
  EXPECT_EQ(
      StatusText(Fleet(), Style(false), 120),
      "CLUSTER   leader lockstep-0:7411 (epoch 7)   database dpp @ PostgreSQL 15.18\n"
      "SCHEMA    applied 12  head 14   1 pending\n"
      "UPGRADE   op-7f3a  running  running 14 event_logs  statement 2/5  on platform-core@pod-1  "
      "3.0 s\n"
      "\n"
      "SERVICE                READY  BUILD    RUNS ON  GATE         LAST SEEN\n"
      "simulation-engine      0/1    a41f0d3  14..     waiting 12s  2s         "
      "← needs 14, the database is at 12\n"
      "collaboration-service  1/1    8d02b17  11..     open         2s\n"
      "collaboration-service  1/1    9c1e4aa  11..     open         2s\n"
      "platform-core          1/1    8d02b17  11..     open         2s         "
      "← adapted to 12, below contract 13\n"
      "\n"
      "backfill journey_backfill_v1: not run\n"
      "1 contract waiting: lockstep contract 13\n");
}

// Worst first as the coordinator sent them, one line each, and no flood.
TEST(StatusText, ShowsOverridesThenPinsAndHowManyMoreThereAre) {
  v1::ClusterStatus status = Fleet();
  EXPECT_THAT(StatusText(status, Style(false), 120), Not(HasSubstr("PIN  ")));
  auto* excepted = status.add_overrides();
  excepted->set_override_id("ov-1");
  excepted->set_contract(13);
  excepted->set_targets(1);
  excepted->mutable_expires_at()->set_seconds(kNow + 3600);
  excepted->set_actor("ann");
  excepted->set_reason("it is \x1b[31mmine");
  status.set_overrides_total(3);
  for (int i = 0; i < 7; ++i) {
    auto* pin = status.add_pins();
    pin->set_service("orders");
    pin->set_build(absl::StrCat("b", i));
    pin->set_holds_up(i < 2 ? 13 : 0);
    pin->mutable_expires_at()->set_seconds(i == 6 ? kNow : kNow + 86400);
    pin->set_actor("ci");
    pin->set_reason("release 42");
  }
  status.set_pins_total(21);
  const std::string text = StatusText(status, Style(false), 120);
  EXPECT_THAT(text, HasSubstr("OVERRIDE  ov-1  contract 13 may break 1 target  ends in "));
  EXPECT_THAT(text, HasSubstr("ann: it is "));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("          and 2 more: `lockstep audit list`\nPIN       orders@b0  "
                              "holds up contract 13  ends in "));
  EXPECT_THAT(text, HasSubstr("PIN       orders@b4  holds nothing up  "));
  EXPECT_THAT(text, Not(HasSubstr("orders@b5")));
  EXPECT_THAT(text, HasSubstr("          and 16 more: `lockstep pins`\n\nSERVICE"));
}

TEST(StatusText, PutsTheNotesBelowTheTableOnANarrowTerminal) {
  EXPECT_THAT(StatusText(Fleet(), Style(false), 80),
              HasSubstr("SERVICE                READY  BUILD    RUNS ON  GATE         LAST SEEN\n"
                        "simulation-engine      0/1    a41f0d3  14..     waiting 12s  2s\n"
                        "collaboration-service  1/1    8d02b17  11..     open         2s\n"
                        "collaboration-service  1/1    9c1e4aa  11..     open         2s\n"
                        "platform-core          1/1    8d02b17  11..     open         2s\n"
                        "\n"
                        "simulation-engine: needs 14, the database is at 12\n"
                        "platform-core: adapted to 12, below contract 13\n"));
}

TEST(StatusText, CutsTheTableAtTheEdge) {
  EXPECT_THAT(StatusText(Fleet(), Style(false), 60),
              HasSubstr("SERVICE      READY  BUILD    RUNS ON  GATE         LAST SEEN\n"
                        "simulation…  0/1    a41f0d3  14..     waiting 12s  2s\n"));
}

TEST(StatusText, SaysTheSameWithAndWithoutColour) {
  const std::string plain = StatusText(Fleet(), Style(false), 0);
  std::string coloured = StatusText(Fleet(), Style(true), 0);
  EXPECT_THAT(coloured, HasSubstr("\x1b[33mwaiting 12s\x1b[0m"));
  for (const char* code : {"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"}) {
    coloured = absl::StrReplaceAll(coloured, {{code, ""}});
  }
  EXPECT_EQ(coloured, plain);
}

TEST(StatusText, PutsARefusedServiceAboveAWaitingOne) {
  v1::ClusterStatus status = Fleet();
  auto* gate = status.mutable_services(1)->mutable_instances(0)->mutable_gate();
  gate->set_state(v1::GATE_STATE_REFUSED);
  gate->set_detail("contract 13 has run");
  const std::string text = StatusText(status, Style(false), 0);
  EXPECT_LT(text.find("platform-core  "), text.find("simulation-engine  ")) << text;
  EXPECT_THAT(text, HasSubstr("refused"));
  EXPECT_THAT(text, HasSubstr("← contract 13 has run"));
}

TEST(StatusText, ShowsInstancesWhoseConnectionIsLost) {
  v1::ClusterStatus status = Fleet();
  auto* instance = status.mutable_services(0)->mutable_instances(1);
  instance->set_connected(false);
  instance->clear_last_seen();
  EXPECT_THAT(StatusText(status, Style(false), 0),
              HasSubstr("lost         -          ← admitted, but its connection is lost"));
}

TEST(StatusText, SaysThatNobodyLeadsAndNothingIsRegistered) {
  v1::ClusterStatus status;
  status.set_database("dpp");
  status.set_server_version("15.18");
  const std::string text = StatusText(status, Style(false), 0);
  EXPECT_THAT(text, HasSubstr("CLUSTER   no leader   database dpp"));
  EXPECT_THAT(text, HasSubstr("UPGRADE   none\n"));
  EXPECT_THAT(text, HasSubstr("no service is registered\n"));
  EXPECT_THAT(text, Not(HasSubstr("contract")));
}

TEST(StatusText, ShowsWhyTheLastUpgradeFailed) {
  v1::ClusterStatus status = Fleet();
  v1::Operation failed = status.operation();
  status.clear_operation();
  failed.clear_running();
  failed.set_state(v1::OPERATION_STATE_FAILED);
  failed.mutable_error()->set_version(14);
  failed.mutable_error()->set_statement(2);
  failed.mutable_error()->set_sqlstate("42P01");
  failed.set_error_file("014_event_logs.sql");
  *status.mutable_last_operation() = failed;
  EXPECT_THAT(StatusText(status, Style(false), 0),
              HasSubstr("UPGRADE   op-7f3a  failed  migration 14 event_logs failed   `lockstep "
                        "operations get op-7f3a`\n"));
}

// 500 instances of 50 builds: what is not well comes first, and what is well is counted.
TEST(StatusText, StaysShortOnALargeFleet) {
  v1::ClusterStatus status = Fleet();
  status.clear_services();
  for (int service = 0; service < 25; ++service) {
    auto* added = status.add_services();
    added->set_service(absl::StrCat("service-", 10 + service));
    for (int i = 0; i < 20; ++i) {
      AddInstance(*added, absl::StrCat("pod-", 10 + i).c_str(), i % 2 == 0 ? "old" : "new", 11, 13);
    }
  }
  Wait(status.mutable_services(24)->mutable_instances(7), "needs 14, the database is at 12");
  const std::string text = StatusText(status, Style(false), 120);
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  EXPECT_LT(lines.size(), 55u) << text;
  EXPECT_THAT(lines[5], HasSubstr("service-34  9/10   new    11..     waiting 12s")) << text;
  EXPECT_THAT(text, HasSubstr("… and 10 more builds with 100 instances, all open\n"));

  for (auto& service : *status.mutable_services()) {
    for (auto& instance : *service.mutable_instances()) Wait(&instance, "needs 14");
  }
  EXPECT_THAT(StatusText(status, Style(false), 120),
              HasSubstr("with 100 instances, 100 of them not open: `lockstep instances`\n"));
  // One reason that all have is told once.
  const std::string one = ServiceText(status, status.services(0), Style(false), 120);
  EXPECT_THAT(one, HasSubstr("pod-10, pod-11, pod-12 and 17 more: needs 14\n"));
}

TEST(ServiceText, PutsTheWorstFirstAndCountsTheRest) {
  v1::ClusterStatus status = Fleet();
  auto* core = status.mutable_services(1);
  for (int i = 2; i < 80; ++i) AddInstance(*core, absl::StrCat("pod-", i).c_str(), "b", 11, 13);
  Wait(core->mutable_instances(70), "needs 14");
  const std::string text = ServiceText(status, *core, Style(false), 0);
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  EXPECT_THAT(lines[1], HasSubstr("pod-71 ")) << text;
  EXPECT_THAT(text, HasSubstr("… and 29 more: `lockstep instances platform-core`\n"));
}

TEST(ServiceText, ListsInstancesWithReasonDetailAndHint) {
  v1::ClusterStatus status = Fleet();
  auto* engine = status.mutable_services(2);
  engine->mutable_instances(0)->mutable_gate()->set_hint("`lockstep upgrade`");
  AddInstance(*engine, "pod-2", "8d02b17", 11, 13)->set_migrate_error("password refused");
  EXPECT_EQ(
      ServiceText(status, *engine, Style(false), 0),
      "INSTANCE  BUILD    STATE          RUNS ON  ADAPTED TO  GATE         LAST SEEN\n"
      "pod-1     a41f0d3  waiting        14..             13  waiting 12s  2s         ← behind\n"
      "pod-2     8d02b17  live, serving  11..             13  open         2s\n"
      "\n"
      "pod-1: needs 14, the database is at 12\n"
      "pod-1: hint: `lockstep upgrade`\n"
      "pod-2: cannot migrate: password refused\n");
}

TEST(StatusText, ObeysNothingThatAnInstanceSays) {
  v1::ClusterStatus status = Fleet();
  auto* instance = status.mutable_services(0)->mutable_instances(0);
  instance->set_build("\x1b[2J");
  Wait(instance, "x\nSERVICE forged");
  status.set_database("d\x1b]0;x\x07");
  status.mutable_backfills(0)->set_name("b\r");
  for (const std::string& text : {StatusText(status, Style(false), 80),
                                  ServiceText(status, status.services(0), Style(false), 80)}) {
    EXPECT_EQ(text, SanitizeText(text));
    EXPECT_THAT(text, Not(HasSubstr("\nSERVICE forged")));
  }
}

}  // namespace
}  // namespace lockstep::ctl
