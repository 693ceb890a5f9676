// lockstep-coordinator: see --help.
#include <csignal>
#include <cstdio>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <pthread.h>
#include <string>

#include "coordinator/program/config.h"
#include "coordinator/program/environment.h"
#include "engine/base/error_info.h"

namespace {

// Prints an error as every program of lockstep does; returns the exit code.
int Fail(const absl::Status& status) {
  std::fprintf(stderr, "error: %s\n", std::string(status.message()).c_str());
  const auto info = lockstep::base::GetErrorInfo(status);
  if (info.has_value() && !info->hint.empty()) {
    std::fprintf(stderr, "  hint: %s\n", info->hint.c_str());
  }
  const bool unreachable = absl::IsUnavailable(status) || absl::IsNotFound(status);
  return unreachable ? 7 : absl::IsUnauthenticated(status) ? 4 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const auto parsed = lockstep::coordinator::ParseCommandLine(argc, argv);
  if (parsed.exit) {
    std::fputs(parsed.text.c_str(), parsed.code == 0 ? stdout : stderr);
    return parsed.code;
  }
  // Blocked before gRPC starts threads, so that only sigwait sees them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  // For every server of this process: which is why it stands here and not in Environment.
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  lockstep::base::InitLogging(parsed.config.log);
  auto environment = lockstep::coordinator::Environment::Start(parsed.config);
  if (!environment.ok()) return Fail(environment.status());
  int signal = 0;
  sigwait(&signals, &signal);
  (*environment)->Stop();
  return 0;
}
