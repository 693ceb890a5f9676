#include "engine/postgres/conninfo.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include <libpq-fe.h>

#include "engine/base/error_info.h"

namespace lockstep::postgres {
namespace {

std::string Quote(absl::string_view value) {
  std::string quoted = "'";
  for (char c : value) {
    if (c == '\'' || c == '\\') quoted.push_back('\\');
    quoted.push_back(c);
  }
  quoted.push_back('\'');
  return quoted;
}

}  // namespace

absl::StatusOr<std::string> CompleteConninfo(const std::string& conninfo,
                                             absl::string_view application_name,
                                             absl::Duration connect_timeout) {
  char* error = nullptr;
  PQconninfoOption* options = PQconninfoParse(conninfo.c_str(), &error);
  if (options == nullptr) {
    const std::string text = error == nullptr ? "out of memory" : error;
    PQfreemem(error);
    return base::MakeError(
        absl::StatusCode::kInvalidArgument, "BAD_CONNINFO",
        absl::StrCat("cannot read the connection string: ", absl::StripAsciiWhitespace(text)), {},
        "use postgresql://USER@HOST:PORT/DATABASE or host=... dbname=... user=...");
  }
  std::map<std::string, std::string> pairs = {{"keepalives_idle", "10"},
                                              {"keepalives_interval", "5"},
                                              {"keepalives_count", "3"},
                                              {"target_session_attrs", "read-write"}};
  if (!application_name.empty()) pairs["application_name"] = std::string(application_name);
  if (connect_timeout > absl::ZeroDuration()) {
    // libpq counts whole seconds and takes 1 for 2.
    pairs["connect_timeout"] =
        absl::StrCat(std::max<int64_t>(2, absl::ToInt64Seconds(connect_timeout)));
  }
  for (PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) pairs[option->keyword] = option->val;
  }
  PQconninfoFree(options);
  std::string completed;
  for (const auto& [key, value] : pairs) absl::StrAppend(&completed, key, "=", Quote(value), " ");
  return completed;
}

}  // namespace lockstep::postgres
