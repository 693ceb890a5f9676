// Unix sockets for the tests' own servers and proxies.
#ifndef LOCKSTEP_TESTS_SUPPORT_UNIX_SOCKET_H_
#define LOCKSTEP_TESTS_SUPPORT_UNIX_SOCKET_H_

#include <string>

namespace lockstep::testing {

// The name of a PostgreSQL server's socket in its directory.
inline constexpr char kPostgresSocket[] = ".s.PGSQL.5432";

// A descriptor that listens at `path`; replaces a socket that was left there. `flags`: e.g.
// SOCK_NONBLOCK. Throws std::runtime_error when it cannot.
int ListenUnix(const std::string& path, int flags = 0);

// A descriptor that is connected to `path`, or is about to be (SOCK_NONBLOCK); -1 when nobody
// listens there. Throws std::runtime_error when the path is too long.
int DialUnix(const std::string& path, int flags = 0);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SUPPORT_UNIX_SOCKET_H_
