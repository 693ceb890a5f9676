#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/local_chain.h"
#include "ctl/sanitize.h"
#include "ctl/scaffold.h"
#include "engine/base/error_info.h"
#include "engine/base/file.h"
#include "engine/base/status_macros.h"
#include "engine/chain/service_file.h"

namespace lockstep::ctl {
namespace {

// So that git keeps a folder that is empty.
constexpr char kKeepFile[] = ".gitkeep";

struct Made {
  std::vector<std::string> made;
  std::vector<std::string> kept;
};

absl::Status MakeFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) return absl::OkStatus();
  return base::MakeError(absl::StatusCode::kPermissionDenied, kReasonFile,
                         absl::StrCat("cannot create ", path, ": ", error.message()),
                         {{"path", path}});
}

// Nothing that is there is touched, whatever is in it.
absl::Status AddFile(const std::string& path, absl::string_view text, Made& made) {
  const absl::Status written = base::WriteNewFile(path, text);
  if (absl::IsAlreadyExists(written)) {
    made.kept.push_back(path);
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(written);
  made.made.push_back(path);
  return absl::OkStatus();
}

absl::StatusOr<chain::Chain> ExistingChain(const std::string& migrations) {
  absl::StatusOr<chain::Chain> chain = LoadLocalChain(migrations);
  if (absl::IsNotFound(chain.status())) return chain::Chain();
  return chain;
}

absl::StatusOr<Made> MakeProject(const std::string& root, const std::string& service) {
  const std::string migrations = absl::StrCat(root, "/migrations");
  // Read first: what is there already and broken must be seen before anything is made.
  ASSIGN_OR_RETURN(const chain::Chain chain, ExistingChain(migrations));
  Made made;
  for (const char* folder : {"backfills", "models"}) {
    const std::string path = absl::StrCat(migrations, "/", folder);
    RETURN_IF_ERROR(MakeFolder(path));
    std::error_code ignored;
    if (!std::filesystem::is_empty(path, ignored)) {
      made.kept.push_back(path);
      continue;
    }
    RETURN_IF_ERROR(AddFile(absl::StrCat(path, "/", kKeepFile), "", made));
  }
  RETURN_IF_ERROR(AddFile(ChainSumPath(migrations), chain::FormatChainSum(chain.sum()), made));
  if (service.empty()) return made;
  const std::string folder = absl::StrCat(root, "/services/", service);
  RETURN_IF_ERROR(MakeFolder(folder));
  RETURN_IF_ERROR(
      AddFile(absl::StrCat(folder, "/lockstep.yaml"), ServiceFileTemplate(service), made));
  return made;
}

std::string NextSteps(const std::string& directory) {
  const std::string here = directory.empty() ? "" : absl::StrCat("cd ", directory, "\n  ");
  return absl::StrCat("\nnext:\n  ", here,
                      "lockstep new initial schema     # the first migration\n"
                      "  lockstep sum && lockstep check  # after writing it\n");
}

}  // namespace

absl::StatusOr<int> RunInit(Context& context, const Arguments& arguments) {
  const std::string service = arguments.Text("--service");
  if (!service.empty()) {
    const auto parsed = chain::ParseServiceFile("lockstep.yaml", ServiceFileTemplate(service));
    if (!parsed.ok() || parsed->service != service) {
      return UsageError(
          absl::StrCat("a service is 1 to 63 characters of a-z, 0-9 and -, not \"", service, "\""));
    }
  }
  const std::string& directory = arguments.argument();
  ASSIGN_OR_RETURN(const Made made, MakeProject(directory.empty() ? "." : directory, service));
  if (context.flags.json) {
    const nlohmann::ordered_json document = {{"made", made.made}, {"kept", made.kept}};
    context.console.Data(document.dump(2, ' ', true, nlohmann::json::error_handler_t::replace) +
                         "\n");
    return kExitDone;
  }
  std::string text;
  for (const std::string& path : made.made) absl::StrAppend(&text, "made ", Sanitize(path), "\n");
  for (const std::string& path : made.kept) {
    absl::StrAppend(&text, "kept ", Sanitize(path), ", which was there\n");
  }
  context.console.Data(text);
  context.console.Say(NextSteps(Sanitize(directory)));
  return kExitDone;
}

}  // namespace lockstep::ctl
