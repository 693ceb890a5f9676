#include "tests/ctl/samples.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace lockstep::ctl::samples {
namespace {

constexpr int64_t kNow = 1'800'000'000;

v1::InstanceStatus* AddInstance(v1::ServiceStatus& service, const std::string& name,
                                const std::string& build, int needs, int adapted_to) {
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
  instance->mutable_registered_at()->set_seconds(kNow - 7200);
  return instance;
}

void Hold(v1::InstanceStatus* instance, v1::GateState state, const std::string& reason,
          const std::string& detail) {
  instance->mutable_gate()->set_state(state);
  instance->mutable_gate()->set_reason(reason);
  instance->mutable_gate()->set_detail(detail);
  instance->set_serving(false);
  instance->set_state(state == v1::GATE_STATE_WAIT ? "waiting" : "refused");
  instance->mutable_registered_at()->set_seconds(kNow - 12);
}

void AddServices(v1::ClusterStatus& status) {
  auto* collaboration = status.add_services();
  collaboration->set_service("collaboration-service");
  AddInstance(*collaboration, "pod-1", "8d02b17", 11, 13);
  AddInstance(*collaboration, "pod-2", "9c1e4aa", 11, 13);
  AddInstance(*collaboration, "pod-3", "9c1e4aa", 11, 13)->set_connected(false);
  auto* core = status.add_services();
  core->set_service("platform-core");
  AddInstance(*core, "pod-1", "8d02b17", 11, 12)->set_can_migrate(true);
  AddInstance(*core, "pod-2", "8d02b17", 11, 12);
  auto* suspect = AddInstance(*core, "pod-3", "8d02b17", 11, 12);
  suspect->set_connected(false);
  suspect->set_serving(false);
  suspect->set_state("suspect");
  suspect->set_service("platform-core");
  suspect->set_why_counts("no goodbye");
  suspect->mutable_silent_since()->set_seconds(kNow - 180);
  auto* engine = status.add_services();
  engine->set_service("simulation-engine");
  Hold(AddInstance(*engine, "simulation-engine-7f9c", "a41f0d3", 14, 13), v1::GATE_STATE_WAIT,
       "behind", "needs 14, the database is at 12; 14 runs now (op-7f3a)");
  Hold(AddInstance(*engine, "simulation-engine-b21a", "0ld0ld0", 2, 0), v1::GATE_STATE_REFUSED,
       "too_old", "contract 9 removed what this build still uses; it is adapted to 0");
}

v1::MigrationRef Ref(int version, const std::string& title) {
  v1::MigrationRef ref;
  ref.set_version(version);
  ref.set_title(title);
  return ref;
}

void AddStep(v1::PlanUpgradeResponse& plan, int version, const std::string& title, v1::Phase phase,
             int statements) {
  auto* migration = plan.add_migrations();
  *migration->mutable_ref() = Ref(version, title);
  migration->set_phase(phase);
  migration->set_transactional(true);
  for (int i = 0; i < statements; ++i) migration->add_statements()->set_sql("SELECT 1");
}

v1::Operation* AddOperation(v1::ListOperationsResponse& list, const std::string& id,
                            v1::OperationState state, int target, int applied) {
  v1::Operation* const operation = list.add_operations();
  operation->set_operation_id(id);
  operation->set_state(state);
  operation->set_target(target);
  operation->set_applied(applied);
  operation->set_actor("ci@runner-4");
  operation->mutable_created_at()->set_seconds(kNow - 60);
  return operation;
}

constexpr int kMany = 500;

int Counting(const v1::ConcernedGroup& group) {
  return group.live() + group.suspect() + group.starting() + group.draining() + group.pins();
}

// kMany instances of forty builds in every state; the last four builds have left.
std::vector<v1::ConcernedGroup> GroupsOfMany() {
  const char* const services[] = {
      "analytics-service", "api-gateway",          "billing-service", "collaboration-service",
      "journey-service",   "notification-service", "platform-core",   "simulation-engine"};
  std::vector<v1::ConcernedGroup> groups;
  int left = kMany;
  for (int i = 0; i < 40; ++i) {
    v1::ConcernedGroup& group = groups.emplace_back();
    group.set_service(services[i / 5]);
    group.set_build(absl::StrCat(absl::Hex(0x8d02b17 + 7919 * i)));
    group.set_adapted_to(8 + i % 5);
    group.set_gone(3 * (i % 5));
    if (i >= 36) continue;
    group.set_suspect(i % 9 == 0 ? 1 + i % 4 : 0);
    group.set_pins(i == 7 ? 1 : 0);
    group.set_starting(i % 6 == 0 ? 1 : 0);
    group.set_draining(i % 4 == 3 ? 2 : 0);
    group.set_live(i < 35 ? 12 : left - Counting(group));
    group.set_connected(group.live());
    group.mutable_last_seen()->set_seconds(1 + i % 9);
    group.mutable_oldest()->set_seconds(kNow - 3600 * i);
    left -= Counting(group);
  }
  return groups;
}

}  // namespace

