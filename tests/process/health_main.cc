// Blocks the signals that the sidecar takes before gRPC starts its threads, as the program does:
// any thread that does not block them may get them instead, and dies of them.
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

int main(int argc, char** argv) {
  ::testing::InitGoogleMock(&argc, argv);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return RUN_ALL_TESTS();
}
