#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/fleet_listing.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "ctl/watch.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

constexpr int64_t kDefaultLimit = 100;
constexpr int64_t kTail = 10;  // What --follow begins with.
constexpr int64_t kPage = 1000;
constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

// Prints events one by one, and remembers where it stands.
class Printer {
 public:
  Printer(Context& context, int64_t after, int64_t limit)
      : context_(context), after_(after), left_(limit) {}

  int64_t after() const { return after_; }
  bool full() const { return left_ <= 0; }
  // Numbers went back: what follows `after` is new.
  void GoBackTo(int64_t after) { after_ = after; }

  // Nothing twice: a stream that was opened again may begin with what is known.
  absl::Status Print(const v1::Event& event) {
    if (event.sequence() <= after_ || full()) return absl::OkStatus();
    after_ = event.sequence();
    --left_;
    if (context_.flags.json) return PrintJsonLine(context_.console, event);
    if (first_) context_.console.Data(EventHeading(context_.console.out_style()));
    first_ = false;
    context_.console.Data(EventLine(event));
    return context_.console.Flush() ? absl::OkStatus()
                                    : absl::UnknownError("cannot write to standard output");
  }

 private:
  Context& context_;
  int64_t after_;
  int64_t left_;
  bool first_ = true;
};

// The newest `limit` events, or those after --after; the pages in one answer.
absl::StatusOr<v1::ListEventsResponse> Fetch(Context& context, const Arguments& arguments,
                                             int64_t limit) {
  v1::ListEventsRequest request;
  request.set_newest(!arguments.Has("--after"));
  request.set_after(arguments.Count("--after").value_or(0));
  v1::ListEventsResponse all;
  while (true) {
    request.set_page_size(static_cast<int32_t>(std::min(limit - all.events_size(), kPage)));
    ASSIGN_OR_RETURN(v1::ListEventsResponse page,
                     context.client.Call(&v1::StatusService::Stub::ListEvents, request));
    all.mutable_events()->MergeFrom(page.events());
    all.set_next_page_token(page.next_page_token());
    all.set_incarnation(page.incarnation());
    if (page.next_page_token().empty() || page.events().empty() || request.newest() ||
        all.events_size() >= limit) {
      return all;
    }
    request.set_page_token(page.next_page_token());
  }
}

absl::StatusOr<int> List(Context& context, const Arguments& arguments) {
  const int64_t limit = arguments.Count("--limit").value_or(kDefaultLimit);
  if (limit < 1) return UsageError("--limit is at least 1");
  if (limit > kPage && !arguments.Has("--after")) {
    return UsageError(absl::StrCat("--limit is at most ", kPage, " without --after"),
                      "`lockstep events --after 0` begins with the first one");
  }
  ASSIGN_OR_RETURN(const v1::ListEventsResponse list, Fetch(context, arguments, limit));
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJsonList(context.console, list));
    return kExitDone;
  }
  Printer printer(context, -1, limit);
  for (const v1::Event& event : list.events()) RETURN_IF_ERROR(printer.Print(event));
  if (list.events().empty()) context.console.Say("no events");
  if (!list.next_page_token().empty()) {
    context.console.Say(
        absl::StrCat("later ones: `lockstep events --after ", printer.after(), "`"));
  }
  return kExitDone;
}

// After PostgreSQL lost commits the log is followed from where the present incarnation begins.
// False for any other end.
bool GoOnInNewIncarnation(Context& context, const absl::Status& end,
                          v1::WatchEventsRequest& request, Printer& printer) {
  int64_t incarnation = 0;
  int64_t resume_after = 0;
  if (base::ReasonOf(end) != "EVENT_COMPACTED" ||
      !absl::SimpleAtoi(base::MetadataOf(end, "incarnation"), &incarnation) ||
      !absl::SimpleAtoi(base::MetadataOf(end, "resume_after"), &resume_after)) {
    return false;
  }
  context.console.Say(absl::StrCat("incarnation ", incarnation,
                                   " began: PostgreSQL failed over or was restored, and events "
                                   "after ",
                                   resume_after, " may have been lost"));
  printer.GoBackTo(resume_after);
  request.set_after(resume_after);
  request.set_incarnation(incarnation);
  return true;
}

absl::StatusOr<int> Follow(Context& context, const Arguments& arguments) {
  const int64_t limit = arguments.Count("--limit").value_or(kNoLimit);
  if (limit < 1) return UsageError("--limit is at least 1");
  Printer printer(context, arguments.Count("--after").value_or(0), limit);
  v1::WatchEventsRequest request;
  if (!arguments.Has("--after")) {
    ASSIGN_OR_RETURN(const v1::ListEventsResponse tail,
                     Fetch(context, arguments, std::min(limit, kTail)));
    for (const v1::Event& event : tail.events()) RETURN_IF_ERROR(printer.Print(event));
    if (printer.full()) return kExitDone;
    request.set_incarnation(tail.incarnation());
  }
  request.set_after(printer.after());
  absl::Status printed;
  Progress progress(context.console);
  WatchHooks<v1::WatchEventsResponse> hooks;
  hooks.lossless = true;
  hooks.on_event = [&](const v1::WatchEventsResponse& batch) {
    progress.Clear();
    for (const v1::Event& event : batch.events()) printed.Update(printer.Print(event));
    // Where a stream that is opened again goes on.
    request.set_after(printer.after());
    request.set_incarnation(batch.incarnation());
    return printer.full() || !printed.ok();
  };
  hooks.on_outage = [&](const absl::Status& status) {
    progress.Show("outage", absl::StrCat("reconnecting: ", std::string(status.message())));
  };
  absl::Status watched;
  // Each round is one failover or restore more, which are rare.
  do {
    watched = Watch(context.client, &v1::StatusService::Stub::WatchEvents, request, hooks);
    progress.Clear();
  } while (GoOnInNewIncarnation(context, watched, request, printer));
  RETURN_IF_ERROR(printed);
  // Ctrl-C is how a person ends this: nothing to report.
  if (context.interrupt.raised()) return ExitCodeOf(watched);
  RETURN_IF_ERROR(watched);
  return kExitDone;
}

}  // namespace

absl::StatusOr<int> RunEvents(Context& context, const Arguments& arguments) {
  return arguments.Has("--follow") ? Follow(context, arguments) : List(context, arguments);
}

}  // namespace lockstep::ctl