v1::ClusterStatus Fleet() {
  v1::ClusterStatus status;
  status.set_database("dpp");
  status.set_server_version("15.18");
  status.mutable_leader()->set_address("lockstep-0:7411");
  status.mutable_leader()->set_epoch(7);
  status.mutable_chain()->set_applied(12);
  status.mutable_chain()->set_head(16);
  status.mutable_chain()->set_pending(3);
  status.mutable_chain()->add_contracts_waiting(13);
  auto* waiting = status.add_waiting_contracts();
  waiting->set_version(13);
  waiting->set_concerned(2);
  waiting->add_services("simulation-engine");
  waiting->add_services("platform-core");
  auto* contract = status.mutable_contract();
  contract->set_operation_id("op-91bc");
  contract->set_kind(v1::OPERATION_KIND_CONTRACT);
  contract->set_state(v1::OPERATION_STATE_RUNNING);
  contract->set_target(13);
  contract->set_waiting_for("drains: 1 of 3 instances has left; still there: platform-core 1 live");
  status.mutable_read_at()->set_seconds(kNow);
  status.mutable_expiry_frozen()->set_silent(6);
  status.mutable_expiry_frozen()->set_sessions(20);
  status.mutable_expiry_frozen()->mutable_since()->set_seconds(kNow - 170);
  auto* excepted = status.add_overrides();
  excepted->set_override_id("ov-5d0c1b2a3f4e");
  excepted->set_contract(13);
  excepted->set_targets(2);
  excepted->mutable_expires_at()->set_seconds(kNow + 40 * 60);
  excepted->set_actor("ann@laptop");
  excepted->set_reason("the old report is ours");
  status.set_overrides_total(1);
  auto* pin = status.add_pins();
  pin->set_service("platform-core");
  pin->set_build("8d02b17");
  pin->set_holds_up(13);
  pin->mutable_expires_at()->set_seconds(kNow + 6 * 24 * 3600);
  pin->set_actor("ci@runner-4");
  pin->set_reason("release 42");
  pin = status.add_pins();
  pin->set_service("simulation-engine");
  pin->set_build("a41f0d3");
  pin->mutable_expires_at()->set_seconds(kNow - 1);
  pin->set_actor("ann@laptop");
  pin->set_reason("just in case");
  status.set_pins_total(2);
  auto* operation = status.mutable_operation();
  operation->set_operation_id("op-7f3a");
  operation->set_state(v1::OPERATION_STATE_RUNNING);
  operation->mutable_running()->set_version(14);
  operation->mutable_running()->set_title("event_logs");
  operation->mutable_running()->set_statement(2);
  operation->mutable_running()->set_statements(5);
  operation->mutable_running()->set_holder("platform-core@pod-1");
  operation->mutable_running()->mutable_elapsed()->set_seconds(3);
  AddServices(status);
  auto* backfill = status.add_backfills();
  backfill->set_name("journey_backfill_v1");
  backfill->set_state("not run");
  return status;
}

