#include "ctl/actor.h"

#include <climits>
#include <pwd.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace lockstep::ctl {

std::string Actor() {
  char host[HOST_NAME_MAX + 1] = {};
  gethostname(host, HOST_NAME_MAX);
  // The user database, not $USER: the latter is wrong after sudo and absent in containers.
  char buffer[4096];
  passwd entry{};
  passwd* found = nullptr;
  getpwuid_r(getuid(), &entry, buffer, sizeof(buffer), &found);
  const std::string user = found != nullptr ? entry.pw_name : absl::StrCat("uid-", getuid());
  return absl::StrCat(user, "@", host);
}

}  // namespace lockstep::ctl
