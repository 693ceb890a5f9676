#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

#include "ctl/address_book.h"
#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/sanitize.h"
#include "ctl/table.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

std::string ToJson(const AddressBook& book) {
  const nlohmann::ordered_json document = {{"current", book.current}, {"contexts", book.contexts}};
  return document.dump(2, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string ToTable(const AddressBook& book, const Style& style, int width) {
  if (book.contexts.empty()) return "no contexts\n";
  Table table({{"CURRENT"}, {"NAME"}, {"ADDRESSES"}});
  for (const auto& [name, addresses] : book.contexts) {
    table.AddRow({{name == book.current ? "*" : ""}, {name}, {absl::StrJoin(addresses, ", ")}});
  }
  return table.Render(style, width);
}

absl::StatusOr<int> Done(Context& context, const AddressBook& book, const std::string& text) {
  if (context.flags.json) {
    context.console.Data(ToJson(book));
  } else {
    context.console.Data(absl::StrCat(Sanitize(text), "\n"));
  }
  return kExitDone;
}

}  // namespace

absl::StatusOr<int> RunContextList(Context& context, const Arguments&) {
  ASSIGN_OR_RETURN(const AddressBook book, LoadAddressBook(AddressBookPath()));
  Console& console = context.console;
  console.Data(context.flags.json
                   ? ToJson(book)
                   : ToTable(book, console.out_style(), console.options().out_width));
  return kExitDone;
}

absl::StatusOr<int> RunContextUse(Context& context, const Arguments& arguments) {
  const std::string path = AddressBookPath();
  ASSIGN_OR_RETURN(AddressBook book, LoadAddressBook(path));
  const auto it = book.contexts.find(arguments.argument());
  if (it == book.contexts.end()) return NoSuchContext(book, arguments.argument());
  book.current = it->first;
  RETURN_IF_ERROR(SaveAddressBook(path, book));
  return Done(context, book,
              absl::StrCat("using ", it->first, ": ", absl::StrJoin(it->second, ", ")));
}

absl::StatusOr<int> RunContextAdd(Context& context, const Arguments& arguments) {
  const std::string& name = arguments.argument();
  if (!IsContextName(name)) {
    return UsageError(absl::StrCat(
        "a context's name is 1 to 63 letters, digits, -, _ and dots, not \"", name, "\""));
  }
  if (context.flags.addresses.empty()) {
    return UsageError("where is it?",
                      absl::StrCat("`lockstep context add ", name, " --address HOST:PORT`"));
  }
  const std::string path = AddressBookPath();
  ASSIGN_OR_RETURN(AddressBook book, LoadAddressBook(path));
  const bool replaced = book.contexts.contains(name);
  book.contexts[name] = context.flags.addresses;
  if (book.current.empty()) book.current = name;
  RETURN_IF_ERROR(SaveAddressBook(path, book));
  return Done(context, book,
              absl::StrCat(replaced ? "replaced " : "added ", name,
                           book.current == name ? ", which is in use" : ""));
}

absl::StatusOr<int> RunContextRemove(Context& context, const Arguments& arguments) {
  const std::string path = AddressBookPath();
  ASSIGN_OR_RETURN(AddressBook book, LoadAddressBook(path));
  if (book.contexts.erase(arguments.argument()) == 0) {
    return NoSuchContext(book, arguments.argument());
  }
  const bool was_current = book.current == arguments.argument();
  if (was_current) book.current.clear();
  RETURN_IF_ERROR(SaveAddressBook(path, book));
  return Done(context, book,
              absl::StrCat("removed ", arguments.argument(),
                           was_current ? "; no context is in use now" : ""));
}

}  // namespace lockstep::ctl