v1::ContractState Contract() {
  v1::ContractState contract;
  contract.set_version(13);
  contract.set_title("drop_legacy_role");
  contract.add_touches("users.legacy_role");
  contract.set_barrier(13);
  contract.set_barrier_owner("ann@laptop");
  contract.mutable_barrier_deadline()->set_seconds(kNow + 7 * 24 * 3600);
  contract.set_operation_id("op-91bc");
  contract.set_phase(v1::CONTRACT_PHASE_DRAINING);
  contract.mutable_soak()->set_seconds(3600);
  contract.set_concerned(2);
  contract.set_counting(31);
  auto* group = contract.add_groups();
  group->set_service("simulation-engine");
  group->set_build("a41f0d3");
  group->set_adapted_to(12);
  group->set_suspect(1);
  group->mutable_oldest()->set_seconds(kNow - 3 * 24 * 3600);
  group = contract.add_groups();
  group->set_service("platform-core");
  group->set_build("8d02b17");
  group->set_adapted_to(12);
  group->set_live(1);
  group->set_gone(1);
  group->set_connected(1);
  group->mutable_last_seen()->set_seconds(4);
  group->mutable_oldest()->set_seconds(kNow - 3600);
  auto* client = contract.add_clients();
  client->set_role("bi");
  client->set_application_name("metabase");
  client->set_address("10.2.0.7");
  client->set_connections(4);
  client->set_locks(1);
  client->set_pid(4711);
  client->set_state("idle in transaction");
  client->mutable_oldest()->set_seconds(kNow - 600);
  client->set_query("SELECT legacy_role FROM users");
  return contract;
}

v1::ContractState ContractOfMany() {
  v1::ContractState contract = Contract();
  contract.set_concerned(kMany);
  contract.set_counting(kMany + 20);
  for (const char* column : {"email", "name", "street", "city", "zip", "country", "phone"}) {
    contract.add_touches(absl::StrCat("users.", column));
  }
  std::vector<v1::ConcernedGroup> groups = GroupsOfMany();
  // As the coordinator sorts them.
  std::stable_sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
    return std::pair(a.suspect() + a.pins(), Counting(a)) >
           std::pair(b.suspect() + b.pins(), Counting(b));
  });
  contract.clear_groups();
  for (const v1::ConcernedGroup& group : groups) *contract.add_groups() = group;
  contract.clear_clients();
  for (int i = 0; i < 12; ++i) {
    auto* client = contract.add_clients();
    client->set_leftover(i == 0);
    client->set_role(i == 0 ? "app_owner" : "bi");
    client->set_application_name(i == 0 ? "platform-core@pod-17#1b2c3d4e"
                                        : absl::StrCat("metabase-", i));
    client->set_address(absl::StrCat("10.2.0.", 7 + i));
    client->set_connections(1 + i % 4);
    client->set_locks(i < 2 ? 1 : 0);
    client->set_state(i % 2 == 0 ? "idle in transaction" : "active");
  }
  return contract;
}

v1::PlanUpgradeResponse Plan() {
  v1::PlanUpgradeResponse plan;
  plan.set_applied(12);
  plan.set_head(16);
  plan.set_target(16);
  plan.set_migrators(1);
  AddStep(plan, 13, "drop_legacy_role", v1::PHASE_CONTRACT, 1);
  plan.mutable_migrations(0)->set_left_waiting(true);
  AddStep(plan, 14, "event_logs", v1::PHASE_EXPAND, 5);
  AddStep(plan, 15, "audit_logs_of_every_change_that_a_person_makes_in_the_platform_or_around_it",
          v1::PHASE_EXPAND, 12);
  AddStep(plan, 16, "fill_event_outbox", v1::PHASE_DATA, 2);
  return plan;
}

