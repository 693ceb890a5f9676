#include "engine/postgres/lock_wait.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace lockstep::postgres {
namespace {

std::string Age(absl::Duration age) {
  return absl::FormatDuration(absl::Floor(std::max(age, absl::ZeroDuration()), absl::Seconds(1)));
}

// In how many ways a session keeps its lock: it works, or it sits there.
std::string StateText(const LockBlocker& blocker) {
  if (blocker.state.empty()) return "";  // Not for our eyes.
  const bool idle = absl::StartsWith(blocker.state, "idle");
  const std::string state = blocker.state == "active" ? "running" : blocker.state;
  return absl::StrCat(", ", state, " for ",
                      Age(idle ? blocker.state_age : blocker.transaction_age));
}

}  // namespace

LockWait LockWaitOf(const Result& result) {
  LockWait wait;
  for (const Row& row : result.rows) {
    wait.relation = row.Text(0);
    wait.mode = row.Text(1);
    if (row.IsNull(2) || wait.blockers.size() == kMaxBlockers) continue;
    wait.blockers.push_back({.pid = row.Int(2),
                             .backend_start = row.Long(3),
                             .transaction_start = row.Long(4),
                             .role = row.Text(5),
                             .application_name = row.Text(6),
                             .state = row.Text(7),
                             .transaction_age = absl::Seconds(row.Double(8)),
                             .state_age = absl::Seconds(row.Double(9)),
                             .query = StatementHead(row.Text(10))});
  }
  return wait;
}

std::string Describe(const LockBlocker& blocker) {
  if (blocker.pid == 0) {
    return absl::StrCat("the prepared transaction ", blocker.query, " of role ", blocker.role,
                        ", open for ", Age(blocker.transaction_age));
  }
  const std::string who = blocker.application_name.empty() ? absl::StrCat("role ", blocker.role)
                                                           : blocker.application_name;
  return absl::StrCat("pid ", blocker.pid, ", ", who, StateText(blocker),
                      blocker.query.empty() ? "" : ": ", blocker.query);
}

std::string Describe(const LockWait& wait) {
  const std::string what = wait.relation.empty() ? "what it needs" : wait.relation;
  if (wait.blockers.empty()) return absl::StrCat(what, " is locked");
  const size_t others = wait.blockers.size() - 1;
  return absl::StrCat(
      what, " is locked by ", Describe(wait.blockers.front()),
      others == 0 ? "" : absl::StrCat(" (and by ", others, others == 1 ? " other)" : " others)"));
}

std::string StatementHead(absl::string_view text) {
  std::string head;
  for (const char c : absl::StripAsciiWhitespace(text)) {
    if (!absl::ascii_isspace(static_cast<unsigned char>(c))) {
      head += c;
    } else if (head.back() != ' ') {
      head += ' ';
    }
    if (head.size() > kMaxStatementHead) break;
  }
  if (head.size() <= kMaxStatementHead) return head;
  size_t end = kMaxStatementHead;
  while (end > 0 && (static_cast<unsigned char>(head[end]) & 0xC0) == 0x80) --end;
  return head.substr(0, end);
}

}  // namespace lockstep::postgres
