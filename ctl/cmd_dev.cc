#include <csignal>
#include <memory>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"

#include "ctl/commands.h"
#include "ctl/dev/error.h"
#include "ctl/dev/stack.h"
#include "ctl/dev/watchdog.h"
#include "ctl/dev/watcher.h"
#include "ctl/dev_round.h"
#include "ctl/errors.h"
#include "ctl/local_chain.h"
#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

constexpr int kMaxPort = 65535;

struct DevOptions {
  dev::StackOptions stack;
  std::string migrations;
  bool once = false;
  bool seed = false;
};

absl::StatusOr<DevOptions> ReadOptions(const Arguments& arguments) {
  DevOptions options = {.stack = {.state = arguments.Text("--state"),
                                  .postgres_bin = arguments.Text("--postgres-bin"),
                                  .port = arguments.Number("--port").value_or(0),
                                  .listen = arguments.Text("--listen"),
                                  .reset = arguments.Has("--reset")},
                        .migrations = MigrationsDirectory(arguments),
                        .once = arguments.Has("--once"),
                        .seed = arguments.Has("--seed")};
  if (options.stack.port > kMaxPort) return UsageError("--port is a port, at most 65535");
  if (arguments.Has("--ephemeral")) {
    if (!options.stack.state.empty() || options.stack.reset) {
      return UsageError("--ephemeral takes a directory of its own: no --state and no --reset");
    }
  } else if (options.stack.state.empty()) {
    options.stack.state = dev::kDefaultState;
  }
  return options;
}

// The last words of the program that failed, above the error itself.
void ShowLog(Console& console, const absl::Status& status) {
  const std::string tail = base::MetadataOf(status, "log_tail");
  if (console.options().json || base::MetadataOf(status, "log").empty()) return;
  for (absl::string_view line : absl::StrSplit(tail, '\n', absl::SkipEmpty())) {
    console.Error(absl::StrCat("  | ", Sanitize(line), "\n"));
  }
  console.Error(absl::StrCat("  ", Sanitize(base::MetadataOf(status, "log")), "\n"));
}

// "applied 16 of 16 (2 migrations in 1.2 s)".
std::string Describe(const DevRound& round) {
  std::string text = absl::StrCat("applied ", round.applied, " of ", round.head);
  if (round.ran > 0) {
    absl::StrAppend(&text, " (", Count(round.ran, "migration"), " in ", DurationText(round.took),
                    ")");
  }
  const std::string waiting = ContractsWaiting(round.contracts_waiting);
  return waiting.empty() ? text : absl::StrCat(text, "\n", waiting);
}

class DevSession {
 public:
  DevSession(Context& outer, const DevOptions& options, dev::Stack& stack)
      : options_(options),
        stack_(stack),
        client_({.candidates = {{stack.state().address(), "lockstep dev"}},
                 .timeout = options.once ? outer.flags.timeout : std::nullopt},
                &outer.interrupt),
        context_{outer.flags, outer.console, outer.interrupt, client_} {}

  // Applies what is there. Returns what --once ends with.
  absl::Status Begin(absl::Time begun) {
    first_ = RunDevRound(context_, stack_.database(), options_.migrations);
    RETURN_IF_ERROR(Fatal());
    if (first_.ok() && options_.seed) RETURN_IF_ERROR(Seed());
    const bool ends = options_.once || context_.interrupt.raised();
    if (!first_.ok() && ends) return first_.status();
    if (!first_.ok()) Report(first_.status());
    ShowReady(absl::Now() - begun);
    return absl::OkStatus();
  }

  // Takes up changes until somebody stops it (OK), or one of the programs ends.
  absl::Status Watch(dev::Watcher& watcher) {
    while (watcher.Wait({context_.interrupt.fd()}) == dev::Watcher::kChanged) {
      watcher.Mark();
      const auto round = RunDevRound(context_, stack_.database(), options_.migrations);
      RETURN_IF_ERROR(Fatal());
      if (!round.ok() && context_.interrupt.raised()) break;
      if (!round.ok()) {
        Report(round.status());
      } else if (round->ran > 0 || failing_) {
        context_.console.Say(Describe(*round));
      }
      failing_ = !round.ok();
    }
    return Fatal();
  }

