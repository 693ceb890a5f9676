// Sockets of the proxy: listening, dialling, ending.
#ifndef LOCKSTEP_TESTS_CHAOS_PROXY_SOCKETS_H_
#define LOCKSTEP_TESTS_CHAOS_PROXY_SOCKETS_H_

#include <sys/types.h>

#include "tests/chaos/proxy.h"

namespace lockstep::chaos {

// Listens on 127.0.0.1 at a free port, told in `port`. Throws std::runtime_error.
int ListenTcpSocket(int* port);

// Connects; -1 when the server is not there.
int Dial(const Target& target);

// The process at the other end of a Unix socket; 0 where that cannot be known.
pid_t PeerOf(int fd);

// Closes with RST where the socket has such a thing, so that the peer gets ECONNRESET.
void CloseHard(int fd);

}  // namespace lockstep::chaos

#endif  // LOCKSTEP_TESTS_CHAOS_PROXY_SOCKETS_H_
