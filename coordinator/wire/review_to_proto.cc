#include "coordinator/wire/review_to_proto.h"

#include <algorithm>
#include <span>
#include <string>

#include "coordinator/wire/to_proto.h"
#include "engine/sql/split.h"

namespace lockstep::coordinator {
namespace {

v1::Severity SeverityOf(sql::Severity severity) {
  switch (severity) {
    case sql::Severity::kInfo:
      return v1::SEVERITY_INFO;
    case sql::Severity::kWarning:
      return v1::SEVERITY_WARNING;
    case sql::Severity::kError:
      return v1::SEVERITY_ERROR;
  }
  return v1::SEVERITY_UNSPECIFIED;
}

v1::Finding FindingOf(const chain::Migration& migration, const sql::Finding& finding) {
  v1::Finding proto;
  const sql::LineColumn place = sql::PositionOf(migration.sql, finding.offset);
  proto.set_rule(std::string(sql::InfoOf(finding.rule).id));
  proto.set_severity(SeverityOf(finding.severity));
  proto.set_version(migration.version);
  proto.set_file(migration.file);
  proto.set_line(place.line);
  proto.set_column(place.column);
  proto.set_message(finding.message);
  proto.set_hint(finding.hint);
  proto.set_object(finding.object);
  proto.set_allowed(finding.allowed);
  proto.set_blocks(finding.Blocks());
  return proto;
}

v1::ObjectLock LockOf(const sql::Touch& touch, const sql::model::Database& before) {
  v1::ObjectLock proto;
  proto.set_object(touch.name.text());
  proto.set_object_class(std::string(sql::ObjectClassName(touch.object_class)));
  proto.set_mode(std::string(sql::LockModeName(touch.lock)));
  proto.set_rewrite(touch.rewrite);
  proto.set_scan(touch.scan);
  proto.set_index_rebuild(touch.index_rebuild);
  proto.set_live(touch.live);
  const auto relation = before.relations.find(touch.name);
  const bool known = relation != before.relations.end();
  proto.set_rows(known ? relation->second.rows : -1);
  proto.set_bytes(known ? relation->second.bytes : -1);
  return proto;
}

void AddStatements(const chain::ReviewedMigration& reviewed, const sql::model::Database& before,
                   int64_t* bytes_left, v1::PlannedMigration& proto) {
  const chain::Migration& migration = reviewed.migration;
  *bytes_left -= static_cast<int64_t>(migration.sql.size());
  if (*bytes_left < 0) return;
  for (size_t i = 0; i < migration.statements.size(); ++i) {
    const sql::StatementFacts& facts = reviewed.analysis.statements[i];
    v1::PlannedStatement* const planned = proto.add_statements();
    planned->set_summary(facts.summary);
    planned->set_phase(ToProto(facts.phase));
    planned->set_line(migration.statements[i].line);
    planned->set_sql(std::string(sql::TextOf(migration.sql, migration.statements[i])));
    for (const sql::Touch& touch : facts.touches) {
      if (touch.lock != sql::LockMode::kNone) *planned->add_locks() = LockOf(touch, before);
    }
  }
}

// What the analysis adds to a step.
void AddReview(const Review& review, int64_t* bytes_left, v1::PlannedMigration& proto) {
  const auto found = std::find_if(review.migrations.begin(), review.migrations.end(),
                                  [&](const chain::ReviewedMigration& reviewed) {
                                    return reviewed.migration.version == proto.ref().version();
                                  });
  if (found == review.migrations.end()) return;
  proto.mutable_ref()->set_digest(found->migration.digest);
  const auto hash = review.chain_hashes.find(found->migration.version);
  if (hash != review.chain_hashes.end()) proto.mutable_ref()->set_chain_hash(hash->second);
  if (found->analysis.phase == sql::Phase::kContract) {
    proto.set_contract_kind(std::string(sql::ContractKindName(found->analysis.contract_kind)));
  }
  AddFindings({&*found, 1}, proto.mutable_findings());
  AddStatements(*found, review.before, bytes_left, proto);
}

}  // namespace

void AddFindings(std::span<const chain::ReviewedMigration> migrations,
                 google::protobuf::RepeatedPtrField<v1::Finding>* findings) {
  for (const auto& [migration, analysis] : migrations) {
    for (const sql::Finding& finding : analysis.findings) {
      *findings->Add() = FindingOf(migration, finding);
    }
  }
}

v1::PublishChainResponse ToProto(const PublishResult& result, v1::LintMode mode) {
  v1::PublishChainResponse proto;
  proto.set_head(result.head);
  proto.set_head_hash(result.head_hash);
  for (const Version version : result.added) proto.add_added(version);
  for (const std::string& name : result.added_backfills) proto.add_added_backfills(name);
  if (mode != v1::LINT_MODE_OFF) {
    const auto added = std::span(result.review.migrations).last(result.added.size());
    AddFindings(added, proto.mutable_findings());
  }
  return proto;
}

v1::PlanUpgradeResponse ToProto(const PlannedUpgrade& planned) {
  v1::PlanUpgradeResponse proto;
  const Plan& plan = planned.plan;
  proto.set_applied(plan.applied);
  proto.set_head(plan.head);
  proto.set_target(plan.target);
  proto.set_plan_digest(planned.digest);
  proto.set_migrators(planned.migrators);
  proto.set_never_served(plan.never_served);
  int64_t bytes_left = kMaxPlanBytes;
  for (const PlanStep& step : plan.steps) {
    v1::PlannedMigration* const migration = proto.add_migrations();
    const PendingMigration& m = step.migration;
    migration->mutable_ref()->set_version(m.version);
    migration->mutable_ref()->set_title(m.title);
    migration->set_phase(ToProto(m.phase));
    migration->set_transactional(m.transactional);
    migration->set_left_waiting(step.kind == StepKind::kLeftWaiting);
    if (step.kind != StepKind::kRun) migration->set_blocked_by(step.why);
    migration->set_waits(step.waits);
    for (const Version contract : m.waits_for) migration->add_waits_for(contract);
    AddReview(planned.review, &bytes_left, *migration);
  }
  return proto;
}

}  // namespace lockstep::coordinator
