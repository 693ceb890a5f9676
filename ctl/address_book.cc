#include "ctl/address_book.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

#include "ctl/errors.h"
#include "engine/base/error_info.h"
#include "engine/base/file.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

constexpr int64_t kMaxFileBytes = 1 << 20;
constexpr size_t kMaxNameBytes = 63;
constexpr int kMode = 0600;

absl::Status BadFile(const std::string& path, absl::string_view why) {
  return base::MakeError(absl::StatusCode::kInvalidArgument, "BAD_CONTEXT_FILE",
                         absl::StrCat(path, ": ", why), {{"file", path}},
                         "correct or remove the file; `lockstep context add NAME --address "
                         "ADDRESS` makes a new one");
}

std::vector<Candidate> CandidatesOf(const std::vector<std::string>& addresses,
                                    const std::string& origin) {
  std::vector<Candidate> candidates;
  for (const std::string& address : addresses) candidates.push_back({address, origin});
  return candidates;
}

bool IsSet(const char* value) { return value != nullptr && *value != '\0'; }

}  // namespace

std::string AddressBookPath() {
  const char* const config = std::getenv("XDG_CONFIG_HOME");
  if (IsSet(config)) return absl::StrCat(config, "/lockstep/contexts.json");
  const char* const home = std::getenv("HOME");
  return IsSet(home) ? absl::StrCat(home, "/.config/lockstep/contexts.json") : "";
}

bool IsContextName(absl::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) return false;
  for (const char c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_' && c != '.') {
      return false;
    }
  }
  return true;
}

absl::StatusOr<AddressBook> LoadAddressBook(const std::string& path) {
  AddressBook book;
  if (path.empty()) return book;
  const auto text = base::ReadFile(path, kMaxFileBytes);
  if (absl::IsNotFound(text.status())) return book;
  RETURN_IF_ERROR(text.status());
  const auto json = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return BadFile(path, "not a JSON object");
  const auto contexts = json.value("contexts", nlohmann::json::object());
  if (!contexts.is_object()) return BadFile(path, "\"contexts\" is not an object");
  for (const auto& [name, addresses] : contexts.items()) {
    if (!IsContextName(name)) return BadFile(path, "a context has a name that none can have");
    if (!addresses.is_array() || addresses.empty()) {
      return BadFile(path, absl::StrCat("context ", name, " is not a list of addresses"));
    }
    for (const auto& address : addresses) {
      if (!address.is_string()) {
        return BadFile(path, absl::StrCat("context ", name, " is not a list of addresses"));
      }
      book.contexts[name].push_back(address.get<std::string>());
    }
  }
  const auto current = json.value("current", nlohmann::json(""));
  if (!current.is_string()) return BadFile(path, "\"current\" is not a name");
  book.current = current.get<std::string>();
  return book;
}

absl::Status SaveAddressBook(const std::string& path, const AddressBook& book) {
  if (path.empty()) {
    return base::MakeError(
        absl::StatusCode::kFailedPrecondition, kReasonFile,
        "there is no place for contexts: neither XDG_CONFIG_HOME nor HOME is set", {},
        "set HOME, or use --address");
  }
  const nlohmann::ordered_json json = {{"current", book.current}, {"contexts", book.contexts}};
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (std::filesystem::create_directories(folder, error)) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  }
  return base::WriteFileAtomically(
      path, json.dump(2, ' ', true, nlohmann::json::error_handler_t::replace) + "\n", kMode);
}

absl::Status NoSuchContext(const AddressBook& book, absl::string_view name) {
  std::vector<std::string> names;
  for (const auto& [known, addresses] : book.contexts) names.push_back(known);
  return base::MakeError(absl::StatusCode::kNotFound, "CONTEXT_NOT_FOUND",
                         absl::StrCat("there is no context \"", name, "\""),
                         {{"context", std::string(name)}},
                         names.empty() ? "`lockstep context add NAME --address ADDRESS`"
                                       : absl::StrCat("there is ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<std::vector<Candidate>> ResolveCandidates(const GlobalFlags& flags,
                                                         const AddressEnvironment& environment,
                                                         const std::string& path,
                                                         const std::optional<std::string>& dev) {
  if (!flags.addresses.empty()) return CandidatesOf(flags.addresses, "--address");
  std::string name = flags.context;
  std::string origin = "--context";
  if (name.empty()) {
    if (IsSet(environment.address)) return FindCandidates({}, environment.address);
    if (IsSet(environment.context)) {
      name = environment.context;
      origin = "LOCKSTEP_CONTEXT";
    }
  }
  ASSIGN_OR_RETURN(const AddressBook book, LoadAddressBook(path));
  if (name.empty()) {
    name = book.current;
    origin = "current";
  }
  if (name.empty()) return FindCandidates({}, nullptr, dev);
  const auto it = book.contexts.find(name);
  if (it == book.contexts.end()) return NoSuchContext(book, name);
  return CandidatesOf(it->second, absl::StrCat("context ", name, ", ", origin));
}

}  // namespace lockstep::ctl