v1::ListMigrationsResponse History() {
  v1::ListMigrationsResponse list;
  const v1::MigrationState states[] = {v1::MIGRATION_STATE_APPLIED, v1::MIGRATION_STATE_WAITING,
                                       v1::MIGRATION_STATE_RUNNING, v1::MIGRATION_STATE_PENDING};
  const char* const titles[] = {"backfill_state", "drop_legacy_role", "event_logs",
                                "audit_logs_of_every_change"};
  for (int i = 0; i < 4; ++i) {
    v1::Migration* const migration = list.add_migrations();
    *migration->mutable_ref() = Ref(12 + i, titles[i]);
    migration->set_phase(i == 1 ? v1::PHASE_CONTRACT : v1::PHASE_EXPAND);
    migration->set_state(states[i]);
  }
  v1::Migration* const applied = list.mutable_migrations(0);
  applied->mutable_applied_at()->set_seconds(kNow - 86'400);
  applied->mutable_duration()->set_nanos(340'000'000);
  applied->set_applied_by("platform-core@pod-1");
  applied->set_how("run");
  return list;
}

v1::ListOperationsResponse OperationList() {
  v1::ListOperationsResponse list;
  v1::Operation* const running = AddOperation(list, "op-7f3a", v1::OPERATION_STATE_RUNNING, 16, 13);
  running->mutable_running()->set_version(14);
  running->mutable_running()->set_title("event_logs");
  v1::Operation* const failed = AddOperation(list, "op-6c1f", v1::OPERATION_STATE_FAILED, 14, 13);
  failed->mutable_ended_at()->set_seconds(kNow - 30);
  failed->mutable_error()->set_version(14);
  failed->mutable_error()->set_message("relation \"users\" does not exist");
  failed->mutable_error()->set_sqlstate("42P01");
  failed->set_error_file("014_event_logs.sql");
  v1::Operation* const done = AddOperation(list, "op-5b0e", v1::OPERATION_STATE_SUCCEEDED, 13, 13);
  done->mutable_ended_at()->set_seconds(kNow - 40);
  done->set_reason("release 42");
  return list;
}

LintReport Linted() {
  LintReport report;
  report.files.resize(2);
  report.findings = {
      {.rule = "set-not-null-scan",
       .file = "migrations/017_names.sql",
       .line = 3,
       .column = 23,
       .characters = 8,
       .excerpt = "ALTER TABLE users\tALTER nickname SET NOT NULL;",
       .message = "SET NOT NULL reads all of users under ACCESS EXCLUSIVE: nobody can read or "
                  "write it until the scan is over",
       .hint = "ALTER TABLE users ADD CONSTRAINT users_nickname_nn CHECK (nickname IS NOT NULL) "
               "NOT VALID",
       .object = "users.nickname",
       .statement = 0,
       .blocks = true},
      {.rule = "drop-column",
       .file = "migrations/017_names.sql",
       .line = 104,
       .column = 24,
       .characters = 4,
       .excerpt = "ALTER TABLE größe DROP 名前, DROP email;",
       .message = "column größe.名前 goes away",
       .gate = true},
      {.rule = "create-trigger",
       .severity = sql::Severity::kWarning,
       .file = "migrations/018_watch.sql",
       .line = 1,
       .column = 131,
       .characters = 12,
       .excerpt = "CREATE FUNCTION a_function_with_quite_a_long_name() RETURNS trigger LANGUAGE "
                  "plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER t BEFORE INSERT ON "
                  "measurements FOR EACH ROW EXECUTE FUNCTION a_function_with_quite_a_long_name()",
       .message = "trigger t stops writes to measurements while it is created"},
      {.rule = "prefer-text",
       .severity = sql::Severity::kInfo,
       .file = "migrations/018_watch.sql",
       .line = 2,
       .column = 1,
       .excerpt = "CREATE TABLE t (a varchar(3));",
       .message = "varchar(3) is costly to widen later",
       .allowed = "ISO 4217 has three letters"},
      {.rule = "file-too-large",
       .file = "migrations/019_data.sql",
       .message = "larger than 1048576 bytes",
       .hint = "split it",
       .refusal = true,
       .blocks = true}};
  return report;
}

Diagnosis Diagnosed() {
  Diagnosis diagnosis;
  diagnosis.Ok("coordinator", "127.0.0.1:7411 answers (default)");
  diagnosis.Warn("migrators", "no connected agent can apply migrations",
                 "give an agent --migrate-database, or use `lockstep upgrade --direct`");
  diagnosis.Ok("schema lockstep", "version 1");
  diagnosis.Problem("owner role", "role \"migrator\" may not act as the owner role \"app\"",
                    "GRANT \"app\" TO \"migrator\"");
  return diagnosis;
}

}  // namespace lockstep::ctl::samples
