// Named coordinators: a small JSON file of one person, so that nobody types addresses.
//
//   {"current": "staging", "contexts": {"staging": ["db1:7411", "db2:7411"]}}
//
// The file is $XDG_CONFIG_HOME/lockstep/contexts.json, else ~/.config/lockstep/contexts.json, with
// mode 0600. Of two writers at once, one wins.
#ifndef LOCKSTEP_CTL_ADDRESS_BOOK_H_
#define LOCKSTEP_CTL_ADDRESS_BOOK_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "ctl/arguments.h"
#include "ctl/client.h"

namespace lockstep::ctl {

struct AddressBook {
  std::string current;                                       // "" for none.
  std::map<std::string, std::vector<std::string>> contexts;  // Addresses by name.
  bool operator==(const AddressBook&) const = default;
};

// Where the file is, from the environment; "" when neither XDG_CONFIG_HOME nor HOME says so.
std::string AddressBookPath();

// Empty when there is no file. INVALID_ARGUMENT (BAD_CONTEXT_FILE) when it cannot be understood;
// what base::ReadFile returns.
absl::StatusOr<AddressBook> LoadAddressBook(const std::string& path);
absl::Status SaveAddressBook(const std::string& path, const AddressBook& book);

// 1 to 63 of a-z, A-Z, 0-9, -, _ and dot.
bool IsContextName(absl::string_view name);

// NOT_FOUND (CONTEXT_NOT_FOUND), with the names that there are.
absl::Status NoSuchContext(const AddressBook& book, absl::string_view name);

// What of the environment names a coordinator; null pointers mean "not set".
struct AddressEnvironment {
  const char* address = nullptr;  // LOCKSTEP_ADDRESS
  const char* context = nullptr;  // LOCKSTEP_CONTEXT
};

// Where to look for a coordinator, in order. The first of these that is given is the only one:
// --address, --context, LOCKSTEP_ADDRESS, LOCKSTEP_CONTEXT, the current context; else `dev`, the
// address of a running `lockstep dev`, and the defaults. What is typed goes before the environment.
// Fails as LoadAddressBook does, and with NoSuchContext; reads the file only when nothing before it
// names an address.
absl::StatusOr<std::vector<Candidate>> ResolveCandidates(const GlobalFlags& flags,
                                                         const AddressEnvironment& environment,
                                                         const std::string& path,
                                                         const std::optional<std::string>& dev);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_ADDRESS_BOOK_H_
