#include "engine/sql/analysis/context.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"

namespace lockstep::sql {
namespace {

// CREATE SCHEMA in a DO block in EXPLAIN ...: more is nobody's migration.
constexpr int kMaxInside = 16;

bool IsSmall(const model::Relation& relation) {
  return relation.bytes >= 0 && relation.bytes < kSmallTableBytes &&
         relation.rows < kSmallTableRows;
}

ObjectClass ClassOf(const model::Relation& relation) {
  return relation.kind == model::RelationKind::kSequence ? ObjectClass::kSequence
                                                         : ObjectClass::kRelation;
}

void Merge(LockMode mode, Work work, Touch* touch) {
  touch->lock = std::max(touch->lock, mode);
  touch->rewrite |= work.rewrite;
  touch->index_rebuild |= work.index_rebuild;
  touch->scan |= work.scan;
}

}  // namespace

std::string ColumnText(const model::Relation& relation, absl::string_view column) {
  return absl::StrCat(relation.name.text(), ".", column);
}

model::Relation* StatementContext::Find(const model::Name& written) {
  return db.FindRelation(written);
}

model::Relation* StatementContext::Find(Node range) { return Find(model::NameOf(range)); }

model::Relation& StatementContext::Resolve(const model::Name& written) {
  if (model::Relation* found = Find(written)) return *found;
  model::Relation stub;
  stub.name = db.NameForNew(written);
  stub.complete = false;
  stub.missing = db.complete;
  return db.Add(std::move(stub));
}

model::Relation& StatementContext::Resolve(Node range) { return Resolve(model::NameOf(range)); }

bool StatementContext::IsKnownMissing(const model::Name& written) {
  return db.complete && Find(written) == nullptr;
}

Touch& StatementContext::TouchOf(ObjectClass object_class, const model::Name& name,
                                 absl::string_view column, bool live) {
  for (Touch& touch : facts.touches) {
    if (touch.object_class == object_class && touch.name == name && touch.column == column) {
      return touch;
    }
  }
  facts.touches.push_back(
      {.object_class = object_class, .name = name, .column = std::string(column), .live = live});
  return facts.touches.back();
}

void StatementContext::Lock(const model::Relation& relation, LockMode mode, Work work) {
  Touch& touch = TouchOf(ClassOf(relation), relation.name, "", !relation.is_new);
  touch.table = relation.IsTable();
  Merge(mode, work, &touch);
}

LockMode StatementContext::LockOn(const model::Relation& relation) const {
  for (const Touch& touch : facts.touches) {
    if (touch.object_class == ClassOf(relation) && touch.name == relation.name &&
        touch.column.empty()) {
      return touch.lock;
    }
  }
  return LockMode::kNone;
}

void StatementContext::LockIndex(const model::Relation& table, absl::string_view index,
                                 LockMode mode, Work work) {
  LockObject(ObjectClass::kIndex, {table.name.schema, std::string(index)}, mode, !table.is_new,
             work);
}

void StatementContext::LockIndexes(const model::Relation& table, LockMode mode, Work work) {
  for (const model::Index& index : table.indexes) LockIndex(table, index.name, mode, work);
}

void StatementContext::LockObject(ObjectClass object_class, const model::Name& name, LockMode mode,
                                  bool live, Work work) {
  Merge(mode, work, &TouchOf(object_class, name, "", live));
}

void StatementContext::Touches(const model::Relation& relation, absl::string_view column,
                               Effect effect) {
  Touch& touch = TouchOf(relation.kind == model::RelationKind::kSequence ? ObjectClass::kSequence
                                                                         : ObjectClass::kRelation,
                         relation.name, column, !relation.is_new);
  touch.effect = std::max(touch.effect, effect);
}

void StatementContext::TouchesObject(ObjectClass object_class, const model::Name& name,
                                     Effect effect, bool live) {
  Touch& touch = TouchOf(object_class, name, "", live);
  touch.effect = std::max(touch.effect, effect);
}

void StatementContext::Strengthen(Phase phase, ContractKind kind) {
  if (facts.phase == Phase::kContract && facts.contract_kind == ContractKind::kOpaque &&
      phase == Phase::kContract) {
    facts.contract_kind = kind;  // Something that is known tells more.
  }
  if (phase > facts.phase) {
    facts.phase = phase;
    facts.contract_kind = phase == Phase::kContract ? kind : ContractKind::kNone;
  }
}

void StatementContext::StrengthenOn(const model::Relation& relation, Phase phase,
                                    ContractKind kind) {
  if (relation.is_new && phase == Phase::kContract) {
    Strengthen(Phase::kExpand);
  } else {
    Strengthen(phase, kind);
  }
}

Finding& StatementContext::Report(Rule rule, Node at, std::string message) {
  if (quiet_) {
    dropped_ = Finding();
    return dropped_;
  }
  Finding finding{.rule = rule, .severity = InfoOf(rule).severity, .message = std::move(message)};
  finding.offset = OffsetOf(at);
  findings_.push_back(std::move(finding));
  return findings_.back();
}

size_t StatementContext::OffsetOf(Node at) const {
  const Node location = at["location"] ? at["location"] : at.body()["location"];
  const int64_t inside = location.number() - static_cast<int64_t>(origin_.base);
  if (!origin_.exact || inside <= 0) return std::min(origin_.offset, text.size());
  return std::min(origin_.offset + static_cast<size_t>(inside), text.size());
}

Finding& StatementContext::ReportOn(const model::Relation& relation, Rule rule, Node at,
                                    std::string message) {
  if (relation.is_new || relation.missing) {
    dropped_ = Finding();
    return dropped_;
  }
  Finding& finding = Report(rule, at, std::move(message));
  finding.object = relation.name.text();
  if (InfoOf(rule).scales && finding.severity == Severity::kError && IsSmall(relation)) {
    finding.severity = Severity::kWarning;
  }
  return finding;
}

Finding& StatementContext::Refuse(Rule rule, Node at, std::string message) {
  const bool quiet = std::exchange(quiet_, false);
  Finding& finding = Report(rule, at, std::move(message));
  quiet_ = quiet;
  finding.refusal = true;
  return finding;
}

void StatementContext::Inside(Node statement) {
  if (depth_ == kMaxInside) {
    facts.opaque = true;
    Strengthen(Phase::kContract, ContractKind::kOpaque);
    return;
  }
  ++depth_;
  AnalyzeNode(statement, *this);
  --depth_;
}

void StatementContext::InsideText(Node statement, Origin origin, bool quiet) {
  const Origin outer = std::exchange(origin_, origin);
  const bool outer_quiet = std::exchange(quiet_, quiet_ || quiet);
  Inside(statement);
  quiet_ = outer_quiet;
  origin_ = outer;
}

bool StatementContext::EnterFunction(const model::Name& name) {
  return functions_.insert(name).second;
}

}  // namespace lockstep::sql
