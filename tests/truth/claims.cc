#include "tests/truth/claims.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

#include "engine/sql/split.h"

namespace lockstep::truth {
namespace {

using ::lockstep::testing::Abbreviation;
using ::lockstep::testing::Trace;
using ::lockstep::testing::TracedRelation;
using sql::LockMode;
using sql::ObjectClass;

struct Claim {
  LockMode lock = LockMode::kNone;
  bool rewrite = false;
  bool scan = false;
  bool live = false;
};

bool IsRelation(ObjectClass object_class) {
  return object_class == ObjectClass::kRelation || object_class == ObjectClass::kIndex ||
         object_class == ObjectClass::kSequence;
}

std::map<std::string, Claim> ClaimsOf(const sql::StatementFacts& facts) {
  std::map<std::string, Claim> claims;
  for (const sql::Touch& touch : facts.touches) {
    if (!IsRelation(touch.object_class)) continue;
    Claim& claim = claims[absl::StrCat(touch.name.schema, ".", touch.name.name)];
    claim.lock = std::max(claim.lock, touch.lock);
    claim.rewrite |= touch.rewrite || touch.index_rebuild;
    claim.scan |= touch.scan;
    claim.live |= touch.live;
  }
  return claims;
}

std::string Text(bool value) { return value ? "yes" : "no"; }
std::string Text(LockMode lock) { return std::string(Abbreviation(lock)); }

// A new storage of a sequence is its one row, and that of a partitioned table is none.
bool CountsAsRewrite(const TracedRelation& relation) {
  return relation.rewritten &&
         (relation.kind == 'r' || relation.kind == 'm' || relation.kind == 'i');
}

// What is read under a lock that keeps nobody waiting hurts nobody, and for a query it is for the
// planner to decide whether all of a table is read.
bool ScanCounts(const Claim& claim) {
  return claim.lock == LockMode::kNone || claim.lock > LockMode::kRowExclusive;
}

bool IsIndex(const TracedRelation& relation) {
  return relation.kind == 'i' || relation.kind == 'I';
}

}  // namespace

std::string Text(const Disagreement& disagreement) {
  return absl::StrCat(disagreement.relation, ": ", disagreement.what, " ", disagreement.claimed,
                      " claimed, ", disagreement.observed, " observed");
}

sql::FileAnalysis Claims(const Form& form, const sql::model::Database& database) {
  std::string text;
  for (const std::string& setting : form.settings) absl::StrAppend(&text, setting, ";\n");
  for (const std::string& statement : form.statements) absl::StrAppend(&text, statement, ";\n");
  const sql::SplitResult split = sql::SplitStatements(text);
  sql::Analyzer analyzer(database);
  return analyzer.Analyze({.text = text, .statements = split.statements});
}

const sql::StatementFacts& FactsOf(const Form& form, const sql::FileAnalysis& analysis,
                                   size_t index) {
  return analysis.statements.at(form.settings.size() + index);
}

std::vector<Disagreement> Weaker(const sql::StatementFacts& facts, const Trace& trace) {
  std::map<std::string, Claim> claims = ClaimsOf(facts);
  std::vector<Disagreement> weaker;
  for (const TracedRelation& seen : trace.relations) {
    const Claim claim = claims[seen.name];
    LockMode lock = claim.lock;
    if (IsIndex(seen)) {
      lock = std::max(lock, std::min(claims[seen.table].lock, LockMode::kRowExclusive));
    }
    if (lock < seen.lock) weaker.push_back({seen.name, "lock", Text(lock), Text(seen.lock)});
    if (CountsAsRewrite(seen) && !claim.rewrite) {
      weaker.push_back({seen.name, "rewrite", Text(false), Text(true)});
    }
    if (ScanCounts(claim) && seen.scans > 0 && !claim.scan && !claim.rewrite) {
      weaker.push_back({seen.name, "scan", Text(false), Text(true)});
    }
  }
  return weaker;
}

std::vector<Disagreement> Stronger(const sql::StatementFacts& facts, const Trace& trace) {
  std::map<std::string, TracedRelation> observed;
  for (const TracedRelation& relation : trace.relations) observed[relation.name] = relation;
  std::vector<Disagreement> stronger;
  for (const auto& [name, claim] : ClaimsOf(facts)) {
    if (!claim.live) continue;
    const TracedRelation& seen = observed[name];
    if (claim.lock > std::max(seen.lock, LockMode::kAccessShare)) {
      stronger.push_back({name, "lock", Text(claim.lock), Text(seen.lock)});
    }
    if (claim.rewrite && !seen.rewritten) {
      stronger.push_back({name, "rewrite", Text(true), Text(false)});
    }
    if (ScanCounts(claim) && claim.scan && seen.scans == 0) {
      stronger.push_back({name, "scan", Text(true), Text(false)});
    }
  }
  return stronger;
}

}  // namespace lockstep::truth
