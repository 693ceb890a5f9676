#include "coordinator/operation/groups.h"

namespace lockstep::coordinator {

using chain::Sharing;

std::vector<Version> GroupsOf(const std::vector<MigrationText>& texts, bool never_served) {
  std::vector<Version> groups;
  Version first = 0;
  size_t length = 0;
  size_t bytes = 0;
  bool open = false;  // Something may follow in the group.
  for (const MigrationText& text : texts) {
    const bool joins = open && text.sharing != Sharing::kAlone && length < kMaxGroup &&
                       bytes + text.sql.size() <= kMaxGroupBytes;
    if (!joins) {
      first = text.entry.version;
      length = 0;
      bytes = 0;
    }
    ++length;
    bytes += text.sql.size();
    open = never_served && text.sharing == Sharing::kAny;
    groups.push_back(first);
  }
  return groups;
}

}  // namespace lockstep::coordinator
