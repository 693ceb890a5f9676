// One child process under supervision: signals go to it, its end becomes ours, orphans are reaped.
//
//   Supervisor supervisor;                        // first thing in main, before any thread
//   ... wait for what must come first: supervisor.Next() also returns signals and Wake() ...
//   RETURN_IF_ERROR(supervisor.Start({.command = {"./server"}}));
//   for (;;) {
//     const Event event = supervisor.Next(absl::InfiniteDuration());
//     if (event.kind == Event::kChildEnded) return supervisor.exit_code();
//     if (event.kind == Event::kSignal) supervisor.Forward(event);
//   }
//
// The child stays in our process group, so that a terminal's job control works on both together. A
// signal that the terminal sent to the group has reached the child already and is not forwarded:
// one Ctrl-C is one SIGINT.
//
// Not guaranteed: that descendants end with the child; as with any parent they go on, unless we are
// process 1 of a container, which ends them all.
//
// Threads: all of it on the main thread, but for Wake. A death signal (die_with_us) is tied to the
// thread that started the child.
#ifndef LOCKSTEP_AGENT_PROCESS_SUPERVISOR_H_
#define LOCKSTEP_AGENT_PROCESS_SUPERVISOR_H_

#include <csignal>
#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace lockstep::process {

struct Event {
  enum Kind { kTimeout, kWoken, kSignal, kChildEnded };
  Kind kind = kTimeout;
  int signal = 0;              // Of kSignal.
  bool from_terminal = false;  // Of kSignal: the child got it, too.
};

struct ChildOptions {
  std::vector<std::string> command;
  // Variables whose names begin with one of them are not passed on.
  std::vector<std::string> hidden_variables;
  // Set in its environment; the second ones only where nobody has set them.
  std::map<std::string, std::string> variables;
  std::map<std::string, std::string> default_variables;
  // The kernel kills the child when we die, whatever we die of.
  bool die_with_us = false;
};

class Supervisor {
 public:
  // Blocks the signals it forwards in this thread and in those that it starts. At most one exists.
  Supervisor();
  // Restores the signals. Does not end the child.
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Starts the child; once. NOT_FOUND when there is no such program, PERMISSION_DENIED when it
  // cannot be executed, INTERNAL when no process could be made.
  absl::Status Start(const ChildOptions& options);

  // Waits for the next event, at most `timeout`. Also reaps every orphan that became our child.
  Event Next(absl::Duration timeout);
  // Makes Next return kWoken, now or when it is called next. From any thread.
  void Wake();

  // Passes a signal on to the child, unless the terminal did or the child has ended.
  void Forward(const Event& event);

  // What we should exit with: the child's exit code, or 128 + the signal that ended it. Valid once
  // Next has returned kChildEnded.
  int exit_code() const { return exit_code_; }
  bool child_running() const { return child_ > 0; }
  pid_t child() const { return child_; }

 private:
  bool TakeSignal(Event* event);
  bool Reap();

  sigset_t handled_;
  sigset_t old_mask_;
  struct sigaction old_pipe_action_;
  int signal_fd_ = -1;
  int wake_fd_ = -1;
  std::vector<int> inherited_;  // Files that our parent gave us for the child, in order.
  pid_t child_ = 0;
  int exit_code_ = 0;
  bool ended_ = false;  // The child's end was seen and not yet returned by Next.
};

}  // namespace lockstep::process

#endif  // LOCKSTEP_AGENT_PROCESS_SUPERVISOR_H_
