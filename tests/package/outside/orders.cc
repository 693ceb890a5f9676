// A service that carries its chain.sum and lockstep.yaml in its program: orders ADDRESS. Serves for
// no time at all, and exits 0 when its gate opened.
#include <cstdio>
#include <string>

#include "lockstep/agent.h"
#include "memory.h"

namespace {

void Print(const char* when) {
  std::printf("%s VmRSS %ld KiB, RssAnon %ld KiB\n", when, MemoryKib("VmRSS"),
              MemoryKib("RssAnon"));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  Print("before");
  auto agent = lockstep::Agent::Start({.addresses = {argv[1]},
                                       .embedded = lockstep::GetEmbeddedFiles(),
                                       .instance = "orders-1",
                                       .build = "outside"});
  if (!agent.ok()) {
    std::fprintf(stderr, "%s\n", agent.status().ToString().c_str());
    return 1;
  }
  const absl::Status open = (*agent)->WaitUntilServable(absl::Minutes(1));
  if (!open.ok()) {
    std::fprintf(stderr, "%s\n", open.ToString().c_str());
    return 1;
  }
  (*agent)->SetServing(true);
  Print("servable");
  std::printf("gate %s, applied %d\n", (*agent)->gate().reason.c_str(), (*agent)->gate().applied);
  (*agent)->Stop("done");
  return 0;
}
