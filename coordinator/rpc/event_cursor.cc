#include "coordinator/rpc/event_cursor.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "coordinator/wire/from_proto.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

absl::Status OtherIncarnation(const EventCursor& cursor, int64_t present, int64_t begin) {
  return base::MakeError(
      absl::StatusCode::kOutOfRange, "EVENT_COMPACTED",
      absl::StrCat("event ", cursor.after, " is of incarnation ", cursor.incarnation,
                   ", the database is in ", present, ": PostgreSQL failed over or was restored"),
      {{"after", absl::StrCat(cursor.after)},
       {"cursor_incarnation", absl::StrCat(cursor.incarnation)},
       {"incarnation", absl::StrCat(present)},
       {"resume_after", absl::StrCat(begin)}},
      absl::StrCat("events that were seen may be lost; the present ones begin after ", begin));
}

absl::Status BeyondTheLog(const EventCursor& cursor, int64_t newest) {
  return base::MakeError(
      absl::StatusCode::kOutOfRange, "INVALID_FIELD",
      absl::StrCat("after: the newest event is ", newest, ", not ", cursor.after),
      {{"field", "after"}, {"newest", absl::StrCat(newest)}},
      "the log is of another database, or of a restored one: read it anew");
}

}  // namespace

std::string FormatCursor(const EventCursor& cursor) {
  return absl::StrCat(cursor.incarnation, ".", cursor.after);
}

absl::StatusOr<EventCursor> ParseCursor(const std::string& token) {
  const std::vector<std::string> parts = absl::StrSplit(token, '.');
  EventCursor cursor;
  if (parts.size() == 2 && absl::SimpleAtoi(parts[0], &cursor.incarnation) &&
      absl::SimpleAtoi(parts[1], &cursor.after) && cursor.incarnation > 0 && cursor.after >= 0) {
    return cursor;
  }
  return InvalidField("page_token", "not one of ours");
}

absl::Status CheckCursor(postgres::Connection& connection, const EventCursor& cursor,
                         const EventPage& page) {
  if (cursor.incarnation > 0 && cursor.incarnation != page.incarnation) {
    ASSIGN_OR_RETURN(const int64_t begin, ReadIncarnationBegin(connection));
    return OtherIncarnation(cursor, page.incarnation, begin);
  }
  return page.newest < cursor.after ? BeyondTheLog(cursor, page.newest) : absl::OkStatus();
}

}  // namespace lockstep::coordinator