 private:
  // A program that ended is the cause of whatever failed since.
  absl::Status Fatal() { return stack_.CheckAlive(); }

  void Report(const absl::Status& status) {
    failing_ = true;
    Console& console = context_.console;
    console.Error(console.options().json
                      ? RenderErrorJson(status)
                      : RenderError(status, console.err_style(), console.options().verbose));
  }

  absl::Status Seed() {
    ASSIGN_OR_RETURN(const auto files,
                     dev::ApplySeeds(stack_.server(), options_.migrations + "/seeds"));
    context_.console.Say(absl::StrCat("ran ", Count(static_cast<int64_t>(files.size()), "seed")));
    return absl::OkStatus();
  }

  void ShowReady(absl::Duration took) {
    Console& console = context_.console;
    if (console.options().json) {
      console.Data(Json(took));
    } else if (options_.once) {
      console.Data(absl::StrCat(Describe(*first_), "\n"));
    } else {
      if (first_.ok()) console.Data(absl::StrCat(Describe(*first_), "\n"));
      console.Data(Sanitize(absl::StrCat("ready in ", DurationText(took), ", watching ",
                                         options_.migrations, "; Ctrl-C stops")) +
                   "\n");
      console.Data(absl::StrCat("  psql      ", Sanitize(stack_.psql()), "\n"));
      console.Data(absl::StrCat("  database  ", Sanitize(stack_.url()), "\n"));
      console.Data(absl::StrCat("  address   LOCKSTEP_ADDRESS=", Sanitize(stack_.state().address()),
                                stack_.state().temporary() ? "" : " (found by itself in here)",
                                "\n"));
      console.Data(absl::StrCat("  logs      ", Sanitize(stack_.state().path()), "/log\n"));
    }
    console.Flush();
  }

  std::string Json(absl::Duration took) const {
    nlohmann::ordered_json document = {{"ready", first_.ok()},
                                       {"applied", first_.ok() ? first_->applied : 0},
                                       {"head", first_.ok() ? first_->head : 0},
                                       {"ran", first_.ok() ? first_->ran : 0},
                                       {"reused", !stack_.fresh()},
                                       {"milliseconds", absl::ToInt64Milliseconds(took)}};
    if (!options_.once) {
      document["address"] = stack_.state().address();
      document["database"] = stack_.url();
      document["psql"] = stack_.psql();
      document["state"] = stack_.state().path();
      document["pid"] = getpid();
    }
    return document.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
  }

  const DevOptions& options_;
  dev::Stack& stack_;
  Client client_;
  Context context_;
  absl::StatusOr<DevRound> first_ = DevRound{};
  bool failing_ = false;
};

absl::Status Run(Context& context, const DevOptions& options) {
  const absl::Time begun = absl::Now();
  dev::Watcher watcher(options.migrations);
  ASSIGN_OR_RETURN(const auto stack, dev::Stack::Start(options.stack));
  // Whoever waits for a coordinator that ended would wait for ever.
  const dev::Watchdog watchdog(stack->fds(), [&] { context.interrupt.Raise(SIGTERM); });
  DevSession session(context, options, *stack);
  RETURN_IF_ERROR(session.Begin(begun));
  return options.once ? absl::OkStatus() : session.Watch(watcher);
}

}  // namespace

absl::StatusOr<int> RunDev(Context& context, const Arguments& arguments) {
  ASSIGN_OR_RETURN(DevOptions options, ReadOptions(arguments));
  options.stack.cancel = context.interrupt.fd();
  // A directory that is not there is a mistake; a file in it that is wrong is a day's work.
  if (const auto local = LoadLocalChain(options.migrations); absl::IsNotFound(local.status())) {
    return local.status();
  }
  const absl::Status status = Run(context, options);
  if (absl::IsCancelled(status) && context.interrupt.raised()) return context.interrupt.ToStatus();
  if (!status.ok()) ShowLog(context.console, status);
  RETURN_IF_ERROR(status);
  return kExitDone;
}

}  // namespace lockstep::ctl
