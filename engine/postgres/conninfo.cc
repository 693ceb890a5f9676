#include "engine/postgres/conninfo.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include <libpq-fe.h>

#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"

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

absl::Status BadConninfo(absl::string_view why) {
  return base::MakeError(
      absl::StatusCode::kInvalidArgument, "BAD_CONNINFO",
      absl::StrCat("cannot read the connection string: ", why), {},
      "use postgresql://USER@HOST:PORT/DATABASE or host=... dbname=... user=...; "
      "in a URL write @ / ? # % of a password as %40 %2F %3F %23 %25");
}

// libpq's message without what it quotes of the string. The quoted part may contain quotes itself,
// so everything from the first quote on goes, but for the delimiters that libpq says are missing.
std::string WithoutQuoted(absl::string_view message) {
  size_t from = message.find('"');
  while (from != absl::string_view::npos) {
    const absl::string_view rest = message.substr(from, 3);
    if (rest != "\"=\"" && rest != "\"]\"") break;
    from = message.find('"', from + 3);
  }
  if (from == absl::string_view::npos) return std::string(message);
  const size_t last = message.rfind('"');
  return absl::StrCat(message.substr(0, from), "(not shown)", message.substr(last + 1));
}

// Whether an @ stands in a URL where libpq does not take it for the end of the password.
bool HasStrayAt(absl::string_view conninfo) {
  if (!absl::ConsumePrefix(&conninfo, "postgresql://") &&
      !absl::ConsumePrefix(&conninfo, "postgres://")) {
    return false;
  }
  conninfo = conninfo.substr(0, conninfo.find('?'));
  const size_t at = conninfo.find('@');
  return at != absl::string_view::npos && (conninfo.rfind('@') != at || conninfo.find('/') < at);
}

std::string Format(const std::map<std::string, std::string>& pairs) {
  std::string text;
  for (const auto& [key, value] : pairs) absl::StrAppend(&text, key, "=", Quote(value), " ");
  return text;
}

}  // namespace

absl::StatusOr<std::map<std::string, std::string>> ParseConninfo(const std::string& conninfo) {
  if (HasStrayAt(conninfo)) return BadConninfo("there is an @ where none can be");
  char* error = nullptr;
  PQconninfoOption* options = PQconninfoParse(conninfo.c_str(), &error);
  if (options == nullptr) {
    const std::string text = error == nullptr ? "out of memory" : error;
    PQfreemem(error);
    return BadConninfo(WithoutQuoted(absl::StripAsciiWhitespace(text)));
  }
  std::map<std::string, std::string> pairs;
  for (PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) pairs[option->keyword] = option->val;
  }
  PQconninfoFree(options);
  const auto port = pairs.find("port");
  if (port != pairs.end() && port->second.find_first_not_of("0123456789,") != std::string::npos) {
    return BadConninfo("the port is not a number");
  }
  return pairs;
}

absl::StatusOr<std::string> CompleteConninfo(const std::string& conninfo,
                                             absl::string_view application_name,
                                             absl::Duration connect_timeout) {
  ASSIGN_OR_RETURN(const auto named, ParseConninfo(conninfo));
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
  for (const auto& [key, value] : named) pairs[key] = value;
  return Format(pairs);
}

absl::StatusOr<std::string> WithDefault(const std::string& conninfo, const std::string& keyword,
                                        const std::string& value) {
  ASSIGN_OR_RETURN(auto pairs, ParseConninfo(conninfo));
  pairs.emplace(keyword, value);
  return Format(pairs);
}

}  // namespace lockstep::postgres
