// What an orchestrator sees of an agent: its HTTP answers, and where to ask over gRPC.
#ifndef LOCKSTEP_TESTS_E2E_PROBE_H_
#define LOCKSTEP_TESTS_E2E_PROBE_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <regex>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "tests/support/eventually.h"
#include "tests/support/subprocess.h"

namespace lockstep::testing {

struct HttpAnswer {
  int status = 0;  // 0: nobody answered.
  nlohmann::json body;
};

inline HttpAnswer HttpGet(int port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval limit{.tv_sec = 30, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  HttpAnswer answer;
  const std::string request =
      absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  std::string text;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      send(fd, request.data(), request.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(request.size())) {
    char buffer[4096];
    for (ssize_t n; (n = recv(fd, buffer, sizeof(buffer), 0)) > 0;) text.append(buffer, n);
  }
  close(fd);
  const size_t body = text.find("\r\n\r\n");
  if (text.rfind("HTTP/1.", 0) != 0 || body == std::string::npos) return answer;
  (void)absl::SimpleAtoi(text.substr(9, 3), &answer.status);
  answer.body = nlohmann::json::parse(text.substr(body + 4), nullptr, false);
  return answer;
}

// Of an agent that was started with --http 0; 0 when it does not come to listen.
inline int HttpPortOf(const Subprocess& agent) {
  std::smatch match;
  if (!agent.WaitForOutput("http listening.*\"port\":\"[0-9]+\"")) return 0;
  const std::string text = agent.stderr_text();
  return std::regex_search(text, match, std::regex("\"port\":\"([0-9]+)\"")) ? std::stoi(match[1])
                                                                             : 0;
}

// Of an agent that was started with --grpc-health 0; 0 when it does not come to listen.
inline int HealthPortOf(const Subprocess& agent) {
  std::smatch match;
  if (!agent.WaitForOutput("grpc health listening.*\"port\":\"[0-9]+\"")) return 0;
  const std::string text = agent.stderr_text();
  return std::regex_search(text, match,
                           std::regex("grpc health listening[^\n]*\"port\":\"([0-9]+)\""))
             ? std::stoi(match[1])
             : 0;
}

// The verdict of the agent at `port` once its reason is `reason`, or the last one.
inline HttpAnswer GateOnce(int port, const std::string& reason) {
  HttpAnswer answer;
  (void)Eventually([&] {
    answer = HttpGet(port, "/gate");
    return answer.status != 0 && answer.body.is_object() &&
           answer.body.value("reason", "") == reason;
  });
  return answer;
}

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_E2E_PROBE_H_
